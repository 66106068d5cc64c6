"""Attention that turns a sentence of any length into a fixed number of vectors."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class StructuredSelfAttention(nn.Module):
    """Multi-hop attention over a sequence: A = softmax(W2 tanh(W1 Hᵀ)) (Lin et al. 2017, eq. 6).

    Args:
        input_size: features per state (2u for a bidirectional encoder).
        attention_size: width d_a of the hidden layer.
        hops: number r of attention distributions.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(self, input_size: int, attention_size: int, hops: int) -> None:
        super().__init__()
        for name, size in [("input_size", input_size), ("attention_size", attention_size), ("hops", hops)]:
            if size < 1:
                raise ValueError(f"{name} must be at least 1, not {size}")
        self.hops = hops
        self.first = nn.Linear(input_size, attention_size, bias=False)
        self.second = nn.Linear(attention_size, hops, bias=False)

    def forward(
        self,
        states: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        """Return weights that sum to 1 over the real tokens and are 0 at padding."""
        scores: Tensor = self.second(self.first(states).tanh()).mT  # batch hop time
        # A finite floor, then zeros: after -inf a sentence of padding alone would pass through NaN.
        scores = scores.masked_fill(is_padding[:, None], torch.finfo(scores.dtype).min)
        # In half precision a long sentence's weights would not sum to 1.
        weights: Tensor = scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32))
        return weights.masked_fill(is_padding[:, None], 0.0)
