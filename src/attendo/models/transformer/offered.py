"""What a decoder's layers see of the source while it writes."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from attendo.models.layers.multi_head_attention import CrossAttention, KeysValues, attendable
from attendo.models.transformer.memory import Memory


@dataclass(frozen=True)
class OfferedMemory:
    """The memory's keys and values, one row a hypothesis.

    Attributes:
        layers: of each attention to the memory.
        can_attend: the source positions that are no padding.
        sentence: the row of the memory that each row translates.
    """

    layers: tuple[KeysValues, ...]
    can_attend: Bool[Tensor, "row 1 1 source"]
    sentence: Int[Tensor, " row"]

    def select(self, rows: Int[Tensor, " row"]) -> "OfferedMemory":
        """The given rows, in that order; rows may repeat or be left out."""
        sentence = self.sentence.index_select(0, rows)
        # Beam search mostly reorders hypotheses of one sentence among themselves: their source stays put.
        if torch.equal(sentence, self.sentence):
            return self
        layers = tuple(layer.select(rows) for layer in self.layers)
        return OfferedMemory(layers, self.can_attend.index_select(0, rows), sentence)


def offer(memory: Memory, attentions: Iterable[CrossAttention]) -> OfferedMemory:
    """What the memory offers to each of these attentions, computed once for all steps."""
    sentence = torch.arange(len(memory.hidden), device=memory.hidden.device)
    layers = tuple(attention.offer(memory.hidden) for attention in attentions)
    return OfferedMemory(layers, attendable(memory.is_padding), sentence)
