"""Weightings: how the scores of an attention become weights, which sum to 1 over the real tokens.

All give zeros to a sentence of padding alone, and compute in fp32 or wider: in half precision a long
sentence's weights would not sum to 1.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Softmax(nn.Module):
    """Soft attention: a = exp(s) / Σ exp(s)."""

    def forward(
        self,
        scores: Float[Tensor, "batch hop time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        return softmax_where(~is_padding[:, None], scores)


class TopK(nn.Module):
    """Hard attention: the k largest weights of the softmax, renormalized; of equal ones the earliest.

    Args:
        k: tokens that keep their weight; a sentence with fewer keeps all.

    Raises:
        ValueError: k is not positive.
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        self.k = k

    def forward(
        self,
        scores: Float[Tensor, "batch hop time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        return softmax_where(are_largest(self.k, scores, is_padding), scores)


class ShareOfMaximum(nn.Module):
    """Hard attention: the softmax without weights below a share of the hop's largest, renormalized.

    Args:
        share: above 0 (which would leave the softmax as it is) and up to 1 (the largest weight alone).

    Raises:
        ValueError: the share is outside that range.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share must be above 0 and at most 1, not {share}")
        self.share = share

    def forward(
        self,
        scores: Float[Tensor, "batch hop time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        weights = softmax_where(~is_padding[:, None], scores)
        keeps_weight = weights >= self.share * largest(weights)
        return softmax_where(keeps_weight & ~is_padding[:, None], scores)


class StraightThrough(nn.Module):
    """Hard attention to one token: in training drawn from p = softmax(s / τ), otherwise the likeliest.

    The gradient is that of p (Bengio et al. 2013, section 4); for a loss that is linear in the weights it is
    exact on average. What is drawn is argmax(s / τ + Gumbel noise) (Jang et al. 2017, eq. 1).

    Args:
        temperature: τ; the smaller, the surer the draw.

    Raises:
        ValueError: the temperature is not positive.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        if not temperature > 0.0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.temperature = temperature

    def forward(
        self,
        scores: Float[Tensor, "batch hop time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        scores = widened(scores) / self.temperature
        weights = softmax_where(~is_padding[:, None], scores)
        if self.training:
            scores = scores - torch.empty_like(scores).exponential_().log()
        drawn = are_largest(1, scores, is_padding).to(weights.dtype)
        return drawn + (weights - weights.detach())  # in this order exactly 0 and 1


class Sparsemax(nn.Module):
    """The distribution nearest to the scores: a = max(s - τ, 0) (Martins & Astudillo 2016, algorithm 1).

    Low scores get no weight at all.
    """

    def forward(
        self,
        scores: Float[Tensor, "batch hop time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        scores = below_the_largest(scores, is_padding)
        ordered = scores.sort(dim=-1, descending=True).values
        has_weight = distances_above(ordered.detach())[0] < 1.0
        size = has_weight.sum(dim=-1, keepdim=True)
        threshold = (ordered.where(has_weight, 0.0).sum(dim=-1, keepdim=True) - 1.0) / size
        return (scores - threshold).relu().masked_fill(is_padding[:, None], 0.0)


class Entmax15(nn.Module):
    """Between softmax and sparsemax: a = max(s/2 - τ, 0)² (Peters et al. 2019, algorithm 2).

    Low scores get no weight at all.
    """

    def forward(
        self,
        scores: Float[Tensor, "batch hop time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch hop time"]:
        scores = below_the_largest(scores / 2.0, is_padding)
        ordered = scores.sort(dim=-1, descending=True).values
        has_weight = distances_above(ordered.detach())[1] < 1.0
        size = has_weight.sum(dim=-1, keepdim=True)
        mean = ordered.where(has_weight, 0.0).sum(dim=-1, keepdim=True) / size
        deviation = (ordered - mean).where(has_weight, 0.0).square().sum(dim=-1, keepdim=True)
        threshold = mean - ((1.0 - deviation) / size).sqrt()
        return (scores - threshold).relu().square().masked_fill(is_padding[:, None], 0.0)


def widened(scores: Float[Tensor, "batch hop time"]) -> Float[Tensor, "batch hop time"]:
    """In fp32 or wider."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def softmax_where(
    can_attend: Bool[Tensor, "batch #hop time"],
    scores: Float[Tensor, "batch hop time"],
) -> Float[Tensor, "batch hop time"]:
    """The softmax over the tokens that may be attended to; 0 elsewhere."""
    # A finite floor, then zeros: after -inf a sentence of padding alone would pass through NaN.
    scores = widened(scores).masked_fill(~can_attend, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1).masked_fill(~can_attend, 0.0)


def are_largest(
    k: int, scores: Float[Tensor, "batch hop time"], is_padding: Bool[Tensor, "batch time"]
) -> Bool[Tensor, "batch hop time"]:
    """The k real tokens of the largest scores, of equal ones the earliest."""
    scores = scores.masked_fill(is_padding[:, None], -torch.inf)
    chosen = scores.sort(dim=-1, descending=True, stable=True).indices[..., :k]
    return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, chosen, True) & ~is_padding[:, None]


def largest(values: Float[Tensor, "batch hop time"]) -> Float[Tensor, "batch hop #one"]:
    """The largest value of each row; nothing, where amax would raise, of rows of no tokens."""
    return values.topk(min(1, values.shape[-1]), dim=-1).values


def below_the_largest(
    scores: Float[Tensor, "batch hop time"], is_padding: Bool[Tensor, "batch time"]
) -> Float[Tensor, "batch hop time"]:
    """Scores minus their largest; -2 at padding and where less: a score of -1 already gets no weight.

    So small numbers keep all their digits. Weights do not change when all scores move together.
    """
    scores = widened(scores).masked_fill(is_padding[:, None], torch.finfo(scores.dtype).min)
    return (scores - largest(scores.detach())).clamp(min=-2.0)


def distances_above(
    ordered: Float[Tensor, "batch hop time"],
) -> tuple[Float[Tensor, "batch hop time"], Float[Tensor, "batch hop time"]]:
    """Σ (s_j - s_k) and Σ (s_j - s_k)² over the scores s_j ≥ s_k, for each s_k of a descending order.

    At s_k = τ these are the sums of the weights, so that s_k is above τ where they are less than 1.
    They run from score to score by terms that are not negative, so that nothing cancels in a long sentence.
    """
    gaps = -ordered.diff(dim=-1, prepend=ordered[..., :1])
    steps = torch.arange(ordered.shape[-1], device=ordered.device) * gaps
    distances = steps.cumsum(dim=-1)
    return distances, (gaps * (2.0 * distances - steps)).cumsum(dim=-1)
