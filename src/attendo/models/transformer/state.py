"""What the Transformer remembers between decoding steps."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.models.layers.multi_head_attention import KeysValues


@dataclass(frozen=True)
class Memory:
    """The encoded source sentences."""

    hidden: Float[Tensor, "batch source hidden"]
    is_padding: Bool[Tensor, "batch source"]


@dataclass(frozen=True)
class TransformerState:
    """The decoder's state after some tokens of each row; a step makes a new one and leaves this one usable.

    Args:
        past: one a layer: keys and values of the tokens read so far.
        memory: one a layer: keys and values of the source.
        can_attend: the source positions that are no padding.
        sentence: the row of the memory that each row translates.
        length: tokens read so far.
    """

    past: tuple[KeysValues, ...]
    memory: tuple[KeysValues, ...]
    can_attend: Bool[Tensor, "row 1 1 source"]
    sentence: Int[Tensor, " row"]
    length: int

    def select(self, rows: Int[Tensor, " row"]) -> "TransformerState":
        """The state of the given rows, in that order; rows may repeat or be left out."""
        past = tuple(layer.select(rows) for layer in self.past)
        sentence = self.sentence.index_select(0, rows)
        # Beam search mostly reorders hypotheses of one sentence among themselves: their source stays put.
        if torch.equal(sentence, self.sentence):
            return replace(self, past=past)
        memory = tuple(layer.select(rows) for layer in self.memory)
        can_attend = self.can_attend.index_select(0, rows)
        return TransformerState(past, memory, can_attend, sentence, self.length)
