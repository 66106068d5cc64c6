"""Pooling without attention, in the place of one: baselines. That of Lin et al. 2017 is the maximum."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.attention import Pooled, weighted
from attendo.models.layers.weighting import Softmax


class MeanPooling(nn.Module):
    """The mean of the real tokens' states.

    Args:
        input_size: features per state; any number.
    """

    hops = 1

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.weighting = Softmax()

    def forward(
        self,
        states: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Pooled:
        alike = states.new_zeros(states.shape[0], self.hops, states.shape[1])
        weights = self.weighting(alike, is_padding)
        return Pooled(weighted(states, weights), weights)


class MaxPooling(nn.Module):
    """Each feature's maximum over the real tokens; a token's weight is the share of features it gives.

    The weights only tell where the maxima are: the vectors are no weighted sums, and no gradient passes here.

    Args:
        input_size: features per state; any number.
    """

    hops = 1

    def __init__(self, input_size: int) -> None:
        super().__init__()

    def forward(
        self,
        states: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Pooled:
        batch, time, feature = states.shape
        lowest = torch.finfo(states.dtype).min
        states = states.masked_fill(is_padding[:, :, None], lowest)
        # One more row of padding, so that there is a maximum even where there is no token.
        largest, where = functional.pad(states, (0, 0, 0, 1), value=lowest).max(dim=1)
        exact = torch.promote_types(states.dtype, torch.float32)
        counts = states.new_zeros(batch, time + 1, dtype=exact)
        counts = counts.scatter_add(1, where, torch.ones_like(where, dtype=exact))[:, :time]
        weights = (counts / feature).masked_fill(is_padding, 0.0)
        vectors = largest.masked_fill(is_padding.all(dim=1)[:, None], 0.0)
        return Pooled(vectors[:, None], weights[:, None])
