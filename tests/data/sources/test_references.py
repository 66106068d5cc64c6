"""Several references for a source: in files side by side, in lists, in tables; and in batches."""

import functools
import gzip
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from attendo.data import (
    BatchSizes,
    LengthPolicy,
    Preparation,
    PreparedData,
    Seq2SeqBatch,
    SplitPolicy,
    TextDataModule,
)
from attendo.data.reading import OnError
from attendo.data.sources import BadRow, HubDataset, ParallelFiles, Row, Source, TableFiles
from attendo.tokenization import train_whitespace

SOURCES = ["one", "two", "three"]
REFERENCES = [["eins", "1"], ["zwei", "2"], ["drei", "3"]]


def written(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def json_lines(path: Path, values: Sequence[object]) -> Path:
    return written(path, [json.dumps(value, ensure_ascii=False) for value in values])


def train_of(folder: Path) -> list[Path]:
    return [written(folder / "train.en", ["a b"]), written(folder / "train.de", ["x y"])]


def side_by_side(folder: Path) -> ParallelFiles:
    source = written(folder / "test.en", SOURCES)
    one, other = (
        written(folder / f"{number}.de", [targets[number] for targets in REFERENCES]) for number in (0, 1)
    )
    return ParallelFiles(train=train_of(folder), test=[source, {"references": [one, other]}])


def in_lists(folder: Path, name: str = "test.jsonl") -> ParallelFiles:
    source, target = written(folder / "test.en", SOURCES), json_lines(folder / name, REFERENCES)
    return ParallelFiles(train=train_of(folder), test=[source, target])


def in_a_table(folder: Path) -> TableFiles:
    columns = {"source": "en", "target": "de"}
    rows = [{"en": source, "de": targets} for source, targets in zip(SOURCES, REFERENCES, strict=True)]
    train = json_lines(folder / "train.jsonl", [{"en": "a b", "de": "x y"}])
    return TableFiles(columns, train=train, test=json_lines(folder / "test.jsonl", rows))


def on_the_hub(folder: Path) -> HubDataset:
    train = pa.table({"en": ["a b"], "de": [["x y"]]})
    test = pa.table({"en": SOURCES, "de": REFERENCES})
    for name, table in (("train", train), ("test", test)):
        pa.parquet.write_table(table, folder / f"{name}-00000-of-00001.parquet")
    columns = {"source": "en", "target": "de"}
    return HubDataset(str(folder), columns, {"train": "train", "validation": None, "test": "test"})


def preparation_of(source: Source, cache: Path, on_error: OnError = "error") -> Preparation:
    splits, lengths = SplitPolicy(0.0, None, None, 0), LengthPolicy(None, "error")
    return Preparation(source, splits, lengths, "NFC", None, cache, on_error)


def prepared(source: Source, cache: Path, on_error: OnError = "error") -> PreparedData:
    trainer = functools.partial(train_whitespace, lowercase=False, minimum_count=1, maximum_size=None)
    return preparation_of(source, cache, on_error).train({"joint": trainer})


def raw_of(data: PreparedData, split: str = "test") -> dict[str, object]:
    """Source → references (or target, where batches have none)."""
    sizes = BatchSizes(None, 10, 100, 1)
    module = TextDataModule(PreparedData({"test": data.splits[split]}, data.tokenizers, []), sizes, seed=1)
    found: dict[str, object] = {}
    for batch in module.test_dataloader():
        assert isinstance(batch, Seq2SeqBatch)
        found |= dict(zip(batch.raw["source"], batch.raw.get("references", batch.raw["target"]), strict=True))
    return found


# ------------------------------------------------------------------------------------------------- batches
@pytest.mark.parametrize("make", [side_by_side, in_lists, in_a_table, on_the_hub])
def test_batches_have_all_references_and_the_first_as_target(make, tmp_path: Path) -> None:
    source = make(tmp_path)
    data = prepared(source, tmp_path / "cache")
    assert raw_of(data) == dict(zip(SOURCES, REFERENCES, strict=True))
    split = data.splits["test"]
    assert split.raw("target", np.arange(3)) == [targets[0] for targets in REFERENCES]


def test_one_target_each_is_no_list_of_references(tmp_path: Path) -> None:
    source = written(tmp_path / "test.en", SOURCES)
    for name, targets in (
        ("plain.de", ["eins", "zwei", "drei"]),
        ("list.jsonl", [["eins"], ["zwei"], ["drei"]]),
    ):
        make = json_lines if name.endswith("jsonl") else written
        files = ParallelFiles(train=train_of(tmp_path), test=[source, make(tmp_path / name, targets)])
        found = raw_of(prepared(files, tmp_path / "cache"))
        assert found == {"one": "eins", "two": "zwei", "three": "drei"}


def test_rows_may_have_different_numbers_of_references(tmp_path: Path) -> None:
    targets = json_lines(tmp_path / "t.jsonl", [["a"], ["b", "c", "d"], ["e", "f"]])
    files = ParallelFiles(train=train_of(tmp_path), test=[written(tmp_path / "s", SOURCES), targets])
    assert raw_of(prepared(files, tmp_path / "cache")) == dict(
        one=["a"], two=["b", "c", "d"], three=["e", "f"]
    )


def test_references_are_normalised_and_stripped(tmp_path: Path) -> None:
    targets = json_lines(tmp_path / "t.jsonl", [[" u\u0308ber ", "o\u0308 "]])
    files = ParallelFiles(train=train_of(tmp_path), test=[written(tmp_path / "s", ["over"]), targets])
    assert raw_of(prepared(files, tmp_path / "cache")) == {"over": ["über", "ö"]}


def test_compressed_lists_and_several_files_are_read_in_order(tmp_path: Path) -> None:
    one = tmp_path / "one.JSONL.gz"
    one.write_bytes(gzip.compress(b'["a", "b"]\n'))
    two = written(tmp_path / "two.de", ["c"])
    sources = [written(tmp_path / "one.en", ["s"]), written(tmp_path / "two.en", ["t"])]
    files = ParallelFiles(train=train_of(tmp_path), test=[sources, [one, two]])
    assert [(row.fields, row.references) for row in files.rows("test") if isinstance(row, Row)] == [
        (("s", "a"), ("a", "b")),
        (("t", "c"), ()),
    ]
    sides = {"references": [[two, two], [two, two]]}
    files = ParallelFiles(train=train_of(tmp_path), test=[sources, sides])
    assert [row.references for row in files.rows("test") if isinstance(row, Row)] == [("c", "c")] * 2


def test_how_a_file_is_read_is_part_of_its_fingerprint(tmp_path: Path) -> None:
    source = written(tmp_path / "s", SOURCES)
    plain, lists = json_lines(tmp_path / "t.txt", REFERENCES), json_lines(tmp_path / "t.jsonl", REFERENCES)
    tests = [[source, plain], [source, lists], [source, {"references": [plain, lists]}]]
    found = {ParallelFiles(train=train_of(tmp_path), test=test).fingerprint("test") for test in tests}
    assert len(found) == 3


# ------------------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": "b"}', r't\.jsonl:2: found {"a": "b"}; expected a JSON list of texts'),
        ("zwei", r"t\.jsonl:2: found zwei; expected a JSON list of texts"),
        ('["zwei', r't\.jsonl:2: found \["zwei; expected a JSON list of texts'),
        ("[]", r"t\.jsonl:2: the target is an empty list; expected one text or more"),
        ('["zwei", " "]', r"t\.jsonl:2: the target 2 is empty; expected something other"),
        ('["zwei", null]', r"t\.jsonl:2: the target 2 is nothing; expected text"),
        ('["zwei", ["2"]]', r"t\.jsonl:2: the target 2 is list"),
        ("", r"s:2 and \S+t\.jsonl:2: the target is empty; expected text on both sides"),
    ],
)
def test_a_bad_list_is_named_with_its_line_and_can_be_skipped(
    line: str, message: str, tmp_path: Path
) -> None:
    target = written(tmp_path / "t.jsonl", ['["eins"]', line, '["drei"]'])
    files = ParallelFiles(train=train_of(tmp_path), test=[written(tmp_path / "s", SOURCES), target])
    with pytest.raises(ValueError, match=message):
        prepared(files, tmp_path / "cache")
    data = prepared(files, tmp_path / "cache", on_error="skip")
    assert raw_of(data) == {"one": "eins", "three": "drei"}
    assert [row.split for row in data.skipped] == ["test"]


