"""The rows that are shown are the ones they are said to be, each with its place."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from attendo.analysis.examples import Gallery, galleries
from attendo.data import LengthPolicy, Preparation, PreparedData, Split, SplitPolicy
from attendo.data.statistics import statistics
from attendo.data.tables import Rows as RowNumbers
from attendo.tokenization import train_whitespace
from small_runs import Rows

TRAIN = [
    ("short", "a"), ("a b c d e f g h i j", "b"), ("a b c", "a"), ("A  B c", "b"), ("x y", "a"), ("x y", "a"),
    ("x Y", "a"), ("1 2 3 4 5 6 7 8", "b"), ("a a a a a a a a a b", "a"),
]  # fmt: skip
TEST = [("nothing of this is known", "a"), ("X y", "b"), ("a a", "a")]


def prepared(
    folder: Path, roles: tuple[str, ...], rows, maximum: int | None = None, separator: str | None = None
) -> PreparedData:
    import functools

    spaces = functools.partial(train_whitespace, lowercase=False, minimum_count=1, maximum_size=None)
    splits = SplitPolicy(validation_fraction=0.0, folds=None, fold=None, split_seed=0)
    source, lengths = Rows(roles, rows), LengthPolicy(maximum, "truncate")
    preparation = Preparation(source, splits, lengths, None, None, folder, label_separator=separator)
    return preparation.train({"joint": spaces})


def shown(data: PreparedData) -> dict[str, Gallery]:
    def places(split: Split, rows: RowNumbers) -> Sequence[str]:
        return [f"{split.name}:{split.ids.rows[row] + 1}" for row in rows]

    return {gallery.title: gallery for gallery in galleries(data, statistics(data), places)}


def rows_of(gallery: Gallery) -> list[int]:
    return [int(example.where.rpartition(":")[2]) for example in gallery.examples]


@pytest.fixture
def texts(tmp_path: Path) -> dict[str, Gallery]:
    return shown(prepared(tmp_path, ("text", "label"), {"train": TRAIN, "test": TEST}))


def test_the_longest_rows_come_first(texts) -> None:
    by_length = sorted(range(len(TRAIN)), key=lambda row: (-len(TRAIN[row][0].split()), -len(TRAIN[row][0])))
    assert rows_of(texts["Longest (train)"]) == [row + 1 for row in by_length[:5]]
    first = texts["Longest (train)"].examples[0]
    assert (first.texts, first.label, first.note) == ({"text": TRAIN[1][0]}, "b", "10 tokens")


def test_of_rows_that_were_cut_the_longest_come_first_and_their_length_is_told(tmp_path: Path) -> None:
    found = shown(prepared(tmp_path, ("text", "label"), {"train": TRAIN}, maximum=2))
    assert found["Longest (train)"].examples[0].note == "10 tokens, cut to 2"
    assert rows_of(found["Longest (train)"])[:3] == [2, 9, 8]


def test_unknown_texts_are_the_oddest(texts) -> None:
    odd = texts["Oddest (test)"]
    assert odd.examples[0].texts["text"] == TEST[0][0]
    assert odd.examples[0].note.endswith("100% unknown")
    assert odd.examples[-1].texts["text"] == "a a"


def test_contradictions_repetitions_and_leaks_stand_beside_what_they_repeat(texts) -> None:
    assert rows_of(texts["Contradictory (train)"]) == [3, 4]
    assert [example.label for example in texts["Contradictory (train)"].examples] == ["a", "b"]
    assert rows_of(texts["Repeated (train)"]) == [3, 4, 5, 6]
    (leak,) = texts["Also in training (test)"].examples
    assert (leak.where, leak.note) == ("test:2", "also at train:5")
    assert "Repeated (test)" not in texts and "Also in training (train)" not in texts


def test_pairs_of_unusual_length_are_the_oddest(tmp_path: Path) -> None:
    pairs = [(f"w{n} " * 5, f"v{n} " * 6) for n in range(20)]
    pairs = [(a.strip(), b.strip()) for a, b in pairs]
    pairs[3], pairs[7] = (pairs[3][0], "v"), (pairs[7][0], pairs[7][1] * 3)
    pairs[11] = ("same", "Same")
    found = shown(prepared(tmp_path, ("source", "target"), {"train": pairs}))
    ratios = [len(target) / len(source) for source, target in pairs]
    usual = float(np.median(ratios))
    expected = sorted(range(20), key=lambda row: -abs(math.log(ratios[row] / usual)))
    assert rows_of(found["Oddest (train)"])[:3] == [row + 1 for row in expected[:3]] == [4, 8, 12]
    notes = [example.note for example in found["Oddest (train)"].examples]
    assert notes[0] == f"target {usual / ratios[3]:.1f} times shorter than usual"
    assert notes[1] == f"target {ratios[7] / usual:.1f} times longer than usual"
    assert rows_of(found["The same on both sides (train)"]) == [12]
    assert found["Longest (train)"].examples[0].label is None


# ----------------------------------------------------------------------------- pairs of texts, several labels
QUESTIONS = [
    ("who", "the cat", "yes"), ("where is it", "here", "no"), ("WHO", "the  cat", "no"),
    ("who", "a dog", "yes"),
    ("same", "Same", "no"), ("where is it", "here", "no"),
]  # fmt: skip


def test_pairs_of_texts_are_compared_as_a_whole(tmp_path: Path) -> None:
    test = [("who", "zzz", "yes"), ("Where is it", "here", "yes")]
    found = shown(prepared(tmp_path, ("text", "text_b", "label"), {"train": QUESTIONS, "test": test}))
    assert rows_of(found["Contradictory (train)"]) == [1, 3]
    assert rows_of(found["Repeated (train)"]) == [1, 3, 2, 6]
    assert rows_of(found["The same on both sides (train)"]) == [5]
    (leak,) = found["Also in training (test)"].examples
    assert (leak.where, leak.note) == ("test:2", "also at train:2")
    assert leak.texts == {"text": "Where is it", "text_b": "here"} and leak.label == "yes"
    assert found["Longest (train)"].examples[0].note == "text 3 tokens, second text 1 tokens"
    assert found["Oddest (test)"].examples[0].texts["text_b"] == "zzz"


def test_the_labels_of_a_row_are_named(tmp_path: Path) -> None:
    rows = [("a", "x|y"), ("b", ""), ("A", "y"), ("a", "y|x"), ("c d", "x")]
    found = shown(prepared(tmp_path, ("text", "label"), {"train": rows}, separator="|"))
    labels = {(example.texts["text"], example.label) for example in found["Longest (train)"].examples}
    assert labels == {("a", "x, y"), ("b", "no label"), ("A", "y"), ("c d", "x")}
    assert [example.label for example in found["Contradictory (train)"].examples] == ["x, y", "y"]
