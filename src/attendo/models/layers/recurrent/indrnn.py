"""IndRNN: recurrent units that each see only their own past."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from attendo.models.layers.recurrent.stack import RecurrentLayers
from attendo.suggestions import check_choice

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class IndRNN(RecurrentLayers):
    """Independently recurrent network: h_t = act(W x_t + b + u ⊙ h_{t−1}) (Li et al. 2018, arXiv 1803.04831).

    Called as `torch.nn.LSTM` is, with its arguments, shapes and parameter names: `weight_ih_l{k}[_reverse]`
    (H, I), the vector u `weight_hh_l{k}` (H,) and one bias `bias_ih_l{k}` (H,). Of an initial pair
    (h₀, c₀) only h₀ is read. The bound on |u| is kept by `constrain_()`, to be called after every optimizer
    step; forward changes no parameter. Weight decay does not belong on u.

    To move from indrnn-pytorch, whose `IndRNN` and `IndRNNv2` this replaces: `n_layer` is `num_layers`;
    `hidden_max_abs` is `recurrent_max_abs`, with `constrain_()`; `hidden_min_abs` and `gradient_clip` have
    no counterpart (clip the gradients of the whole model); `hidden_inits` and `recurrent_inits` become
    `nn.init` calls on `weight_ih_l{k}` and `weight_hh_l{k}`. Their last state (batch, layer · hidden) is
    `h_n.transpose(0, 1).flatten(1)` of one direction. `cells.{k}.weight_ih, weight_hh, bias_ih` (v1) and
    `cells_hidden.{k}.weight[:, :, 0], .bias, cells_recurrent.{k}` (v2) are our `weight_ih_l{k}, bias_ih_l{k},
    weight_hh_l{k}`, with `cells_bi` or, in v2, the second half of the rows as `_reverse`; `bns.{k}` are
    `norms.{k}`. In v2 the backward half of the output was not turned back in time; here it is.

    Args:
        input_size: features per input step.
        hidden_size: features H per state and direction.
        num_layers: layers stacked upon each other.
        bias: add the bias b.
        batch_first: padded inputs and outputs are (batch, time, feature), not (time, batch, feature).
        dropout: probability between layers; there is none after the last.
        bidirectional: read from both ends and concatenate [forward; backward] at every step.
        proj_size: there are no projections; anything but 0 is refused.
        device: where the parameters are made.
        dtype: of the parameters.
        nonlinearity: the function act, `relu` or `tanh`.
        recurrent_max_abs: bound on |u|.
        recurrent_max_length: steps T of the longest sequence: the bound is 2^(1/T), so that no state more
            than doubles by its own weight in T steps. Without either there is no bound.
        batch_norm: normalize what each layer hands on, over all real steps of the batch together; steps
            after the end of a `PackedSequence`, and where `is_padding`, do not count. h_n is not normalized.
        residual: from the second layer on, add a layer's input to what it hands on.

    Raises:
        ValueError: as `RecurrentLayers`; or the nonlinearity is unknown, a bound is not positive, or there
            are two.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        nonlinearity: str = "relu",
        recurrent_max_abs: float | None = None,
        recurrent_max_length: int | None = None,
        batch_norm: bool = False,
        residual: bool = False,
    ) -> None:
        check_choice("nonlinearity", nonlinearity, list(ACTIVATIONS))
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )
        self.nonlinearity = nonlinearity
        self.recurrent_bound = _bound(recurrent_max_abs, recurrent_max_length)
        self.residual = residual
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(hidden_size * self.directions, device=device, dtype=dtype)
            for _ in range(num_layers if batch_norm else 0)
        )
        self.reset_parameters()

    def _shapes(self, features: int) -> dict[str, tuple[int, ...]]:
        bias: dict[str, tuple[int, ...]] = {"bias_ih": (self.hidden_size,)} if self.bias else {}
        return {
            "weight_ih": (self.hidden_size, features),
            "weight_hh": (self.hidden_size,),
            **bias,
        }

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """W ~ N(0, 0.01²), b = 0; u uniform from 0 to its bound (or 1), but 1 in the last layer (memory)."""
        for _, weight in self._weights("weight_ih"):
            nn.init.normal_(weight, std=0.01)
        for _, bias in self._weights("bias_ih"):
            nn.init.zeros_(bias)
        for depth, weight in self._weights("weight_hh"):
            if depth == self.num_layers - 1:
                nn.init.ones_(weight)
            else:
                nn.init.uniform_(weight, 0.0, self.recurrent_bound or 1.0)
        for norm in self.norms:
            cast(nn.BatchNorm1d, norm).reset_parameters()
        self.constrain_()

    @torch.no_grad()
    def constrain_(self) -> None:
        """Bring every |u| back within its bound, in place."""
        if self.recurrent_bound is not None:
            for _, weight in self._weights("weight_hh"):
                weight.clamp_(-self.recurrent_bound, self.recurrent_bound)

    def _initial(
        self, inputs: Float[Tensor, "time batch feature"], hx: Tensor | Sequence[Tensor] | None
    ) -> tuple[Float[Tensor, "state batch hidden"], Float[Tensor, "state batch hidden"]]:
        hidden, _ = super()._initial(inputs, hx)  # there is one state: c₀ is not read
        return hidden, hidden

    def _states(
        self,
        inputs: Float[Tensor, "time batch feature"],
        is_padding: Bool[Tensor, "time batch"] | None,
        hidden: Float[Tensor, "batch hidden"],
        cell: Float[Tensor, "batch hidden"],
        suffix: str,
    ) -> Float[Tensor, "time batch hidden"]:
        bias = self.get_parameter("bias_ih" + suffix) if self.bias else None
        products = F.linear(inputs, self.get_parameter("weight_ih" + suffix), bias)  # of all steps at once
        if is_padding is not None:  # else a state with |u| > 1 would grow there, and its gradient be NaN
            products = products.masked_fill(is_padding[:, :, None], -torch.inf)
        recurrent = self.get_parameter("weight_hh" + suffix).to(products.dtype)
        hidden = hidden.to(products.dtype)
        activation = ACTIVATIONS[self.nonlinearity]
        states = []
        for product in products.unbind(0):  # indexing by step would cost time² in the backward pass
            hidden = activation(torch.addcmul(product, recurrent, hidden))
            states.append(hidden)
        return torch.stack(states) if states else products

    def _finished(
        self,
        depth: int,
        inputs: Float[Tensor, "time batch feature"],
        states: Float[Tensor, "time batch output"],
        is_padding: Bool[Tensor, "time batch"] | None,
    ) -> Float[Tensor, "time batch output"]:
        if self.norms:
            states = _normalized(self.norms[depth], states, is_padding)
        return states + inputs if self.residual and depth > 0 else states

    def extra_repr(self) -> str:
        bound = "" if self.recurrent_bound is None else f", recurrent_max_abs={self.recurrent_bound:.6g}"
        residual = ", residual=True" if self.residual else ""
        return f"{super().extra_repr()}, nonlinearity={self.nonlinearity}{bound}{residual}"


def _bound(max_abs: float | None, max_length: int | None) -> float | None:
    if max_abs is not None and max_length is not None:
        raise ValueError("IndRNN: recurrent_max_abs and recurrent_max_length both bound |u|: give one")
    for name, value in [("recurrent_max_abs", max_abs), ("recurrent_max_length", max_length)]:
        if value is not None and value <= 0:
            raise ValueError(f"IndRNN: {name} must be positive, not {value}")
    return max_abs if max_length is None else 2 ** (1 / max_length)


def _normalized(
    norm: nn.Module,
    states: Float[Tensor, "time batch output"],
    is_padding: Bool[Tensor, "time batch"] | None,
) -> Float[Tensor, "time batch output"]:
    """Normalize the real steps; padding becomes zero."""
    if is_padding is None:
        normalized: Tensor = norm(states.flatten(0, 1))
        return normalized.view_as(states)
    is_real = ~is_padding
    return torch.zeros_like(states).masked_scatter(is_real[:, :, None], norm(states[is_real]))
