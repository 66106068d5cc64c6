"""What was planted in data is said in a sentence, and nothing is said of good data."""

import functools
from collections.abc import Sequence
from pathlib import Path

import pytest

from attendo.analysis.findings import SUMMARIZED, findings, percent, summary
from attendo.data import LengthPolicy, Preparation, PreparedData, SplitPolicy
from attendo.data.statistics import statistics
from attendo.tokenization import train_bpe, train_whitespace
from small_runs import Rows

Labelled = Sequence[tuple[str, ...]]


def prepared(
    folder: Path, rows: dict[str, Labelled], roles=("text", "label"), trainer=None, separator=None, **lengths
) -> PreparedData:
    words = functools.partial(train_whitespace, lowercase=False, minimum_count=1, maximum_size=None)
    policy = LengthPolicy(lengths.get("maximum"), lengths.get("too_long", "truncate"))
    splits = SplitPolicy(validation_fraction=0.0, folds=None, fold=None, split_seed=0)
    source = Rows(roles, rows)
    preparation = Preparation(source, splits, policy, None, None, folder, label_separator=separator)
    return preparation.train({"joint": trainer or words})


def said(folder: Path, rows: dict[str, Labelled], *arguments, **named) -> list[str]:
    return findings(statistics(prepared(folder, rows, *arguments, **named)))


