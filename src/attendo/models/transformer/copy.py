"""Copying words of the source: the pointer-generator."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.linear import xavier_linear
from attendo.models.layers.weighting import softmax_where
from attendo.models.transformer.memory import Memory
from attendo.tokenization import PAD


@dataclass(frozen=True)
class CopyKeys:
    """What copying needs of the source, one row a hypothesis.

    Attributes:
        keys: what the decoder's states are compared with.
        hidden: the encoder's states.
        copy_ids, unknown_count: as in Memory.
    """

    keys: Float[Tensor, "row source hidden"]
    hidden: Float[Tensor, "row source hidden"]
    is_padding: Bool[Tensor, "row source"]
    copy_ids: Int[Tensor, "row source"]
    unknown_count: int

    def select(self, rows: Int[Tensor, " row"]) -> "CopyKeys":
        """The given rows, in that order; rows may repeat or be left out."""
        return replace(
            self,
            keys=self.keys.index_select(0, rows),
            hidden=self.hidden.index_select(0, rows),
            is_padding=self.is_padding.index_select(0, rows),
            copy_ids=self.copy_ids.index_select(0, rows),
        )


class Copied(NamedTuple):
    """Where the copy mechanism looks at every target position, and whether it copies at all.

    Attributes:
        attention: weights of the source tokens, 0 at padding, fp32 or wider.
        generate: logit of p_gen, the probability that a word is generated rather than copied.
        copy_ids, unknown_count: as in Memory.
    """

    attention: Float[Tensor, "batch target source"]
    generate: Float[Tensor, "batch target"]
    copy_ids: Int[Tensor, "batch source"]
    unknown_count: int


class PointerGenerator(nn.Module):
    """P(w) = p_gen P_vocab(w) + (1 - p_gen) Σ_{i: x_i = w} a_i (See et al. 2017, eq. 9), for a Transformer.

    See et al. copy with the attention of a recurrent decoder, which looks where the state needs it. Here a is
    an attention of its own with one head, a = softmax(K q / √width) over the encoder's states, with q made of
    the decoder's last state h, so that the Transformer's own heads never have to show their weights.
    p_gen = σ(w · [h; Σ a_i m_i] + b) reads that state and what a found in the memory m; the decoder's input,
    which See et al. add, is part of h already. The article that this model follows shows its copying only in
    pictures: all of this is our reading of it.

    Args:
        width: features per state.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = xavier_linear(width, width)
        self.key = xavier_linear(width, width)
        self.generate = nn.Linear(2 * width, 1)

    def offer(self, memory: Memory) -> CopyKeys:
        """The memory's keys, computed once for all queries.

        Raises:
            ValueError: the memory does not say what its tokens would be copied as.
        """
        if memory.copy_ids is None:
            raise ValueError("a model that copies needs copy_ids beside the source")
        keys = self.key(memory.hidden)
        return CopyKeys(keys, memory.hidden, memory.is_padding, memory.copy_ids, memory.unknown_count)

    def forward(self, states: Float[Tensor, "batch target hidden"], offered: CopyKeys) -> Copied:
        scores = self.query(states) @ offered.keys.mT * states.shape[-1] ** -0.5  # batch target source
        attention = softmax_where(~offered.is_padding[:, None], scores)
        context = attention.to(offered.hidden.dtype) @ offered.hidden
        generate = self.generate(torch.cat([states, context], dim=-1)).squeeze(-1)
        return Copied(attention, generate.to(attention.dtype), offered.copy_ids, offered.unknown_count)


def mixture(
    generated: Float[Tensor, "*item vocab"],
    attention: Float[Tensor, "*item source"],
    generate: Float[Tensor, "*item"],
    copy_ids: Int[Tensor, "*item source"],
    unknown_count: int,
) -> Float[Tensor, "*item widened"]:
    """log P(w) of eq. 9 in log space, for the vocabulary and then for the batch's unknown words.

    Words that the source lacks keep p_gen P_vocab(w); unknown words of other sentences have -inf.

    Args:
        generated: log P_vocab.
        attention: a; 0 at padding.
        generate: logit of p_gen.
        copy_ids: x, below vocab + unknown_count; PAD at padding.
    """
    known = generated.shape[-1]
    tiny = torch.finfo(attention.dtype).tiny  # a weight that rounded to 0 must not become log 0
    weights = attention.clamp(min=tiny).masked_fill(copy_ids == PAD, 0.0)
    mass = weights.new_zeros(*weights.shape[:-1], known + unknown_count).scatter_add(-1, copy_ids, weights)
    is_in_source = mass > 0
    log_mass = mass.masked_fill(~is_in_source, 1.0).log().masked_fill(~is_in_source, -torch.inf)
    copied = log_mass + functional.logsigmoid(-generate).unsqueeze(-1)
    # Unknown words apart, because the gradient of logaddexp is NaN where both sides are -inf.
    both = torch.logaddexp(generated + functional.logsigmoid(generate).unsqueeze(-1), copied[..., :known])
    return torch.cat([both, copied[..., known:]], dim=-1)
