"""Scores of predicted classes.

Everywhere ``labels`` are the right classes, one per item, or, where an item may have any number of labels, a
table of yes and no. A score is NaN where the right labels alone leave it undefined.
"""

from collections.abc import Iterator
from math import nan
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

Array: TypeAlias = Tensor | np.ndarray
Labels: TypeAlias = Integer[Array, " item"] | Bool[Array, "item label"]
Probabilities: TypeAlias = Float[Array, "item label"]

ROUNDING = 1e-6  # by which a probability may pass 1


def accuracy(predicted: Labels, labels: Labels) -> float:
    """Return the fraction of items that are right, of items with several labels in all of them.

    Raises:
        ValueError: there are no items.
    """
    guesses, truth = _pair(predicted, labels)
    is_right = guesses == truth
    return float((is_right if is_right.ndim == 1 else is_right.all(axis=1)).mean())


def macro_f1(predicted: Labels, labels: Labels, label_count: int) -> float:
    """Return the mean of the classes' F1 = 2 tp / (2 tp + fp + fn).

    Classes that are neither predicted nor right anywhere have no F1 and are left out of the mean.

    Args:
        predicted: class of every item, 0 ... label_count - 1, or its yes and no to every label.
        labels: the right ones.
        label_count: classes.

    Raises:
        ValueError: there are no items, or a class lies outside 0 ... label_count - 1.
    """
    counts = prediction_counts(predicted, labels, label_count)
    mentions = counts.guessed + counts.true
    present = mentions > 0
    return float((2 * counts.hits[present] / mentions[present]).mean()) if counts.true.any() else nan


def micro_f1(predicted: Labels, labels: Labels) -> float:
    """Return F1 over the decisions for all labels together; with one label per item that is the accuracy."""
    guesses, truth = _pair(predicted, labels)
    if truth.ndim == 1:
        return accuracy(guesses, truth)
    return float(2 * (guesses & truth).sum() / (guesses.sum() + truth.sum())) if truth.any() else nan


def matthews_correlation(predicted: Labels, labels: Labels) -> float:
    """Return R_K, the correlation of predictions and labels, −1 ... 1 (Gorodkin 2004).

    It is 0 where predictions are all the same. Of items with several labels, it is that of all yes and no
    together.
    """
    guesses, truth = (array.ravel().astype(np.int64) for array in _pair(predicted, labels))
    counts = prediction_counts(guesses, truth, int(max(guesses.max(), truth.max())) + 1)
    hits, guessed, true = (array.astype(np.float64) for array in counts)
    items = len(truth)
    spread_of_guesses, spread_of_truth = items**2 - guessed @ guessed, items**2 - true @ true
    if spread_of_truth == 0:
        return nan
    if spread_of_guesses == 0:
        return 0.0
    return float((hits.sum() * items - guessed @ true) / np.sqrt(spread_of_guesses * spread_of_truth))


def auroc(probabilities: Probabilities, labels: Labels) -> float:
    """Return the probability that an item of a class is ranked above one of no such class; a tie counts half.

    Of two classes, it is that of the second. Of more, and of several labels, it is the mean over the classes
    that some items have and some have not.
    """
    values = [_area_under_curve(*ranked) for ranked in _ranked_columns(probabilities, labels)]
    return float(np.mean(values)) if values else nan


def average_precision(probabilities: Probabilities, labels: Labels) -> float:
    """Return Σ (R_n − R_{n−1}) P_n over all thresholds; of which classes, ``auroc`` says."""
    values = [_average_precision(*ranked) for ranked in _ranked_columns(probabilities, labels)]
    return float(np.mean(values)) if values else nan


class PredictionCounts(NamedTuple):
    """How often each label was predicted rightly, was predicted, and was right."""

    hits: Int[np.ndarray, " label"]
    guessed: Int[np.ndarray, " label"]
    true: Int[np.ndarray, " label"]


