"""What deleting tokens, or keeping nothing else, does to a prediction (DeYoung et al. 2020, section 4.2)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from attendo.analysis.batched_classifier import BatchedClassifier, ExampleIds
from attendo.tokenization import UNK

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the tokens of a text


@dataclass(frozen=True, eq=False)
class Drops:
    """How far the probability of the label falls that the whole text has; negative where it rises.

    Attributes:
        comprehensiveness: without the chosen tokens.
        sufficiency: with nothing but the chosen tokens.
    """

    comprehensiveness: Float[np.ndarray, " row"]
    sufficiency: Float[np.ndarray, " row"]


def drops(
    classifier: BatchedClassifier, texts: Sequence[ExampleIds], chosen: Sequence[Sequence[np.ndarray]]
) -> Drops:
    """Means over each text's choices of tokens.

    Args:
        classifier: whose predictions they are.
        texts: of pairs, tokens of the first text are chosen; the second stays as it is.
        chosen: for every text one or several choices, True for a token that is chosen.
    """
    whole = classifier.probabilities(texts)
    variants = [
        variant
        for text, choices in zip(texts, chosen, strict=True)
        for is_chosen in choices
        for variant in (with_tokens(text, ~is_chosen), with_tokens(text, is_chosen))
    ]
    of_variants = classifier.probabilities(variants).reshape(-1, 2, whole.shape[1])
    row_of = np.repeat(np.arange(len(texts)), [len(choices) for choices in chosen])
    label = whole.argmax(axis=1)[row_of]
    fallen = whole[row_of, label][:, None] - of_variants[np.arange(len(label)), :, label]
    means = [np.bincount(row_of, fallen[:, kind]) / np.bincount(row_of) for kind in range(2)]
    return Drops(*means)


def with_tokens(text: ExampleIds, is_kept: Bool[np.ndarray, " time"]) -> ExampleIds:
    """The text with some of its tokens only; UNK where none is left."""
    first, *second = text
    left = tuple(token for token, keeps in zip(first, is_kept.tolist(), strict=True) if keeps)
    return (left or (UNK,), *second)


def top_shares(
    importance: Float[np.ndarray, " time"], shares: Sequence[float], generator: np.random.Generator
) -> list[Bool[np.ndarray, " time"]]:
    """The most important tokens: of each share at least one. Equal ones stand in random order."""
    order = np.lexsort((generator.random(len(importance)), -importance))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return [place < count_of(share, len(order)) for share in shares]


def count_of(share: float, tokens: int) -> int:
    return max(1, math.ceil(share * tokens - 1e-9))  # 0.1 × 70 is a little more than 7