def test_an_empty_reference_and_a_missing_line_are_named_with_their_file(tmp_path: Path) -> None:
    source = written(tmp_path / "s", SOURCES)
    whole, gap = written(tmp_path / "whole", ["1", "2", "3"]), written(tmp_path / "gap", ["1", "", "3"])
    files = ParallelFiles(train=train_of(tmp_path), test=[source, {"references": [whole, gap]}])
    bad = [row for row in files.rows("test") if isinstance(row, BadRow)]
    assert [(row.where, row.problem) for row in bad] == [
        (f"{source}:2 and {gap}:2", "the target is empty; expected text on both sides")
    ]
    short = written(tmp_path / "short", ["1", "2"])
    files = ParallelFiles(train=train_of(tmp_path), test=[source, {"references": [whole, short]}])
    with pytest.raises(ValueError, match=rf"{source} has 3 lines and {short} has 2"):
        list(files.rows("test"))


def test_training_takes_one_target(tmp_path: Path) -> None:
    source, lists = written(tmp_path / "s", SOURCES), json_lines(tmp_path / "t.jsonl", REFERENCES)
    for side in (lists, {"references": [source, source]}):
        with pytest.raises(ValueError, match=r"train: found several references.*only validation and test"):
            ParallelFiles(train=[source, side])
    rows = [{"en": "one", "de": ["eins", "1"]}, {"en": "two", "de": ["zwei"]}]
    table = TableFiles({"source": "en", "target": "de"}, train=json_lines(tmp_path / "rows.jsonl", rows))
    with pytest.raises(ValueError, match=r"rows\.jsonl:1: found 2 targets; training takes one"):
        prepared(table, tmp_path / "cache")
    assert raw_of(prepared(table, tmp_path / "cache", on_error="skip"), "train") == {"two": "zwei"}


