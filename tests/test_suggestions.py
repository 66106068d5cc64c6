"""The nearest right spelling."""

import pytest

from attendo.suggestions import did_you_mean


@pytest.mark.parametrize(
    ("word", "hint"),
    [("labels", ' Did you mean "label"?'), ("TEXT", ' Did you mean "Text"?'), ("zebra", ""), ("", "")],
)
def test_the_nearest_spelling_is_suggested_and_far_ones_are_not(word: str, hint: str) -> None:
    assert did_you_mean(word, iter(["Text", "label", "target"])) == hint


def test_no_choices_give_no_hint() -> None:
    assert did_you_mean("word", []) == ""
