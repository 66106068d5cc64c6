"""A recurrent decoder with attention to the source."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attendo.models.layers.multi_head_attention import CrossAttention
from attendo.models.layers.recurrent import JANET, IndRNN
from attendo.models.layers.residual import Residual
from attendo.models.transformer.memory import Memory
from attendo.models.transformer.offered import OfferedMemory, offer
from attendo.suggestions import check_choice

Cell = Literal["lstm", "gru", "janet", "indrnn"]
CELLS: dict[str, Callable[..., nn.Module]] = {
    "lstm": nn.LSTM,
    "gru": nn.GRU,
    "janet": JANET,
    # A search may go on for longer than any training text: without the bound, states could grow all the time.
    "indrnn": partial(IndRNN, recurrent_max_abs=1.0),
}


@dataclass(frozen=True)
class RecurrentState:
    """The decoder's state after some tokens of each row; a step makes a new one and leaves this one usable.

    Attributes:
        hidden: of the recurrent layers.
        cell: the LSTM's second state; of the other cells the same as the first.
        memory: what is attended to.
        length: tokens read so far.
    """

    hidden: Float[Tensor, "layer row hidden"]
    cell: Float[Tensor, "layer row hidden"]
    memory: OfferedMemory
    length: int

    def select(self, rows: Int[Tensor, " row"]) -> "RecurrentState":
        """The state of the given rows, in that order; rows may repeat or be left out."""
        return replace(
            self,
            hidden=self.hidden.index_select(1, rows),
            cell=self.cell.index_select(1, rows),
            memory=self.memory.select(rows),
        )


class RecurrentDecoder(nn.Module):
    """Recurrent layers over embedded tokens, then attention to a memory: norm(h_t + MultiHead(h_t, M, M)).

    The attention asks with the recurrence's new state, and its answer is joined to that (Luong et al. 2015,
    section 3); its heads are those of Vaswani et al. 2017. The answer is not fed back into the recurrence, so
    that all positions of a known target are computed at once. The recurrence starts at tanh(W m + b), m being
    the mean of the memory over the real tokens; each layer has its own W and b, and both states of an LSTM
    start there.

    Args:
        width: features per state and per embedded token.
        cell: "lstm", "gru", "janet" or "indrnn", whose recurrent weights stay between −1 and 1.
        layers: recurrent layers stacked upon each other.
        heads: attention heads; they share the width.
        dropout: probability of zeroing a feature of the attention's answer.
        attention_dropout: probability of zeroing an attention weight.
        recurrent_dropout: probability between recurrent layers; there is none after the last.

    Raises:
        ValueError: unknown cell, no layers, or a width that is not a multiple of heads.
    """

    def __init__(
        self,
        width: int,
        cell: Cell,
        layers: int,
        heads: int,
        dropout: float,
        attention_dropout: float,
        recurrent_dropout: float,
    ) -> None:
        super().__init__()
        check_choice("model.decoder.cell", cell, tuple(CELLS))
        if layers < 1:
            raise ValueError(f"model.decoder.layers must be at least 1, not {layers}")
        between = recurrent_dropout if layers > 1 else 0.0
        self.output_size = width
        self.recurrence = CELLS[cell](width, width, layers, batch_first=True, dropout=between)
        self.beginning = nn.Linear(width, layers * width)
        self.cross_attention = CrossAttention(width, heads, attention_dropout)
        self.cross_attention_residual = Residual(width, "post", dropout)

    def forward(
        self, inputs: Float[Tensor, "batch target hidden"], memory: Memory
    ) -> Float[Tensor, "batch target hidden"]:
        """The states of every target position at once."""
        return self.read(inputs, self.start(memory))[0]

    def start(self, memory: Memory) -> RecurrentState:
        """The state before the first token."""
        mean = mean_over(memory.hidden, ~memory.is_padding)
        hidden = self.beginning(mean).tanh().unflatten(1, (-1, self.output_size))  # batch layer hidden
        hidden = hidden.transpose(0, 1).contiguous()
        return RecurrentState(hidden, hidden, offer(memory, [self.cross_attention]), length=0)

    def step(
        self, inputs: Float[Tensor, "row 1 hidden"], state: RecurrentState
    ) -> tuple[Float[Tensor, "row 1 hidden"], RecurrentState]:
        """The states of the next position of every row."""
        return self.read(inputs, state)

    def read(
        self, inputs: Float[Tensor, "row target hidden"], state: RecurrentState
    ) -> tuple[Float[Tensor, "row target hidden"], RecurrentState]:
        """The states of the next positions of every row, any number of them."""
        # Under autocast the layers answer in another precision than they were asked in.
        hidden, cell = state.hidden.to(inputs.dtype), state.cell.to(inputs.dtype)
        if isinstance(self.recurrence, nn.GRU):
            states, hidden = self.recurrence(inputs, hidden)
            cell = hidden
        else:
            states, (hidden, cell) = self.recurrence(inputs, (hidden, cell))
        (offered,) = state.memory.layers
        update = self.cross_attention(states, offered, state.memory.can_attend)
        after = RecurrentState(hidden, cell, state.memory, state.length + inputs.shape[1])
        return self.cross_attention_residual(states, update), after


def mean_over(
    states: Float[Tensor, "batch time hidden"], is_real: Bool[Tensor, "batch time"]
) -> Float[Tensor, "batch hidden"]:
    """The mean of the real states; 0 where there are none."""
    total = torch.where(is_real[:, :, None], states, 0.0).sum(dim=1)
    return total / is_real.sum(dim=1, keepdim=True).clamp(min=1)
