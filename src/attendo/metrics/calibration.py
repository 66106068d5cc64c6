"""Whether probabilities mean what they say (Guo et al. 2017)."""

from math import inf
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.metrics.classification import Array, Labels, Probabilities, checked

BINS = 15
LOWEST, HIGHEST = 0.05, 20.0  # temperatures that are looked at


class ConfidenceBins(NamedTuple):
    """Decisions by their confidence, in bins of equal width over 0 ... 1 that hold their upper edge.

    Attributes:
        counts: decisions in each bin.
        confidence: their mean confidence; 0 where there are none.
        accuracy: the fraction of them that is right; 0 where there are none.
    """

    counts: Int[np.ndarray, " bin"]
    confidence: Float[np.ndarray, " bin"]
    accuracy: Float[np.ndarray, " bin"]

    @property
    def error(self) -> float:
        """Σ_b n_b / n |accuracy_b − confidence_b|, the expected calibration error (eq. 3)."""
        return float(self.counts @ np.abs(self.accuracy - self.confidence) / self.counts.sum())


def confidence_bins(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> ConfidenceBins:
    """Sort decisions into bins: for each item its most probable class, or its yes or no to each label.

    Args:
        probabilities: of every class; with several labels per item, of every label by itself.
        labels: the right classes, or a table of yes and no.
        bins: how many.
    """
    confidence, is_right = _decisions(probabilities, labels)
    edges = np.arange(1, bins) / bins
    places = np.searchsorted(edges, confidence, side="left")
    counts = np.bincount(places, minlength=bins)
    sums = (np.bincount(places, weights, minlength=bins) for weights in (confidence, is_right))
    return ConfidenceBins(counts, *(total / np.maximum(counts, 1) for total in sums))


def expected_calibration_error(probabilities: Probabilities, labels: Labels, bins: int = BINS) -> float:
    """Return the mean distance between confidence and accuracy, over bins of confidence."""
    return confidence_bins(probabilities, labels, bins).error


def calibrated(
    logits: Float[Tensor, "*any label"], temperature: Float[Tensor, ""], is_multilabel: bool
) -> Float[Tensor, "*any label"]:
    """Softmax or sigmoid of logits / temperature, on the CPU in float64."""
    scaled = logits.cpu().double() / temperature.cpu().double()
    return scaled.sigmoid() if is_multilabel else scaled.softmax(dim=-1)


def fit_temperature(logits: Float[Array, "item label"], labels: Labels) -> float:
    """Return the T > 0 for which logits / T have the least negative log-likelihood (Guo et al. 2017, §4.2).

    It is convex in 1/T: its slope is followed to zero by Newton's method, and by halving an interval where
    that is slow. Where every item is right it has no minimum (T → 0), and nothing says how sure to be: then
    the answer is 1. Nor has it one where the right classes have lower logits than the others on average
    (T → ∞): then the answer is 20, and 0.05 is the least.

    Args:
        logits: read by softmax or, where items have several labels, by sigmoid.
        labels: the right classes, or a table of yes and no.

    Raises:
        ValueError: there are no items, or logits that are infinite or NaN.
    """
    margins = _margins(logits, labels)
    if not margins.isfinite().all():
        raise ValueError("some logits are infinite or NaN: has training diverged? Lower optimizer.lr")
    if len(margins) == 0:
        raise ValueError("there is nothing to fit a temperature to: no logits and no labels")
    if not (margins > 0).any():
        return 1.0
    if _slope(margins, 1 / LOWEST)[0] <= 0:
        return LOWEST
    if _slope(margins, 1 / HIGHEST)[0] >= 0:
        return HIGHEST
    return 1 / _root(margins, 1 / HIGHEST, 1 / LOWEST)


def _decisions(
    probabilities: Probabilities, labels: Labels
) -> tuple[Float[np.ndarray, " decision"], Bool[np.ndarray, " decision"]]:
    """Return how sure each decision was, and whether it was right."""
    table, truth = checked(probabilities, labels)
    if truth.ndim == 1:
        return table.max(axis=1), table.argmax(axis=1) == truth
    return np.maximum(table, 1 - table).ravel(), ((table > 0.5) == truth).ravel()


def _margins(logits: Float[Array, "item label"], labels: Labels) -> Float[Tensor, "decision option"]:
    """Return how far each option's logit is above that of the right one, whose own margin is 0."""
    scores = torch.as_tensor(logits, dtype=torch.float64, device="cpu")
    truth = torch.as_tensor(labels, device="cpu")
    if truth.ndim == 1:
        return scores - scores.gather(1, truth.long()[:, None])
    wrong = torch.where(
        truth, -scores, scores
    ).flatten()  # yes and no are two options whose logits are z and 0
    return torch.stack([torch.zeros_like(wrong), wrong], dim=1)


def _root(margins: Float[Tensor, "decision option"], low: float, high: float) -> float:
    """Return the 1/T between two of which the slope is negative at the first and positive at the second."""
    inverse, moved = 1.0, high - low
    while moved > 1e-12 * inverse:
        slope, curvature = _slope(margins, inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        newton = inverse - slope / curvature if curvature > 0 else inf
        is_fast = low <= newton <= high and abs(newton - inverse) < moved / 2
        following = newton if is_fast else (low + high) / 2
        moved, inverse = abs(following - inverse), following
    return inverse


def _slope(margins: Float[Tensor, "decision option"], inverse: float) -> tuple[float, float]:
    """Return the first two derivatives of Σ log Σ exp(margin / T) by 1/T: the margins' mean and variance."""
    probabilities = (margins * inverse).softmax(dim=1)
    means = (probabilities * margins).sum(dim=1)
    variances = (probabilities * (margins - means[:, None]) ** 2).sum(dim=1)
    return means.sum().item(), variances.sum().item()
