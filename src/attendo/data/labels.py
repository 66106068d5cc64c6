"""What the label of a row says: one class, or, where data.label_separator divides it, any number of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64] | NDArray[np.bool_]  # class of each row, or (row, label): whether it has the label


def label_text(text: str, listed: Sequence[str] | None, separator: str | None) -> str:
    """The label as tables keep it; of several labels, each once and in order: equal sets have equal texts.

    Args:
        text: what the source says.
        listed: what it says where it has a list of labels.
        separator: between several labels, or None if a row has one.

    Raises:
        ValueError: not one label, or one of several has the separator inside.
    """
    if separator is None:
        if listed is not None:
            raise ValueError(
                f"the label is a list of {len(listed)}; expected text, a number or a boolean "
                "(with data.label_separator set, a row may have several labels)"
            )
        if not text:
            raise ValueError("the label is empty; expected something other than white space")
        return text
    for name in listed or ():
        if separator in name:
            raise ValueError(f"the label {name!r} has data.label_separator={separator!r} inside")
    parts = text.split(separator) if listed is None else listed
    return separator.join(sorted({part.strip() for part in parts} - {""}))


def label_names(text: str, separator: str | None) -> list[str]:
    """The labels that a text of the table stands for."""
    if separator is None:
        return [text]
    return text.split(separator) if text else []


def encoded_labels(texts: Sequence[str], labels: Sequence[str], separator: str | None) -> Labels:
    """Class ids of some rows, or with a separator a (row, label) matrix of the labels that they have."""
    codes = {name: code for code, name in enumerate(labels)}
    if separator is None:
        return np.array([codes[name] for name in texts], np.int64)
    has_label = np.zeros((len(texts), len(labels)), bool)
    for row, text in enumerate(texts):
        has_label[row, [codes[name] for name in label_names(text, separator)]] = True
    return has_label


def rows_per_label(labels: Labels, count: int) -> NDArray[np.int64]:
    """Rows of each of ``count`` classes, or with each of the labels."""
    return labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=count)


def label_groups(labels: Labels) -> NDArray[np.int64]:
    """A number for every row: the same for rows with the same label, or the same set of labels."""
    groups: NDArray[np.int64] = np.unique(labels, axis=0, return_inverse=True)[1].reshape(-1)
    return groups
