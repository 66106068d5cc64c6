"""From files to encoded splits."""

import functools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tokenizers
from text_files import (
    COMPOSED,
    DECOMPOSED,
    JOINT,
    TRAIN,
    WORDS,
    cached,
    decoded,
    labelled,
    parallel,
    preparation,
)
from tokenizers import models, normalizers

from attendo.data.reading import UnicodeForm
from attendo.data.tables import ROWS_PER_CHUNK
from attendo.tokenization import SPECIAL_TOKENS, UNK, Tokenizer


# ------------------------------------------------------------------------------------------------- contents
def test_every_split_is_encoded_row_by_row(tmp_path: Path) -> None:
    source = labelled(tmp_path, test=[("good bad", "neg"), ("film", "pos")])
    data = preparation(source, tmp_path / "cache").train(JOINT)
    assert set(data.splits) == {"train", "test"}
    assert decoded(data, "train") == [text for text, _ in TRAIN]
    assert decoded(data, "test") == ["good bad", "film"]
    assert data.labels == ["neg", "pos"]
    assert data.splits["train"].labels.tolist() == [1, 0, 1, 0]
    assert data.splits["test"].labels.tolist() == [0, 1]
    assert data.splits["test"].raw("text", np.array([1, 0])) == ["film", "good bad"]


def test_more_rows_than_a_chunk_keep_their_order_their_labels_and_their_texts(tmp_path: Path) -> None:
    rows = [(f"w{number} x", f"l{number % 3}") for number in range(ROWS_PER_CHUNK + 300)]
    data = preparation(labelled(tmp_path, rows), tmp_path / "cache", validation=0.3).train(JOINT)
    seen = []
    for split in data.splits.values():
        raw = split.raw("text", np.arange(len(split)))
        assert decoded(data, split.name) == [text if split.name == "train" else "<unk> x" for text in raw]
        seen += list(zip(raw, [data.labels[code] for code in split.labels], strict=True))
    assert Counter(seen) == Counter(rows)


def test_pairs_have_two_sides_and_no_labels(tmp_path: Path) -> None:
    source = parallel(tmp_path, ["a b", "c"], ["x", "y z"])
    data = preparation(source, tmp_path / "cache").train(JOINT)
    assert (decoded(data, "train", "source"), decoded(data, "train", "target")) == (
        ["a b", "c"],
        ["x", "y z"],
    )
    assert data.labels == [] and data.splits["train"].labels is None


def test_a_text_that_a_tokenizer_leaves_nothing_of_becomes_unknown(tmp_path: Path) -> None:
    def without_hyphens(texts: Iterable[str]) -> Tokenizer:
        backend = tokenizers.Tokenizer(
            models.WordLevel({t: i for i, t in enumerate(SPECIAL_TOKENS)}, "<unk>")
        )
        backend.normalizer = normalizers.Replace("-", "")
        return Tokenizer(backend)

    data = preparation(labelled(tmp_path, [*TRAIN, ("--", "pos")]), tmp_path / "cache").train(
        {"joint": functools.partial(without_hyphens)}
    )
    assert data.tokenizers["text"].encode("--") == []
    assert data.splits["train"].ids.columns["text"].padded(np.array([4]), 0).tolist() == [[UNK]]


# ----------------------------------------------------------------------------------------------- tokenizers
def test_tokenizers_see_the_training_rows_only(tmp_path: Path) -> None:
    source = labelled(tmp_path, test=[("good secret", "pos"), ("bad", "neg")])
    data = preparation(source, tmp_path / "cache").train(JOINT)
    assert decoded(data, "test")[0] == "good <unk>"


@pytest.mark.parametrize(
    "settings", [{"validation": 0.3}, {"fold": (3, 1)}, {"fold": (3, 2), "validation": 0.3}]
)
def test_words_of_held_out_rows_are_unknown(tmp_path: Path, settings: dict[str, Any]) -> None:
    rows = [(f"word{number}", "ab"[number % 2]) for number in range(40)]
    data = preparation(labelled(tmp_path, rows), tmp_path / "cache", **settings).train(JOINT)
    for name, split in data.splits.items():
        expected = split.raw("text", np.arange(len(split))) if name == "train" else ["<unk>"] * len(split)
        assert decoded(data, name) == expected


