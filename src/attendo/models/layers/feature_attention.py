"""Attention over the features of a vector."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn


class FeatureAttended(NamedTuple):
    """A vector with some features raised and others lowered, and the features' weights."""

    vector: Float[Tensor, "batch feature"]  # in the dtype of what came in
    weights: Float[Tensor, "batch feature"]  # sum to 1; fp32 or wider


class FeatureAttention(nn.Module):
    """n · a ⊙ x with a = softmax(W2 tanh(W1 x)) over the n features of x: equal weights leave x as it is.

    The scores are those of Lin et al. 2017, eq. 5, with features in the place of tokens.

    Args:
        input_size: features n of the vector.
        attention_size: width of the hidden layer.
        weighting: makes weights of scores, in the place of softmax.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, input_size: int, attention_size: int, weighting: nn.Module) -> None:
        super().__init__()
        for name, size in [("input_size", input_size), ("attention_size", attention_size)]:
            if size < 1:
                raise ValueError(f"{name} must be at least 1, not {size}")
        self.first = nn.Linear(input_size, attention_size, bias=False)
        self.second = nn.Linear(attention_size, input_size, bias=False)
        self.weighting = weighting

    def forward(self, vector: Float[Tensor, "batch feature"]) -> FeatureAttended:
        scores = self.second(self.first(vector).tanh())[:, None]  # batch hop feature
        nothing_is_padding = scores.new_zeros(vector.shape).bool()
        weights = self.weighting(scores, nothing_is_padding)[:, 0]
        return FeatureAttended((vector.shape[-1] * weights).to(vector.dtype) * vector, weights)
