"""data.on_error=skip: bad rows are left out and told; error: the first one ends it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from text_files import COLUMNS, JOINT, TRAIN, decoded, labelled, parallel, preparation, table

from attendo.data import PreparedData, SkippedRow
from attendo.data.sources import Row, TableFiles

BAD = "good film\tpos\nonly text\nbad film\tneg\n \tpos\n\xfcber\tneg\ngood good\tpos\nso bad\tneg\n"
PROBLEMS = {
    2: "found 1 column, expected 2 columns as in the first line",
    4: "the text is empty; expected something other than white space",
    5: f"byte 0xfc at offset {BAD.index(chr(0xFC))} is no UTF-8 (invalid start byte); "
    "expected UTF-8 text (iconv or recode can convert other encodings)",
}


def with_bad_rows(folder: Path, **others: Path) -> TableFiles:
    folder.mkdir(exist_ok=True)
    path = folder / "train.tsv"
    path.write_bytes(BAD.encode("latin-1"))
    return TableFiles(COLUMNS, train=path, **others)


def skipped_of(path: Path) -> list[SkippedRow]:
    return [SkippedRow("train", f"{path}:{line}", problem) for line, problem in PROBLEMS.items()]


def skipping(source: Any, cache: Path, **settings: Any) -> PreparedData:
    return preparation(source, cache, on_error="skip", **settings).train(JOINT)


def raw(data: PreparedData, split: str) -> list[str]:
    return data.splits[split].raw("text", np.arange(len(data.splits[split])))


def test_bad_rows_are_left_out_and_told_now_and_from_the_cache(tmp_path: Path) -> None:
    source = with_bad_rows(tmp_path)
    for _ in range(2):
        data = skipping(source, tmp_path / "cache")
        assert decoded(data, "train") == [text for text, _ in TRAIN]
        assert data.splits["train"].labels.tolist() == [1, 0, 1, 0]
        assert data.skipped == skipped_of(tmp_path / "train.tsv")


def test_rows_in_are_rows_used_and_rows_told(tmp_path: Path) -> None:
    source = with_bad_rows(tmp_path, test=table(tmp_path / "test.tsv", [("a", "pos"), ("", "neg")]))
    data = skipping(source, tmp_path / "cache", validation=0.3)
    assert sum(map(len, data.splits.values())) + len(data.skipped) == 7 + 2
    assert [row.split for row in data.skipped] == ["train", "train", "train", "test"]


def test_the_same_file_at_another_place_is_told_by_the_name_it_has_now(tmp_path: Path) -> None:
    for name in ("old", "new"):
        data = skipping(with_bad_rows(tmp_path / name), tmp_path / "cache")
        assert data.skipped == skipped_of(tmp_path / name / "train.tsv")


def test_what_was_skipped_once_does_not_pass_where_it_is_an_error(tmp_path: Path) -> None:
    source = with_bad_rows(tmp_path)
    skipping(source, tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"train\.tsv:2: found 1 column"):
            preparation(source, tmp_path / "cache").train(JOINT)
    assert len(skipping(source, tmp_path / "cache").skipped) == 3


def test_a_bad_first_row_of_any_split_is_found_before_the_first_split_is_read(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("only\n")
    (tmp_path / "train.tsv").write_text("one\tx\ntwo\n")
    source = TableFiles(COLUMNS, train=tmp_path / "train.tsv", test=tmp_path / "test.tsv")
    with pytest.raises(ValueError, match=r"test\.tsv:1: found 1 column"):
        preparation(source, tmp_path / "cache").train(JOINT)


def test_a_bad_pair_is_left_out_on_both_sides(tmp_path: Path) -> None:
    source = parallel(tmp_path, ["a", "b", "", "d"], ["A", "", "", "D"])
    data = skipping(source, tmp_path / "cache")
    assert (decoded(data, "train", "source"), decoded(data, "train", "target")) == (["a", "d"], ["A", "D"])
    assert [row.where.count(":") for row in data.skipped] == [2, 2]


@pytest.mark.parametrize("rows", [[("", "x")], [("", "x"), ("a", ""), ("b", "")]])
def test_a_split_without_a_good_row_is_an_error_that_names_the_first(
    tmp_path: Path, rows: list[tuple[str, str]]
) -> None:
    others = f" (the first of {len(rows)} bad rows)" if len(rows) > 1 else ""
    source = labelled(tmp_path, test=rows)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"test\.tsv:1: the text is empty") as caught:
            skipping(source, tmp_path / "cache")
        assert str(caught.value).endswith(f"{others}; data.on_error=skip leaves no test row")


def test_a_file_that_cannot_be_read_on_is_an_error_all_the_same(tmp_path: Path) -> None:
    source = parallel(tmp_path, ["a", "", "c"], ["A", "B"])
    with pytest.raises(ValueError, match=r"train\.en has 3 lines and .*train\.de has 2"):
        skipping(source, tmp_path / "cache")


# --------------------------------------------------------------------------------------------------- labels
def test_rows_whose_label_training_lacks_are_left_out(tmp_path: Path) -> None:
    test = [("good", "pos"), ("fine", "poss"), ("film", "neg"), ("odd", "strange")]
    data = skipping(labelled(tmp_path, test=test), tmp_path / "cache")
    assert raw(data, "test") == ["good", "film"] and data.splits["test"].labels.tolist() == [1, 0]
    problem = "does not occur in training (classes: neg, pos)."
    assert data.skipped == [
        SkippedRow("test", f"{tmp_path}/test.tsv:2", f"label 'poss' {problem} Did you mean \"pos\"?"),
        SkippedRow("test", f"{tmp_path}/test.tsv:4", f"label 'strange' {problem}"),
    ]


def test_rows_whose_label_is_none_of_those_asked_for_are_left_out_of_every_split(tmp_path: Path) -> None:
    train = [*TRAIN[:1], ("mixed", "both"), *TRAIN[1:]]
    source = labelled(tmp_path, train, test=[("x", "both"), ("y", "pos")])
    data = skipping(source, tmp_path / "cache", labels=["pos", "neg"], fold=None)
    assert raw(data, "train") == [text for text, _ in TRAIN] and raw(data, "test") == ["y"]
    assert [(row.split, row.where) for row in data.skipped] == [
        ("train", f"{tmp_path}/train.tsv:2"),
        ("test", f"{tmp_path}/test.tsv:1"),
    ]
    assert "mixed" not in data.tokenizers["text"].vocabulary.tokens
    assert data.skipped[0].problem == "label 'both' is not in data.labels (classes: pos, neg)."


@pytest.mark.parametrize("settings", [{"validation": 0.4}, {"fold": (2, 0)}])
def test_rows_left_out_for_their_label_do_not_shift_those_that_are_held_out(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    rows = [(f"word{n}", "odd" if n % 7 == 3 else "ab"[n % 2]) for n in range(40)]
    data = skipping(labelled(tmp_path, rows), tmp_path / "cache", labels=["a", "b"], **settings)
    seen = {
        text: data.labels[code]
        for name in data.splits
        for text, code in zip(raw(data, name), data.splits[name].labels, strict=True)
    }
    assert seen == {text: label for text, label in rows if label != "odd"}
    assert len(data.skipped) == len(rows) - len(seen)


def test_the_line_of_an_unknown_label_counts_the_bad_rows_before_it(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("good\tpos\n\tneg\nfine\tstrange\n")
    source = TableFiles(COLUMNS, train=table(tmp_path / "train.tsv", TRAIN), test=tmp_path / "test.tsv")
    data = skipping(source, tmp_path / "cache")
    assert [row.where.rpartition(":")[2] for row in data.skipped] == ["2", "3"]


def test_no_known_label_is_an_error(tmp_path: Path) -> None:
    source = labelled(tmp_path, test=[("x", "1"), ("y", "2")])
    with pytest.raises(
        ValueError, match=r"test\.tsv:1: label '1' does not .*\(the first of 2 bad rows\); data\.on"
    ):
        skipping(source, tmp_path / "cache")


# ---------------------------------------------------------------------------------------------- other users
def test_evaluation_tells_what_it_left_out_of_its_split(tmp_path: Path) -> None:
    trained = preparation(labelled(tmp_path / "a"), tmp_path / "cache").train(JOINT)
    other = labelled(tmp_path / "b", test=[("good", "pos"), ("x", ""), ("y", "odd")])
    data = preparation(other, tmp_path / "cache", on_error="skip").evaluate(
        "test", trained.tokenizers, trained.labels
    )
    assert raw(data, "test") == ["good"]
    assert [(row.split, row.where[-1]) for row in data.skipped] == [("test", "2"), ("test", "3")]


class Three:
    """A source that knows nothing of bad rows."""

    roles = ("text", "label")

    def check(self, split: str) -> None: ...

    def has(self, split: str) -> bool:
        return split == "train"

    def fingerprint(self, split: str) -> str:
        return "three"

    def rows(self, split: str) -> Iterator[Row]:
        yield from (Row((text, label), f"{number}") for number, (text, label) in enumerate(TRAIN))


def test_a_source_without_bad_rows_needs_no_change(tmp_path: Path) -> None:
    for on_error in ("error", "skip"):
        data = preparation(Three(), tmp_path / "cache", on_error=on_error).train(JOINT)
        assert len(data.splits["train"]) == len(TRAIN) and not data.skipped
