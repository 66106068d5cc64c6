"""Texts that are too long."""

import pytest

from attendo.data import LengthPolicy


def nowhere() -> str:
    raise AssertionError("the place of a row that is accepted is nobody's business")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_rows_within_the_limit_stay_as_they_are(split: str) -> None:
    for policy in (LengthPolicy(3, "error"), LengthPolicy(3, "drop"), LengthPolicy(None, "error")):
        assert policy.apply([[5, 6, 7], [8]], split, nowhere) == ([[5, 6, 7], [8]], False)


def test_truncating_keeps_the_first_tokens_of_every_side() -> None:
    row = [[5, 6, 7, 8], [9]]
    assert LengthPolicy(2, "truncate").apply(row, "train", nowhere) == ([[5, 6], [9]], True)


def test_only_training_rows_are_dropped() -> None:
    policy, row = LengthPolicy(2, "drop"), [[9], [5, 6, 7]]
    assert policy.apply(row, "train", nowhere) == (None, True)
    for split in ("validation", "test"):
        assert policy.apply(row, split, nowhere) == ([[9], [5, 6]], True)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_refusing_names_the_place_and_the_ways_out(split: str) -> None:
    message = r"^a\.tsv:7: 3 tokens; expected at most data\.max_length=2 \(data\.too_long=truncate or drop"
    with pytest.raises(ValueError, match=message):
        LengthPolicy(2, "error").apply([[5, 6, 7]], split, lambda: "a.tsv:7")


def test_wrong_settings_are_errors() -> None:
    with pytest.raises(ValueError, match=r"data\.max_length=0: expected 1 or more tokens, or null"):
        LengthPolicy(0, "truncate")
