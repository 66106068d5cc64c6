"""Multi-head scaled dot-product attention, of a sequence to itself and to another one."""

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.linear import xavier_linear
from attendo.models.layers.rotary import RotaryPositions

# A d×d map on its own would start √2 larger than as a part of nn.MultiheadAttention's fused 3d×d matrix.
# fairseq, too, gives separate maps the smaller start, because it converges better.
PROJECTION_GAIN = sqrt(0.5)


@dataclass(frozen=True)
class KeysValues:
    """What a sequence offers to be attended to."""

    keys: Float[Tensor, "batch head time feature"]
    values: Float[Tensor, "batch head time feature"]

    def append(self, later: "KeysValues") -> "KeysValues":
        """This sequence, continued by `later`."""
        return KeysValues(
            torch.cat([self.keys, later.keys], dim=2), torch.cat([self.values, later.values], dim=2)
        )

    def select(self, rows: Int[Tensor, " row"]) -> "KeysValues":
        """The given rows of the batch, in that order, as a copy."""
        return KeysValues(self.keys.index_select(0, rows), self.values.index_select(0, rows))


def attendable(is_padding: Bool[Tensor, "batch time"]) -> Bool[Tensor, "batch 1 1 time"]:
    """The mask of `attend` for padded keys.

    A row of nothing but padding attends to its first position: a softmax over nothing is NaN in some
    backends, and one over everything would depend on how far the row is padded.
    """
    can_attend = ~is_padding
    can_attend[:, 0] |= is_padding.all(dim=1)
    return can_attend[:, None, None]


def attend(
    queries: Float[Tensor, "batch head query feature"],
    offered: KeysValues,
    can_attend: Bool[Tensor, "batch 1 1 time"] | None,
    dropout: float,
    is_causal: bool = False,
) -> Float[Tensor, "batch query hidden"]:
    """softmax(QKᵀ/√d) V in each head, the heads side by side (Vaswani et al. 2017, eq. 1).

    Args:
        can_attend: True where a key may be attended to; None: everywhere.
        dropout: probability of zeroing an attention weight.
        is_causal: query t attends to the keys ≤ t only.
    """
    mixed = functional.scaled_dot_product_attention(
        queries, offered.keys, offered.values, attn_mask=can_attend, dropout_p=dropout, is_causal=is_causal
    )
    return mixed.transpose(1, 2).flatten(2)


def check_heads(width: int, heads: int) -> None:
    """Refuse a width that the heads cannot share equally."""
    if heads < 1 or width % heads:
        raise ValueError(
            f"width={width} cannot be shared equally by heads={heads}: make it a multiple of heads"
        )


def split_heads(
    projected: Float[Tensor, "batch time packed"], parts: int, heads: int
) -> tuple[Float[Tensor, "batch head time feature"], ...]:
    """Queries, keys and values (or some of them) from one projection."""
    batch, time, _ = projected.shape
    split = projected.view(batch, time, parts, heads, -1)  # batch time part head feature
    return split.permute(2, 0, 3, 1, 4).unbind(0)


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself (Vaswani et al. 2017, section 3.2.2).

    One product computes queries, keys and values.

    Args:
        width: features per state.
        heads: number of heads; they share the width.
        dropout: probability of zeroing an attention weight.
        rotary: whether queries and keys are turned by their positions (Su et al. 2021).

    Raises:
        ValueError: width is not a multiple of heads, or rotary and of an odd one.
    """

    def __init__(self, width: int, heads: int, dropout: float, rotary: bool = False) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.dropout = dropout
        self.rotary = RotaryPositions(width // heads) if rotary else None
        self.project = xavier_linear(width, width, parts=3, gain=PROJECTION_GAIN)
        self.output = xavier_linear(width, width)

    def parts(
        self, states: Float[Tensor, "batch time hidden"], first: int = 0
    ) -> tuple[Float[Tensor, "batch head time feature"], KeysValues]:
        """Queries, and keys and values, of the positions first, first + 1, …"""
        queries, keys, values = split_heads(self.project(states), 3, self.heads)
        if self.rotary is not None:
            queries, keys = self.rotary(queries, first), self.rotary(keys, first)
        return queries, KeysValues(keys, values)

    def forward(
        self, states: Float[Tensor, "batch time hidden"], can_attend: Bool[Tensor, "batch 1 1 time"]
    ) -> Float[Tensor, "batch time hidden"]:
        """Attention to the whole sequence."""
        queries, offered = self.parts(states)
        dropout = self.dropout if self.training else 0.0
        mixed: Tensor = self.output(attend(queries, offered, can_attend, dropout))
        return mixed

    def causal(
        self, states: Float[Tensor, "batch time hidden"], past: KeysValues | None
    ) -> tuple[Float[Tensor, "batch time hidden"], KeysValues]:
        """Attention to what is not later than the query; also returns what the sequence offers so far.

        Args:
            states: the whole sequence, or, with a past, its next position alone.
            past: what the earlier positions offer.
        """
        queries, offered = self.parts(states, first=0 if past is None else past.keys.shape[2])
        if past is not None:
            assert states.shape[1] == 1, "a sequence with a past goes on one position at a time"
            offered = past.append(offered)
        dropout = self.dropout if self.training else 0.0
        return self.output(attend(queries, offered, None, dropout, is_causal=past is None)), offered


class CrossAttention(nn.Module):
    """Multi-head attention of a sequence to another one, the memory; one product computes keys and values.

    Args and Raises: as SelfAttention.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        check_heads(width, heads)
        self.heads = heads
        self.dropout = dropout
        self.query = xavier_linear(width, width, gain=PROJECTION_GAIN)
        self.project = xavier_linear(width, width, parts=2, gain=PROJECTION_GAIN)
        self.output = xavier_linear(width, width)

    def offer(self, memory: Float[Tensor, "batch source hidden"]) -> KeysValues:
        """The memory's keys and values, computed once for all queries."""
        return KeysValues(*split_heads(self.project(memory), 2, self.heads))

    def forward(
        self,
        states: Float[Tensor, "batch target hidden"],
        offered: KeysValues,
        can_attend: Bool[Tensor, "batch 1 1 source"],
    ) -> Float[Tensor, "batch target hidden"]:
        (queries,) = split_heads(self.query(states), 1, self.heads)
        dropout = self.dropout if self.training else 0.0
        mixed: Tensor = self.output(attend(queries, offered, can_attend, dropout))
        return mixed