def test_a_joint_tokenizer_knows_both_sides_and_separate_ones_their_own(tmp_path: Path) -> None:
    source = parallel(tmp_path, ["a b", "c"], ["x", "y z"])
    joint = preparation(source, tmp_path / "cache").train(JOINT).tokenizers
    assert joint["source"] is joint["target"]
    assert set("abcxyz") <= set(joint["source"].vocabulary.tokens)
    apart = preparation(source, tmp_path / "cache").train({"source": WORDS, "target": WORDS}).tokenizers
    assert set(apart["source"].vocabulary.tokens) & set("abcxyz") == set("abc")
    assert set(apart["target"].vocabulary.tokens) & set("abcxyz") == set("xyz")


def test_tokenizers_that_do_not_fit_the_texts_are_an_error(tmp_path: Path) -> None:
    message = "tokenizers for source and target, but the data's texts are text: expected one for each"
    with pytest.raises(ValueError, match=message):
        preparation(labelled(tmp_path), tmp_path / "cache").train({"source": WORDS, "target": WORDS})


def test_evaluation_uses_the_tokenizers_and_labels_it_is_given(tmp_path: Path) -> None:
    trained = preparation(labelled(tmp_path / "a"), tmp_path / "cache").train(JOINT)
    other = labelled(tmp_path / "b", train=[("x y", "p"), ("y", "q")], test=[("good x", "pos")])
    evaluation = preparation(other, tmp_path / "cache")
    data = evaluation.evaluate("test", trained.tokenizers, trained.labels)
    assert set(data.splits) == {"test"}
    assert decoded(data, "test") == ["good <unk>"]
    assert data.splits["test"].labels.tolist() == [1]
    with pytest.raises(ValueError, match="the data has no validation split; it has test, train"):
        evaluation.evaluate("validation", trained.tokenizers, trained.labels)


# --------------------------------------------------------------------------------------------------- labels
def test_labels_come_in_the_order_asked_for(tmp_path: Path) -> None:
    data = preparation(labelled(tmp_path), tmp_path / "cache", labels=["pos", "other", "neg"]).train(JOINT)
    assert data.labels == ["pos", "other", "neg"]
    assert data.splits["train"].labels.tolist() == [0, 2, 0, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["pos", "nag"],
            r"train\.tsv:2: label 'neg' is not in data\.labels .*: pos, nag\)\. Did you mean \"nag\"",
        ),
        (["pos", "neg", "pos"], r"data\.labels=.*expected every class once"),
    ],
)
def test_wrong_label_orders_are_errors(tmp_path: Path, labels: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preparation(labelled(tmp_path), tmp_path / "cache", labels=labels).train(JOINT)


def test_one_class_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"one class only, \['pos'\]; expected two or more"):
        preparation(labelled(tmp_path, [("a", "pos"), ("b", "pos")]), tmp_path / "cache").train(JOINT)


def test_a_label_that_training_lacks_is_an_error_with_its_file_line_and_the_nearest(tmp_path: Path) -> None:
    source = labelled(tmp_path, test=[("good", "pos"), ("fine", "poss")])
    message = (
        r"test\.tsv:2: label 'poss' does not occur in training \(classes: neg, pos\)\. Did you mean \"pos\""
    )
    with pytest.raises(ValueError, match=message):
        preparation(source, tmp_path / "cache").train(JOINT)


def test_the_line_is_right_for_rows_that_were_held_out(tmp_path: Path) -> None:
    rows = [*TRAIN, *TRAIN]
    held_out = int(
        preparation(labelled(tmp_path, rows), tmp_path / "cache", validation=0.3)
        .divided()["validation"]
        .rows[0]
    )
    rows[held_out] = ("far too long a text", rows[held_out][1])
    prepared = preparation(
        labelled(tmp_path, rows), tmp_path / "cache", validation=0.3, maximum=4, too_long="error"
    )
    with pytest.raises(ValueError, match=rf"train\.tsv:{held_out + 1}: 5 tokens"):
        prepared.train(JOINT)


