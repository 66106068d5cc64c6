"""Recurrence from both ends of padded sequences.

``pack_padded_sequence`` makes recurrent layers several times slower on a CPU. Reversing every sentence by its
own length needs no packing: both directions then meet the real tokens first and the padding last.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def reverse_sequences(
    states: Float[Tensor, "batch time feature"],
    is_padding: Bool[Tensor, "batch time"],
) -> Float[Tensor, "batch time feature"]:
    """Reverse the real tokens of every sentence; the padding after them stays where it is."""
    time = torch.arange(states.shape[1], device=states.device)
    mirrored = (~is_padding).sum(dim=1, keepdim=True) - 1 - time  # batch time
    origin = torch.where(mirrored >= 0, mirrored, time)
    return states.take_along_dim(origin[:, :, None], dim=1)


class RecurrentStack(nn.Module):
    """Recurrent layers, each over the states of both directions of the one below.

    Args:
        layer: builds one direction of one layer from ``(input_size, hidden_size, batch_first=True)`` and is
            called as ``nn.LSTM`` is: ``nn.LSTM``, ``nn.GRU`` and their like.
        input_size: features per input position.
        hidden_size: features per direction.
        num_layers: layers stacked upon each other.
        bidirectional: read from both ends and concatenate [forward; backward].
        dropout: probability between layers; none after the last.

    Raises:
        ValueError: a size is not positive, or the dropout is no probability.
    """

    def __init__(
        self,
        layer: Callable[..., nn.Module],
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        for name, size in [
            ("input_size", input_size),
            ("hidden_size", hidden_size),
            ("num_layers", num_layers),
        ]:
            if size < 1:
                raise ValueError(f"{name} must be at least 1, not {size}")
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.forwards = nn.ModuleList(layer(size, hidden_size, batch_first=True) for size in sizes)
        self.backwards = nn.ModuleList(
            layer(size, hidden_size, batch_first=True) for size in sizes if bidirectional
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time hidden"]:
        """Return a state for every position, zero at padding, which stands after the real tokens."""
        if inputs.shape[1] == 0:  # a batch of empty sentences, which torch's layers refuse
            return inputs.new_zeros(inputs.shape[0], 0, self.output_size)
        states = inputs
        for depth in range(len(self.forwards)):
            states = self._layer(depth, self.dropout(states) if depth > 0 else states, is_padding)
        return states.masked_fill(is_padding[:, :, None], 0.0)

    def _layer(
        self,
        depth: int,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time hidden"]:
        states: Tensor = self.forwards[depth](inputs)[0]
        if not self.backwards:
            return states
        backward: Tensor = self.backwards[depth](reverse_sequences(inputs, is_padding))[0]
        return torch.cat([states, reverse_sequences(backward, is_padding)], dim=-1)
