"""All scores of a classifier at once, and of each class."""

from collections.abc import Sequence
from math import isnan

from jaxtyping import Bool, Integer

from attendo.metrics.calibration import expected_calibration_error
from attendo.metrics.classification import (
    Array,
    Labels,
    Probabilities,
    accuracy,
    auroc,
    average_precision,
    checked,
    decided,
    macro_f1,
    matthews_correlation,
    micro_f1,
    prediction_counts,
)


def classification_scores(probabilities: Probabilities, labels: Integer[Array, " item"]) -> dict[str, float]:
    """Return accuracy, macro_f1, micro_f1, mcc, auroc, average_precision and ece.

    What is undefined for these labels (of one class only: mcc, auroc, average_precision) is left out:
    a run has the same scores whatever it predicts.

    Raises:
        ValueError: there are no items, a class lies outside the table, or a probability outside 0 ... 1.
    """
    return _scores(probabilities, labels)


def multilabel_scores(probabilities: Probabilities, targets: Bool[Array, "item label"]) -> dict[str, float]:
    """Return the scores of ``classification_scores`` where an item may have any number of labels.

    accuracy asks for all labels of an item; macro_f1, auroc and average_precision are means over labels;
    micro_f1, mcc and ece are over all yes and no together. Where no item has any label, there is no F1.
    """
    return _scores(probabilities, targets)


def per_class(
    probabilities: Probabilities, labels: Labels, names: Sequence[str]
) -> list[dict[str, str | float | int]]:
    """Return label, precision, recall, f1 and support (items that have it) of each class.

    Precision is 0 of a class that is never predicted, and recall of one that no item has.
    """
    hits, guessed, true = prediction_counts(decided(probabilities, labels), labels, len(names))
    return [
        {
            "label": name,
            "precision": float(hit / max(guess, 1)),
            "recall": float(hit / max(support, 1)),
            "f1": float(2 * hit / max(guess + support, 1)),
            "support": int(support),
        }
        for name, hit, guess, support in zip(names, hits, guessed, true, strict=True)
    ]


def _scores(probabilities: Probabilities, labels: Labels) -> dict[str, float]:
    table, truth = checked(probabilities, labels)
    predicted = decided(table, truth)
    scores = {
        "accuracy": accuracy(predicted, truth),
        "macro_f1": macro_f1(predicted, truth, table.shape[1]),
        "micro_f1": micro_f1(predicted, truth),
        "mcc": matthews_correlation(predicted, truth),
        "auroc": auroc(table, truth),
        "average_precision": average_precision(table, truth),
        "ece": expected_calibration_error(table, truth),
    }
    return {name: score for name, score in scores.items() if not isnan(score)}
