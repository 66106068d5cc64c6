"""What recurrent layers share: the constructor, calling convention and parameter names of `torch.nn.LSTM`.

Inside, sequences lie time first, with their padding behind the real steps; a backward direction reads every
sequence from its own last real step.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from attendo.models.layers.reversal import reverse_sequences


class RecurrentLayers(nn.Module, ABC):
    """Layers of a recurrent cell, called as `torch.nn.LSTM` is; a cell says its weights and its recurrence.

    Args:
        input_size: features per input step.
        hidden_size: features per state and direction.
        num_layers: layers stacked upon each other.
        bias: add biases.
        batch_first: padded inputs and outputs are (batch, time, feature), not (time, batch, feature). States
            are (layer · direction, batch, hidden) either way.
        dropout: probability between layers; there is none after the last.
        bidirectional: read from both ends and concatenate [forward; backward] at every step.
        proj_size: there are no projections; anything but 0 is refused.

    Raises:
        ValueError: a size is not positive, the dropout is no probability, or a projection is asked for.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int,
        device: torch.device | str | int | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        self._check(input_size, hidden_size, num_layers, dropout, proj_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self.directions = 2 if bidirectional else 1
        for depth in range(num_layers):
            features = input_size if depth == 0 else hidden_size * self.directions
            for suffix in self._suffixes(depth):
                for name, shape in self._shapes(features).items():
                    weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(name + suffix, weight)

    def _check(
        self, input_size: int, hidden_size: int, num_layers: int, dropout: float, proj_size: int
    ) -> None:
        name = type(self).__name__
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for size_name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name}: {size_name} must be at least 1, not {size}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be a probability from 0 to 1, not {dropout}")
        if proj_size != 0:
            raise ValueError(f"{name} has no projections: proj_size must be 0, not {proj_size}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=4,  # the line that builds the layer
            )

    @abstractmethod
    def _shapes(self, features: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights of one direction that reads `features`, by name without layer."""

    @abstractmethod
    def _states(
        self,
        inputs: Float[Tensor, "time batch feature"],
        is_padding: Bool[Tensor, "time batch"] | None,
        hidden: Float[Tensor, "batch hidden"],
        cell: Float[Tensor, "batch hidden"],
        suffix: str,
    ) -> Float[Tensor, "time batch hidden"]:
        """States of one direction of one layer from the initial `hidden` and `cell`."""

    def _finished(
        self,
        depth: int,
        inputs: Float[Tensor, "time batch feature"],
        states: Float[Tensor, "time batch output"],
        is_padding: Bool[Tensor, "time batch"] | None,
    ) -> Float[Tensor, "time batch output"]:
        """What a layer hands on, made of its inputs and of the states of its directions."""
        return states

    def forward(
        self,
        input: Float[Tensor, "*axes feature"] | PackedSequence,
        hx: Float[Tensor, "*state hidden"] | Sequence[Float[Tensor, "*state hidden"]] | None = None,
        *,
        is_padding: Bool[Tensor, "batch time"] | None = None,
    ) -> tuple[Tensor | PackedSequence, tuple[Tensor, Tensor]]:
        """Return `(output, (h_n, c_n))`; c_n is the same tensor as h_n.

        Args:
            input: (time, batch, feature), (batch, time, feature) with `batch_first`, one sequence
                (time, feature), or a packed one.
            hx: initial states, zero where there are none: h₀ alone or a pair (h₀, c₀) as of an LSTM, each
                (layer · direction, batch, hidden), without the batch axis for one sequence.
            is_padding: True at padding, which stands after the real steps. The output is then zero there,
                h_n is the state after the last real step, and nothing depends on what stands there. Without
                it every step is real, as for `nn.LSTM`.

        Raises:
            ValueError: a shape does not fit.
        """
        if isinstance(input, PackedSequence):
            if is_padding is not None:
                raise ValueError("a PackedSequence knows its padding: leave is_padding out")
            return self._run_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__} reads 2 or 3 axes, but input is {tuple(input.shape)}")
        is_batched = input.dim() == 3
        if is_batched:
            inputs = input.transpose(0, 1).contiguous() if self.batch_first else input
        else:
            inputs = input[:, None]
            if hx is not None:
                hx = hx[:, None] if isinstance(hx, Tensor) else [state[:, None] for state in hx]
        _check_padding(inputs, is_padding)
        output, state = self._run(inputs, hx, None if is_padding is None else is_padding.T)
        if not is_batched:
            output, state = output[:, 0], state[:, 0]
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, (state, state)

    def _run_packed(
        self, packed: PackedSequence, hx: Tensor | Sequence[Tensor] | None
    ) -> tuple[PackedSequence, tuple[Tensor, Tensor]]:
        """Unpack, run, pack again: packed kernels are several times slower than padded ones on a CPU."""
        data, batch_sizes, order, original_order = packed
        row = torch.arange(int(batch_sizes[0]), device=data.device)
        is_real = row < batch_sizes.to(data.device)[:, None]  # time batch: the longest sequence comes first
        padded = data.new_zeros(*is_real.shape, data.shape[-1]).masked_scatter(is_real[:, :, None], data)
        if hx is not None and order is not None:
            hx = hx[:, order] if isinstance(hx, Tensor) else [state[:, order] for state in hx]
        output, state = self._run(padded, hx, ~is_real)
        if original_order is not None:
            state = state[:, original_order]
        return PackedSequence(output[is_real], batch_sizes, order, original_order), (state, state)

    def _run(
        self,
        inputs: Float[Tensor, "time batch feature"],
        hx: Tensor | Sequence[Tensor] | None,
        is_padding: Bool[Tensor, "time batch"] | None,
    ) -> tuple[Float[Tensor, "time batch output"], Float[Tensor, "state batch hidden"]]:
        """Return what the last layer hands on, and the last states of all layers and directions."""
        if inputs.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__} was built for input_size={self.input_size}, but the input has "
                f"{inputs.shape[-1]} features"
            )
        hidden, cell = self._initial(inputs, hx)
        layer = _without_padding(inputs, is_padding)
        last = []
        for depth in range(self.num_layers):
            read = F.dropout(layer, self.dropout, self.training) if depth > 0 else layer
            directions = []
            for direction, suffix in enumerate(self._suffixes(depth)):
                index = depth * self.directions + direction
                met = _reversed(read, is_padding) if direction else read
                states = self._states(met, is_padding, hidden[index], cell[index], suffix)
                last.append(_last_state(states, is_padding, cell[index]))
                directions.append(_reversed(states, is_padding) if direction else states)
            states = torch.cat(directions, dim=-1) if self.bidirectional else directions[0]
            layer = _without_padding(self._finished(depth, layer, states, is_padding), is_padding)
        return layer, torch.stack(last)

    def _initial(
        self, inputs: Float[Tensor, "time batch feature"], hx: Tensor | Sequence[Tensor] | None
    ) -> tuple[Float[Tensor, "state batch hidden"], Float[Tensor, "state batch hidden"]]:
        """Initial states h₀ and c₀ of all layers and directions."""
        shape = (self.num_layers * self.directions, inputs.shape[1], self.hidden_size)
        if hx is None:
            zeros = inputs.new_zeros(shape)
            return zeros, zeros
        hidden, cell = (hx, hx) if isinstance(hx, Tensor) else hx
        for state in (hidden, cell):
            if state.shape != shape:
                raise ValueError(
                    f"{type(self).__name__}: an initial state is (layer · direction, batch, hidden) = "
                    f"{shape}, not {tuple(state.shape)}"
                )
        return hidden, cell

    def _suffixes(self, depth: int) -> list[str]:
        """Ends of the parameter names of a layer, one for each direction."""
        return [f"_l{depth}", f"_l{depth}_reverse"][: self.directions]

    def _weights(self, name: str) -> Iterator[tuple[int, Tensor]]:
        """Every weight of that name, with the depth of its layer."""
        for depth in range(self.num_layers):
            for suffix in self._suffixes(depth):
                if hasattr(self, name + suffix):
                    yield depth, self.get_parameter(name + suffix)

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The weights of every layer and direction, as `nn.LSTM` lists them."""
        suffixes = [suffix for depth in range(self.num_layers) for suffix in self._suffixes(depth)]
        names = self._shapes(self.input_size)
        return [[self.get_parameter(name + suffix) for name in names] for suffix in suffixes]

    def flatten_parameters(self) -> None:
        """Do nothing: there is no fused kernel that wants the weights in one block."""

    def extra_repr(self) -> str:
        defaults = {
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        changed = [
            f"{name}={getattr(self, name)}"
            for name, value in defaults.items()
            if getattr(self, name) != value
        ]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])