def good(count: int, first: int = 0) -> list[tuple[str, str]]:
    """Rows with nothing odd: every text its own, two classes of the same size, words that all splits have."""
    words = [f"w{n}" for n in range(12)]
    texts = [
        " ".join([words[n % 12], words[n // 12 % 12], words[n // 144 % 12], "end"])
        for n in range(first, first + count)
    ]
    return [(text, "ab"[n % 2]) for n, text in enumerate(texts)]


def good_splits() -> dict[str, Labelled]:
    return {"train": good(800), "validation": good(300, 800), "test": good(300, 1100)}


def test_nothing_is_said_of_good_data(tmp_path: Path) -> None:
    assert said(tmp_path, good_splits()) == []


def with_rows(split: str, rows: Labelled, instead: bool = False) -> dict[str, Labelled]:
    splits = good_splits()
    return {**splits, split: rows if instead else [*splits[split], *rows]}


PLANTED = {
    "a leak": (
        with_rows("test", [good(1)[0], good(2)[1]]),
        ["2 of the 302 test texts (0.7 %) also occur in train"],
    ),
    "a contradiction": (
        with_rows("train", [("W0 w0 w0 end", "b")]),
        ["0.2 % (train), 0.0 % (validation) and 0.0 % (test) of the rows have a text that has another label "
         "elsewhere in the split"],
    ),
    "a small class": (
        with_rows("train", [("w1 w1 w1 end end", "rare")] * 1 + [("w1 w2 w1 end end", "rare")] * 1),
        [
            "1 class with fewer than 10 rows in train: 'rare' (2)",
            "1 class without a row in validation: 'rare'",
            "1 class without a row in test: 'rare'",
            "class 'a' has 200 times as many rows in train as 'rare': accuracy hides the small classes, "
            "monitor.metric=validation/macro_f1 does not",
        ],
    ),
    "unknown words": (
        with_rows("test", [(f"new{n} words{n} only{n} end", "ab"[n % 2]) for n in range(60)]),
        ["0.0 % (train), 0.0 % (validation) and 12.5 % (test) of the tokens are unknown: try tokenizer=bpe, "
         "or a lower tokenizer.minimum_count"],
    ),
    "a small test set": (
        with_rows("test", good(100, 1100), instead=True),
        ["test has only 100 rows: an accuracy on it is uncertain by up to ±10 points (95 %)"],
    ),
    "other class shares": (
        with_rows("test", [(text, "a") for text, _ in good(300, 1100)], instead=True),
        ["1 class without a row in test: 'b'", "class 'a' is 100.0 % of test, but 50.0 % of train"],
    ),
    "other lengths": (
        with_rows("test", [(f"{text} {text}", label) for text, label in good(300, 1100)], instead=True),
        ["texts have 8.0 tokens in test, but 4.0 in train"],
    ),
    "repetitions": (
        with_rows("train", good(100)),
        ["11.1 % (train), 0.0 % (validation) and 0.0 % (test) of the rows repeat the text of an earlier row"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_what_was_planted_is_said(what: str, tmp_path: Path) -> None:
    rows, expected = PLANTED[what]
    assert said(tmp_path, rows) == expected


def test_rows_that_are_too_long_are_said(tmp_path: Path) -> None:
    rows = with_rows("train", [(f"w{n} w1 w1 w1 w1 w1 w1 end", "ab"[n % 2]) for n in range(11)])
    for too_long in ("truncate", "drop"):
        (sentence,) = said(tmp_path, rows, maximum=5, too_long=too_long)
        assert "of the rows are longer than data.max_length, and were cut or left out" in sentence


# ------------------------------------------------------------------------------------------------------ pairs
def good_pairs(count: int, first: int = 0) -> list[tuple[str, str]]:
    return [(text, f"das {text}") for text, _ in good(count, first)]


@pytest.mark.parametrize(("planted", "expected"), [
    ([("w0 w0 w0 end", "other")],
     "1 of the 301 test sources (0.3 %) also occur in train, 0 of them with the same target"),
    ([("w9 end", "das w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 w9 end")],
     "1 of the 301 test pairs (0.3 %) have lengths more than 8 times off the usual ratio: are the sides "
     "aligned?"),
    ([(f"w1 w{n} w2 w{n} end", f"W1 w{n} w2 w{n} end") for n in range(8)],
     "0.0 % (train), 0.0 % (validation) and 2.6 % (test) of the pairs have the same text on both sides"),
])  # fmt: skip
def test_what_was_planted_in_pairs_is_said(planted, expected, tmp_path: Path) -> None:
    splits = {"train": good_pairs(800), "validation": good_pairs(300, 800), "test": good_pairs(300, 1100)}
    assert said(tmp_path, splits, ("source", "target")) == []
    splits["test"] = [*splits["test"], *planted]
    assert said(tmp_path, splits, ("source", "target")) == [expected]


# --------------------------------------------------------------------------------------------- pairs of texts
TWO_TEXTS = ("text", "text_b", "label")


def good_texts(count: int, first: int = 0) -> list[tuple[str, ...]]:
    return [(text, f"{text} w1 end", label) for text, label in good(count, first)]


@pytest.mark.parametrize(("split", "planted", "expected"), [
    ("test", [good_texts(1)[0]], "1 of the 301 test pairs (0.3 %) also occur in train"),
    ("test", [("w1 w2 end", f"w2 w{n} w1 end", "a") for n in range(3)] + [("w3 end", "w0 end", "b")], None),
    ("train", [("W0 w0 w0 end", "w0 w0 w0 end w1 end", "b")],
     "0.2 % (train), 0.0 % (validation) and 0.0 % (test) of the rows have a pair that has another label "
     "elsewhere in the split"),
    ("test", [(f"w1 w{n} w2 w{n} end", f"W1 w{n} w2 w{n} end", "ab"[n % 2]) for n in range(8)],
     "0.0 % (train), 0.0 % (validation) and 2.6 % (test) of the pairs have the same text on both sides"),
    ("test", [(f"w1 w{n % 12} end", "new words here end " * 3, "ab"[n % 2]) for n in range(60)],
     "0.0 % (train), 0.0 % (validation) and 21.4 % (test) of the second text tokens are unknown: try "
     "tokenizer=bpe, or a lower tokenizer.minimum_count"),
])  # fmt: skip
def test_what_was_planted_in_pairs_of_texts_is_said(split, planted, expected, tmp_path: Path) -> None:
    splits = {"train": good_texts(800), "validation": good_texts(300, 800), "test": good_texts(300, 1100)}
    assert said(tmp_path, splits, TWO_TEXTS) == []
    splits[split] = [*splits[split], *planted]
    found = said(tmp_path, splits, TWO_TEXTS)
    assert found == [] if expected is None else expected in found


# -------------------------------------------------------------------------------------------- several labels
def good_sets() -> dict[str, Labelled]:
    return {
        name: [(text, ("x", "y", "x|y", "")[n % 4]) for n, (text, _) in enumerate(rows)]
        for name, rows in good_splits().items()
    }


def test_nothing_is_said_of_good_sets_of_labels(tmp_path: Path) -> None:
    assert said(tmp_path, good_sets(), separator="|") == []


def test_a_separator_that_never_occurs_is_said(tmp_path: Path) -> None:
    rows = {name: [(text, label or "z") for text, label in rows] for name, rows in good_sets().items()}
    (sentence,) = said(tmp_path, rows, separator=";")
    assert (
        sentence == "no row has more than one label: is data.label_separator what stands between the labels?"
    )


@pytest.mark.parametrize("separator", ["|", ";", ", "])
def test_classes_that_look_like_sets_of_labels_are_said(separator: str, tmp_path: Path) -> None:
    rows = {
        name: [(text, (label or "y").replace("|", separator)) for text, label in rows]
        for name, rows in good_sets().items()
    }
    found = said(tmp_path, rows)
    assert [
        f"classes such as 'x{separator}y' look like several labels each: with data.label_separator="
        f"{separator.strip()!r} model.head=multilabel, there would be 2 labels in place of 3 classes"
    ] == [sentence for sentence in found if "look like" in sentence]


def test_rare_and_shifted_labels_are_said_by_their_share_of_the_rows(tmp_path: Path) -> None:
    rows = good_sets()
    rows["train"] = [*rows["train"], ("w1 w1 w1 end end", "x|rare")]
    rows["test"] = [(text, "x|y") for text, _ in rows["test"]]
    found = said(tmp_path, rows, separator="|")
    assert found[:3] == [
        "1 label with fewer than 10 rows in train: 'rare' (1)",
        "1 label without a row in validation: 'rare'",
        "1 label without a row in test: 'rare'",
    ]
    assert found[3].startswith("label 'x' has 401 times as many rows in train as 'rare': accuracy hides the ")
    assert found[4] == "label 'x' has 100.0 % of test, but 50.1 % of train" or "label 'y'" in found[4]
    assert "labels     rare 0.1 %, x 50.1 %, y 49.9 %" in summary(prepared(tmp_path, rows, separator="|"))


def test_a_vocabulary_that_training_does_not_use_is_said(tmp_path: Path) -> None:
    merges = functools.partial(
        train_bpe, vocabulary_size=60, lowercase=False, minimum_count=2, byte_fallback=False
    )
    rows = [("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbcccccccccccccccc", "ab"[n % 2]) for n in range(400)]
    sentences = said(tmp_path, {"train": rows}, trainer=merges)
    assert any("of the text vocabulary never occur in train" in sentence for sentence in sentences)


# ------------------------------------------------------------------------------------------------ the summary
def test_the_summary_has_sizes_classes_and_the_first_findings(tmp_path: Path) -> None:
    rows = with_rows("test", [good(1)[0], ("new words", "a")])
    assert summary(prepared(tmp_path, rows)) == [
        "train            800 rows, text 4.0 tokens (0.0 % unknown)",
        "validation       300 rows, text 4.0 tokens (0.0 % unknown)",
        "test             302 rows, text 4.0 tokens (0.2 % unknown)",
        "vocabulary text 17",
        "classes    a 50.0 %, b 50.0 %",
        "look at    1 of the 302 test texts (0.3 %) also occur in train",
    ]


def test_the_summary_stays_short_whatever_is_wrong(tmp_path: Path) -> None:
    classes = [(f"text {n % 40} {n}", f"class {n % 50}") for n in range(120)]
    rows = {"train": [*classes, *classes[:20], ("text 0 0", "class 7")], "test": [("new words", "class 3")]}
    lines = summary(prepared(tmp_path, rows))
    assert len([line for line in lines if line.startswith("look at")]) == SUMMARIZED
    assert lines[-1] == f"{'':10} and 2 more: attendo inspect with the same words"
    assert "… (50 in all)" in next(line for line in lines if line.startswith("classes"))
    assert all(len(line) < 400 for line in lines)


@pytest.mark.parametrize(("share", "text"), [
    (0.0, "0.0 %"), (1.0, "100.0 %"), (1e-9, "< 0.1 %"), (0.0004, "< 0.1 %"), (0.0006, "0.1 %"),
    (0.345, "34.5 %"),
])  # fmt: skip
def test_a_share_is_never_zero_unless_it_is_nothing(share: float, text: str) -> None:
    assert percent(share) == text
