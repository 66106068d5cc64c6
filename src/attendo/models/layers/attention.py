"""Attention that turns a sentence of any length into a fixed number of vectors."""

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn


class Pooled(NamedTuple):
    """A sentence's vectors, and the weights of its tokens in them."""

    vectors: Float[Tensor, "batch hop feature"]  # in the states' dtype
    weights: Float[Tensor, "batch hop time"]  # sum to 1 over real tokens, 0 at padding; fp32 or wider


def weighted(
    states: Float[Tensor, "batch time feature"],
    weights: Float[Tensor, "batch hop time"],
) -> Float[Tensor, "batch hop feature"]:
    """Weighted sums of the states, M = A H (Lin et al. 2017, eq. 7)."""
    return weights.to(states.dtype) @ states


class StructuredSelfAttention(nn.Module):
    """Multi-hop attention over a sequence: A = softmax(W2 tanh(W1 Hᵀ)) (Lin et al. 2017, eq. 6).

    Args:
        input_size: features per state (2u for a bidirectional encoder).
        attention_size: width d_a of the hidden layer.
        hops: number r of attention distributions.
        weighting: makes weights of scores, in the place of the paper's softmax.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, input_size: int, attention_size: int, hops: int, weighting: nn.Module) -> None:
        super().__init__()
        for name, size in [("input_size", input_size), ("attention_size", attention_size), ("hops", hops)]:
            if size < 1:
                raise ValueError(f"{name} must be at least 1, not {size}")
        self.hops = hops
        self.first = nn.Linear(input_size, attention_size, bias=False)
        self.second = nn.Linear(attention_size, hops, bias=False)
        self.weighting = weighting

    def forward(
        self,
        states: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Pooled:
        scores = self.second(self.first(states).tanh()).mT  # batch hop time
        weights = self.weighting(scores, is_padding)
        return Pooled(weighted(states, weights), weights)