def _check_padding(
    inputs: Float[Tensor, "time batch feature"], is_padding: Bool[Tensor, "rows columns"] | None
) -> None:
    time, batch = inputs.shape[:2]
    if is_padding is not None and is_padding.shape != (batch, time):
        raise ValueError(
            f"is_padding is (batch, time) = {tuple(is_padding.shape)}, but the input has {batch} sequences "
            f"of {time} steps"
        )


def _without_padding(
    states: Float[Tensor, "time batch feature"], is_padding: Bool[Tensor, "time batch"] | None
) -> Float[Tensor, "time batch feature"]:
    return states if is_padding is None else states.masked_fill(is_padding[:, :, None], 0.0)


def _reversed(
    states: Float[Tensor, "time batch feature"], is_padding: Bool[Tensor, "time batch"] | None
) -> Float[Tensor, "time batch feature"]:
    if is_padding is None:
        return states.flip(0)
    return reverse_sequences(states.transpose(0, 1), is_padding.T).transpose(0, 1)


def _last_state(
    states: Float[Tensor, "time batch hidden"],
    is_padding: Bool[Tensor, "time batch"] | None,
    initial: Float[Tensor, "batch hidden"],
) -> Float[Tensor, "batch hidden"]:
    """The state after the last real step; the initial one where there is no real step."""
    if len(states) == 0:
        return initial
    if is_padding is None:
        return states[-1]
    lengths = (~is_padding).sum(dim=0)[None, :, None]  # 1 batch 1
    last = states.take_along_dim((lengths - 1).clamp(min=0), dim=0)[0]
    return torch.where(lengths[0] > 0, last, initial.to(last.dtype))