def prediction_counts(predicted: Labels, labels: Labels, label_count: int) -> PredictionCounts:
    """Count for each label what precision, recall and F1 are made of."""
    guesses, truth = _pair(predicted, labels)
    if truth.ndim == 2:
        assert truth.shape[1] == label_count, f"{truth.shape[1]} columns for {label_count} labels"
        return PredictionCounts((guesses & truth).sum(axis=0), guesses.sum(axis=0), truth.sum(axis=0))
    for name, classes in [("predicted", guesses), ("labels", truth)]:
        if classes.min() < 0 or classes.max() >= label_count:
            raise ValueError(
                f"{name} must hold classes 0 ... {label_count - 1}; "
                f"they are {classes.min()} ... {classes.max()}"
            )
    of = (truth[guesses == truth], guesses, truth)
    return PredictionCounts(*(np.bincount(classes, minlength=label_count) for classes in of))


def confusion_counts(
    predicted: Integer[Array, " item"], labels: Integer[Array, " item"], label_count: int
) -> Int[np.ndarray, "truth guess"]:
    """Count the items of each class (row) that were taken for each class (column)."""
    guesses, truth = _pair(predicted, labels)
    cells = np.bincount(truth * label_count + guesses, minlength=label_count**2)
    return cells.reshape(label_count, label_count)


def decided(probabilities: Probabilities, labels: Labels) -> Labels:
    """Return what is predicted: the most probable class, or every label that is more probable than not."""
    table, truth = checked(probabilities, labels)
    return table.argmax(axis=1) if truth.ndim == 1 else table > 0.5


def checked(
    probabilities: Probabilities, labels: Labels
) -> tuple[Float[np.ndarray, "item label"], Int[np.ndarray, " item"] | Bool[np.ndarray, "item label"]]:
    """Bring both to the CPU, the probabilities as 64-bit numbers.

    Raises:
        ValueError: there are no items, or probabilities outside 0 ... 1 or NaN.
    """
    assert len(probabilities) == len(labels), f"{len(probabilities)} rows for {len(labels)} labels"
    table = on_cpu(probabilities).astype(np.float64)
    truth, _ = _pair(labels, labels)
    if not ((table >= 0) & (table <= 1 + ROUNDING)).all():
        raise ValueError(
            "some probabilities are NaN or outside 0 ... 1: has training diverged? Lower optimizer.lr"
        )
    return table, truth


def _ranked_columns(
    probabilities: Probabilities, labels: Labels
) -> Iterator[tuple[Float[np.ndarray, " positive"], Float[np.ndarray, " negative"]]]:
    """Yield each class's probabilities, sorted: of the items that have it, and of those that have not."""
    table, truth = checked(probabilities, labels)
    is_binary = truth.ndim == 1 and table.shape[1] == 2
    for label in [1] if is_binary else range(table.shape[1]):
        has = truth == label if truth.ndim == 1 else truth[:, label]
        if 0 < has.sum() < len(has):
            yield np.sort(table[has, label]), np.sort(table[~has, label])


def _area_under_curve(
    positives: Float[np.ndarray, " positive"], negatives: Float[np.ndarray, " negative"]
) -> float:
    below, up_to = (np.searchsorted(negatives, positives, side) for side in ("left", "right"))
    return float((below + up_to).sum() / (2 * len(positives) * len(negatives)))


def _average_precision(
    positives: Float[np.ndarray, " positive"], negatives: Float[np.ndarray, " negative"]
) -> float:
    """Every positive adds 1 / positives to the recall, at the precision of what is ranked as high as it."""
    right = len(positives) - np.searchsorted(positives, positives, "left")
    wrong = len(negatives) - np.searchsorted(negatives, positives, "left")
    return float((right / (right + wrong)).mean())


def _pair(predicted: Labels, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Bring both to the CPU, classes as 64-bit integers."""
    assert predicted.shape == labels.shape, f"{predicted.shape} predictions for {labels.shape} labels"
    if len(labels) == 0:
        raise ValueError("there is nothing to score: no predictions and no labels")
    guesses, truth = on_cpu(predicted), on_cpu(labels)
    return (guesses, truth) if truth.ndim == 2 else (guesses.astype(np.int64), truth.astype(np.int64))


def on_cpu(array: Array) -> np.ndarray:
    """Return what numpy can compute with; it has no bfloat16."""
    if isinstance(array, np.ndarray):
        return array
    tensor = array.detach().cpu()
    return (tensor.double() if tensor.is_floating_point() else tensor).numpy()
