"""Which rows train, which validate, which test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attendo.data.tables import Rows


@dataclass(frozen=True)
class SplitPolicy:
    """What happens to the rows of the training source.

    Args:
        validation_fraction: share of them held out to validate on, where the source has no validation split.
        folds: number k of cross-validation folds, or None. The test set is then fold number ``fold``, the
            same for every seed of the model.
        fold: 0 … folds − 1.
        split_seed: of the shuffling before rows are divided.

    Raises:
        ValueError: numbers that contradict each other.
    """

    validation_fraction: float
    folds: int | None
    fold: int | None
    split_seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"data.validation_fraction={self.validation_fraction}: expected 0 ≤ fraction < 1"
            )
        if (self.folds is None) != (self.fold is None):
            raise ValueError(f"data.folds={self.folds} and data.fold={self.fold}: give both, or neither")
        if self.folds is not None and self.folds < 2:
            raise ValueError(f"data.folds={self.folds}: expected 2 or more")
        if self.folds is not None and self.fold is not None and not 0 <= self.fold < self.folds:
            raise ValueError(
                f"data.fold={self.fold}: expected 0 … {self.folds - 1} (data.folds={self.folds})"
            )

    def divide(
        self,
        count: int,
        labels: Sequence[str] | None,
        *,
        has_validation: bool,
        has_test: bool,
        is_multilabel: bool = False,
    ) -> dict[str, Rows]:
        """Rows of the training source for each split that has to come from it; strata are the labels.

        Args:
            is_multilabel: labels are sets of them, as texts. Many sets are too rare to be divided; those are
                divided together with their neighbours in the order of the texts, which share first labels.

        Raises:
            ValueError: a test file beside cross-validation, a class too small to be divided, or nothing left.
        """
        generator = np.random.default_rng([self.split_seed, count])
        numbers = {name: number for number, name in enumerate(sorted(set(labels or ())))}
        strata = np.array([numbers[name] for name in labels] if labels is not None else [0] * count, np.int64)
        order = stratified_order(strata, generator)
        parts: dict[str, Rows] = {}
        if self.folds is not None:
            if has_test:
                raise ValueError("data.folds makes its own test sets: set data.test=null, or data.folds=null")
            check_fold_sizes(strata, None if is_multilabel else labels, self.folds)
            parts["test"] = np.sort(order[self.fold :: self.folds])
            order = np.delete(order, np.s_[self.fold :: self.folds])
        if not has_validation and self.validation_fraction > 0:
            size = min(len(order), max(1, round(self.validation_fraction * len(order))))
            is_alone = np.bincount(strata[order])[strata[order]] == 1
            # a class's only row is there to learn from
            spare = order if is_multilabel or is_alone.all() else order[~is_alone]
            places = np.floor((np.arange(size) + 0.5) * len(spare) / size).astype(np.int64)
            parts["validation"] = np.unique(spare[places])
            order = order[~np.isin(order, parts["validation"])]
        if len(order) == 0:
            raise ValueError(
                f"data.train: no row is left to train on: {count} in all, held out: {sizes(parts)}"
            )
        return {**parts, "train": np.sort(order)}


def stratified_order(strata: NDArray[np.int64], generator: np.random.Generator) -> Rows:
    """Rows shuffled within each stratum, strata one after the other: every k-th is a stratified sample."""
    shuffled = generator.permutation(len(strata))
    return shuffled[np.argsort(strata[shuffled], kind="stable")]


def check_fold_sizes(strata: NDArray[np.int64], labels: Sequence[str] | None, folds: int) -> None:
    counts = np.bincount(strata) if labels is not None else np.array([len(strata)])
    smallest = int(counts.min())
    if smallest < folds:
        what = "rows" if labels is None else f"rows of class {sorted(set(labels))[int(counts.argmin())]!r}"
        raise ValueError(
            f"data.folds={folds}: there are only {smallest} {what}; expected at least one a fold"
        )


def sizes(parts: dict[str, Rows]) -> str:
    return ", ".join(f"{name} {len(rows)}" for name, rows in parts.items()) or "none"