def test_a_table_to_test_on_may_not_be_trained_on_out_of_the_cache(tmp_path: Path) -> None:
    rows = [{"en": "two", "de": ["zwei"]}, {"en": "one", "de": ["eins", "1"]}]
    path, good = json_lines(tmp_path / "rows.jsonl", rows), json_lines(tmp_path / "good.jsonl", rows[:1])
    columns = {"source": "en", "target": "de"}
    prepared(TableFiles(columns, train=good, test=path), tmp_path / "cache")
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: found 2 targets; training takes one"):
        prepared(TableFiles(columns, train=path), tmp_path / "cache")


@pytest.mark.parametrize(
    "side",
    [{"reference": ["a", "b"]}, {"references": "a"}, {"references": []}, {"references": ["a"], "b": "c"}],
)
def test_a_wrong_side_is_shown_with_the_right_form(side: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"test: found {side}; expected {{references: [file, ")):
        ParallelFiles(train=["a", "b"], test=["c", side])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"test: found .*; expected two entries"):
        ParallelFiles(train=["a", "b"], test=[{"references": ["a"]}, "b"])


def test_references_of_the_wrong_number_of_files_are_refused() -> None:
    with pytest.raises(ValueError, match="test: found 2 source and 1 target files; expected as many"):
        ParallelFiles(train=["a", "b"], test=[["a", "b"], {"references": [["c", "d"], "e"]}])
