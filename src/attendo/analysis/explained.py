"""What a classifier said of some texts, and where it looked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from attendo.analysis.tables import Table


@dataclass(frozen=True, eq=False)
class Look:
    """Where a classifier looked in a text.

    Attributes:
        text: as it was given.
        tokens: what the model read of it; none of an empty text.
        weights: each hop's attention to each token; those of a hop sum to 1.
    """

    text: str
    tokens: Sequence[str]
    weights: Float[np.ndarray, "hop time"]


@dataclass(frozen=True, eq=False)
class Explained:
    """One example.

    Attributes:
        where: its place, such as ``reviews.txt:17``.
        looks: one, or two for a pair of texts.
        predicted: one class, or those of a multi-label decision; none for an empty text.
        confidence: the probability that stands for the whole decision; None for an empty text.
        probabilities: of every class; none for an empty text.
        truth: the classes that it has, or None if nobody said.
    """

    where: str
    looks: Sequence[Look]
    predicted: Sequence[str]
    confidence: float | None
    probabilities: Mapping[str, float]
    truth: Sequence[str] | None

    @property
    def is_right(self) -> bool | None:
        """Whether the prediction is the truth; None where there is no truth, or no prediction."""
        if self.truth is None or self.confidence is None:
            return None
        return set(self.predicted) == set(self.truth)


@dataclass(frozen=True, eq=False)
class Explanations:
    """All that `attendo explain` shows.

    Attributes:
        title: what was explained.
        facts: sentences about it: the model, the input, what was left out.
        labels: class names in the order of the model's.
        is_multilabel: whether a text may have several classes, or none.
        examples: in the order of the input.
        tables: what else was measured of this model.
    """

    title: str
    facts: Sequence[str]
    labels: Sequence[str]
    is_multilabel: bool
    examples: Sequence[Explained]
    tables: Sequence[Table] = ()


def record(example: Explained, is_multilabel: bool) -> dict[str, Any]:
    """An example in plain containers, with the weights as they are (hop, token)."""

    def named(classes: Sequence[str] | None) -> object:
        return list(classes) if is_multilabel and classes is not None else next(iter(classes or ()), None)

    plain: dict[str, Any] = {"where": example.where}
    for suffix, look in zip(("", "_b"), example.looks, strict=False):
        plain[f"text{suffix}"] = look.text
        plain[f"tokens{suffix}"] = list(look.tokens)
        plain[f"weights{suffix}"] = look.weights.tolist()
    answered = example.confidence is not None
    plain["label"] = named(example.truth)
    plain["predicted"] = named(example.predicted) if answered else None
    plain["probabilities"] = dict(example.probabilities) if answered else None
    return plain