def test_the_only_row_of_a_class_is_learned_from_not_held_out(tmp_path: Path) -> None:
    rows = [*TRAIN, ("film", "odd"), *TRAIN]  # by class: 4 neg, 1 odd, 4 pos; every third was held out
    prepared = preparation(labelled(tmp_path, rows), tmp_path / "cache", validation=0.3)
    divided = prepared.divided()
    assert 4 in divided["train"].rows
    assert len(divided["validation"].rows) == 3
    assert prepared.train(JOINT).labels == ["neg", "odd", "pos"]


# -------------------------------------------------------------------------------------------------- lengths
LONG = [("a b c d", "x"), ("a b", "y"), ("c d e", "x"), ("e", "y")]


@pytest.mark.parametrize(
    ("too_long", "train", "labels"),
    [
        ("truncate", ["a b", "a b", "c d", "e"], [0, 1, 0, 1]),
        ("drop", ["a b", "e"], [1, 1]),
    ],
)
def test_long_rows_are_cut_or_dropped_and_counted(
    tmp_path: Path, too_long: Literal["truncate", "drop"], train: list[str], labels: list[int]
) -> None:
    source = labelled(tmp_path, LONG, test=LONG[:3])
    prepared = preparation(source, tmp_path / "cache", maximum=2, too_long=too_long)
    for data in (prepared.train(JOINT), prepared.train(JOINT)):  # built, then from the cache
        assert decoded(data, "train") == train
        assert data.splits["train"].labels.tolist() == labels
        assert decoded(data, "test") == ["a b", "a b", "c d"]  # a score covers the whole set
        assert (data.splits["train"].too_long, data.splits["test"].too_long) == (2, 2)


def test_a_dropped_row_does_not_shift_the_texts_of_the_others(tmp_path: Path) -> None:
    data = preparation(labelled(tmp_path, LONG), tmp_path / "cache", maximum=2, too_long="drop").train(JOINT)
    assert data.splits["train"].raw("text", np.array([0, 1])) == ["a b", "e"]


def test_refusing_long_rows_names_the_first_and_leaves_nothing_behind(tmp_path: Path) -> None:
    prepared = preparation(labelled(tmp_path, LONG[1:]), tmp_path / "cache", maximum=2, too_long="error")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"train\.tsv:2: 3 tokens; expected at most data\.max_length=2"):
            prepared.train(JOINT)
    assert not [name for name in cached(tmp_path / "cache") if name.startswith(".")]


def test_no_row_left_is_an_error(tmp_path: Path) -> None:
    source = labelled(tmp_path, [("a b", "x"), ("c d", "y")])
    with pytest.raises(ValueError, match=r"no training row is left: all are longer than data\.max_length=1"):
        preparation(source, tmp_path / "cache", maximum=1, too_long="drop").train(JOINT)


# -------------------------------------------------------------------------------------------------- unicode
def test_normal_forms_make_one_word_of_two_spellings(tmp_path: Path) -> None:
    rows = [(COMPOSED, "x"), (DECOMPOSED, "y"), ("ｆｕｌｌ", "x")]
    source = labelled(tmp_path, rows)

    def texts(unicode: UnicodeForm | None) -> list[str]:
        data = preparation(source, tmp_path / "cache", unicode=unicode).train(JOINT)
        return data.splits["train"].raw("text", np.arange(3))

    assert texts(None) == [COMPOSED, DECOMPOSED, "ｆｕｌｌ"]
    assert texts("NFC") == [COMPOSED, COMPOSED, "ｆｕｌｌ"]
    assert texts("NFD") == [DECOMPOSED, DECOMPOSED, "ｆｕｌｌ"]
    assert texts("NFKC") == [COMPOSED, COMPOSED, "full"]


def test_label_orders_are_normalised_like_the_labels(tmp_path: Path) -> None:
    source = labelled(tmp_path, [("a", COMPOSED), ("b", "tea")])
    data = preparation(source, tmp_path / "cache", unicode="NFC", labels=["tea", DECOMPOSED]).train(JOINT)
    assert data.labels == ["tea", COMPOSED]
