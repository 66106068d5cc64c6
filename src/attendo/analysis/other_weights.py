"""What other attention weights over the same states do to a prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attendo.analysis.batched_classifier import BatchedClassifier, ExampleIds
from attendo.models.layers.attention import Pooled, weighted

TOLERANCE = 1e-3  # of the largest vector entry: states may be in half precision


@dataclass(frozen=True, eq=False)
class Changes:
    """How far predictions are from those with the learned weights; NaN for texts of one token.

    Attributes:
        distance: total variation between the two distributions, ½ Σ |p − q|; multi-label: the mean of
            the labels' |p − q|.
        decision: how often another label, or another set of labels, is given.
    """

    distance: Float[np.ndarray, " row"]
    decision: Float[np.ndarray, " row"]


@torch.no_grad()
def other_weights(
    classifier: BatchedClassifier, texts: Sequence[ExampleIds], draws: int, generator: torch.Generator
) -> tuple[Changes, Changes] | None:
    """The weights permuted over a text's tokens, and uniform weights.

    All hops of a draw are permuted alike: how far they overlap stays. A text's distance is the median over
    the draws, as in Jain & Wallace (2019, section 4.2.1). Uniform weights are a control at test time,
    not the model retrained with them of Wiegreffe & Pinter (2019, section 3.2).

    Args:
        classifier: of single texts.
        texts: of one or more tokens.
        draws: permutations of every text.
        generator: draws them, on the CPU.

    Returns:
        None where the attention's vectors are not the weighted sums of the states, as in max pooling.
    """
    permuted = Changes(*np.full((2, len(texts)), np.nan))
    uniform = Changes(*np.full((2, len(texts)), np.nan))
    for rows, (tokens, is_padding) in classifier.batches(texts):
        states = classifier.model.states(tokens, is_padding)  # type: ignore[operator]
        pooled: Pooled = classifier.model.attention(states, is_padding)  # type: ignore[operator]
        if not is_weighted_sum(states, pooled):
            return None
        learned = predicted(classifier, states, pooled.weights)
        drawn = [
            change(
                classifier,
                learned,
                predicted(classifier, states, permutation(pooled.weights, is_padding, generator)),
            )
            for _ in range(draws)
        ]
        even = (~is_padding).to(pooled.weights.dtype)[:, None] / (~is_padding).sum(dim=1)[:, None, None]
        flat = change(classifier, learned, predicted(classifier, states, even.expand_as(pooled.weights)))
        several = np.array([row for row in rows if len(texts[row][0]) > 1], dtype=np.int64)
        places = [place for place, row in enumerate(rows) if len(texts[row][0]) > 1]
        permuted.distance[several] = np.median([each.distance for each in drawn], axis=0)[places]
        permuted.decision[several] = np.mean([each.decision for each in drawn], axis=0)[places]
        uniform.distance[several] = flat.distance[places]
        uniform.decision[several] = flat.decision[places]
    return permuted, uniform


def is_weighted_sum(states: Float[Tensor, "batch time hidden"], pooled: Pooled) -> bool:
    difference = (weighted(states, pooled.weights) - pooled.vectors).abs().max()
    return bool(difference <= TOLERANCE * pooled.vectors.abs().max())


def predicted(
    classifier: BatchedClassifier,
    states: Float[Tensor, "batch time hidden"],
    weights: Float[Tensor, "batch hop time"],
) -> Float[np.ndarray, "batch label"]:
    logits: Tensor = classifier.model.logits(weighted(states, weights))  # type: ignore[operator]
    return classifier.calibrated(logits)


def permutation(
    weights: Float[Tensor, "batch hop time"],
    is_padding: Bool[Tensor, "batch time"],
    generator: torch.Generator,
) -> Float[Tensor, "batch hop time"]:
    """The weights in another order, the same for all hops; padding keeps its zeros."""
    keys = torch.rand(is_padding.shape, generator=generator).to(weights.device)
    order = keys.masked_fill(is_padding, 2.0).argsort(dim=1)  # real tokens first, in random order
    return weights.gather(2, order[:, None].expand_as(weights))


def change(
    classifier: BatchedClassifier, one: Float[np.ndarray, "row label"], other: Float[np.ndarray, "row label"]
) -> Changes:
    difference = np.abs(one - other)
    distance = difference.mean(axis=1) if classifier.is_multilabel else difference.sum(axis=1) / 2
    decision = (classifier.decisions(one) != classifier.decisions(other)).any(axis=1).astype(np.float64)
    return Changes(distance, decision)
