"""Scores of predicted classes, as fractions in [0, 1]."""

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor


def accuracy(
    predicted: Integer[Tensor | np.ndarray, " item"],
    labels: Integer[Tensor | np.ndarray, " item"],
) -> float:
    """Return the fraction of items whose predicted class is the right one.

    Raises:
        ValueError: there are no items.
    """
    guesses, truth = _pair(predicted, labels)
    return (guesses == truth).double().mean().item()


def macro_f1(
    predicted: Integer[Tensor | np.ndarray, " item"],
    labels: Integer[Tensor | np.ndarray, " item"],
    label_count: int,
) -> float:
    """Return the mean of the classes' F1 = 2 tp / (2 tp + fp + fn).

    Classes that are neither predicted nor right anywhere have no F1 and are left out of the mean.

    Args:
        predicted: class of every item, 0 ... label_count - 1.
        labels: the right ones.
        label_count: classes.

    Raises:
        ValueError: there are no items, or a class lies outside 0 ... label_count - 1.
    """
    guesses, truth = _pair(predicted, labels)
    for name, classes in [("predicted", guesses), ("labels", truth)]:
        if classes.min() < 0 or classes.max() >= label_count:
            raise ValueError(
                f"{name} must hold classes 0 ... {label_count - 1}; "
                f"they are {classes.min().item()} ... {classes.max().item()}"
            )
    hits = torch.bincount(truth[guesses == truth], minlength=label_count)  # label
    mentions = torch.bincount(guesses, minlength=label_count) + torch.bincount(truth, minlength=label_count)
    present = mentions > 0
    return (2.0 * hits[present].double() / mentions[present]).mean().item()


def _pair(
    predicted: Integer[Tensor | np.ndarray, " item"],
    labels: Integer[Tensor | np.ndarray, " item"],
) -> tuple[Int[Tensor, " item"], Int[Tensor, " item"]]:
    """Bring both to the CPU as 64-bit integers."""
    assert predicted.shape == labels.shape, f"{predicted.shape} predictions for {labels.shape} labels"
    if len(labels) == 0:
        raise ValueError("there is nothing to score: no predictions and no labels")
    return (
        torch.as_tensor(predicted, dtype=torch.int64, device="cpu"),
        torch.as_tensor(labels, dtype=torch.int64, device="cpu"),
    )
