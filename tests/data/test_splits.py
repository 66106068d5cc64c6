"""Division into training, validation and test rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendo.data import SplitPolicy

unhurried = settings(deadline=None)  # the machine may be busy
labelled = st.lists(st.sampled_from("abc"), min_size=1, max_size=80)


def counts(labels: list[str], rows: np.ndarray) -> Counter[str]:
    return Counter(labels[row] for row in rows)


@unhurried
@given(labelled, st.integers(2, 6), st.integers(0, 3))
def test_folds_partition_the_rows_and_every_class_within_one(
    labels: list[str], folds: int, seed: int
) -> None:
    labels = labels + ["a", "b", "c"] * folds  # every class in every fold
    tests = []
    for fold in range(folds):
        parts = SplitPolicy(0.2, folds, fold, seed).divide(
            len(labels), labels, has_validation=False, has_test=False
        )
        assert set(parts) == {"train", "validation", "test"}
        everything = np.concatenate(list(parts.values()))
        assert sorted(everything.tolist()) == list(range(len(labels)))
        tests.append(parts["test"])
    assert sorted(np.concatenate(tests).tolist()) == list(range(len(labels)))
    for name, total in Counter(labels).items():
        shares = [counts(labels, test)[name] for test in tests]
        assert total // folds <= min(shares) and max(shares) <= -(-total // folds)


@unhurried
@given(labelled, st.floats(0.01, 0.7), st.integers(0, 3))
def test_held_out_rows_are_that_fraction_of_every_class(
    labels: list[str], fraction: float, seed: int
) -> None:
    labels = labels * 3
    parts = SplitPolicy(fraction, None, None, seed).divide(
        len(labels), labels, has_validation=False, has_test=True
    )
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(labels)))
    size = max(1, round(fraction * len(labels)))
    assert len(parts["validation"]) == size
    held_out = counts(labels, parts["validation"])
    for name, total in Counter(labels).items():
        assert abs(held_out[name] - total * size / len(labels)) <= 1


@pytest.mark.parametrize("labels", [None, ["a", "b"] * 50])
def test_the_division_depends_on_its_own_seed_alone(labels: list[str] | None) -> None:
    def divided(seed: int) -> dict[str, list[int]]:
        policy = SplitPolicy(0.1, 5, 3, seed)
        parts = policy.divide(100, labels, has_validation=False, has_test=False)
        return {name: rows.tolist() for name, rows in parts.items()}

    first = divided(1)
    np.random.seed(7)  # what a model's seed would change
    assert divided(1) == first
    assert divided(2) != first
    assert all(rows == sorted(rows) for rows in first.values())


def test_rows_are_shuffled_before_they_are_held_out() -> None:
    parts = SplitPolicy(0.5, None, None, 0).divide(1000, None, has_validation=False, has_test=False)
    assert not np.array_equal(np.diff(parts["validation"]), np.full(499, 2))
    assert 400 < parts["validation"].mean() < 600


def test_given_splits_are_left_as_they_are() -> None:
    parts = SplitPolicy(0.5, None, None, 0).divide(10, None, has_validation=True, has_test=True)
    assert {name: rows.tolist() for name, rows in parts.items()} == {"train": list(range(10))}


def test_a_fold_may_have_a_validation_file_beside_it() -> None:
    parts = SplitPolicy(0.5, 5, 0, 0).divide(10, None, has_validation=True, has_test=False)
    assert {name: len(rows) for name, rows in parts.items()} == {"test": 2, "train": 8}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((1.0, None, None), r"data\.validation_fraction=1\.0: expected 0 ≤ fraction < 1"),
        ((-0.1, None, None), r"data\.validation_fraction=-0\.1"),
        ((0.1, 10, None), r"data\.folds=10 and data\.fold=None: give both, or neither"),
        ((0.1, None, 3), r"data\.folds=None and data\.fold=3: give both, or neither"),
        ((0.1, 1, 0), r"data\.folds=1: expected 2 or more"),
        ((0.1, 10, 10), r"data\.fold=10: expected 0 … 9 \(data\.folds=10\)"),
        ((0.1, 10, -1), r"data\.fold=-1: expected 0 … 9"),
    ],
)
def test_contradictions_are_errors(settings: tuple[float, int | None, int | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SplitPolicy(*settings, split_seed=0)


@pytest.mark.parametrize(
    ("settings", "labels", "has_test", "message"),
    [
        ((0.1, 2, 0), list("abab"), True, r"data\.folds makes its own test sets: set data\.test=null"),
        (
            (0.1, 3, 0),
            list("aaabb"),
            False,
            r"data\.folds=3: there are only 2 rows of class 'b'; expected at",
        ),
        ((0.1, 6, 0), None, False, r"data\.folds=6: there are only 5 rows; expected"),
        ((0.95, None, None), None, False, r"no row is left to train on: 5 in all, held out: validation 5"),
    ],
)
def test_what_cannot_be_divided_is_an_error(
    settings: tuple[float, int | None, int | None], labels: list[str] | None, has_test: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        SplitPolicy(*settings, split_seed=0).divide(
            len(labels or range(5)), labels, has_validation=False, has_test=has_test
        )
