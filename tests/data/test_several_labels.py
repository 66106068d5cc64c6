"""Rows with any number of labels: how texts are divided, what becomes of them, and what is refused."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from text_files import COMPOSED, DECOMPOSED, JOINT, FakeTrainer, labelled, parallel, preparation

from attendo.data import BatchSizes, ClassificationBatch, PreparedData, SplitPolicy, TextDataModule
from attendo.data.labels import encoded_labels, label_names, label_text
from attendo.data.sources import HubDataset, Source, TableFiles

NAMES = {"text": "text", "label": "genres"}
FILMS = [("a b", "comedy|drama"), ("c", "drama"), ("d e", ""), ("f", "war| drama |war"), ("g", "comedy")]
SETS = [{"comedy", "drama"}, {"drama"}, set(), {"war", "drama"}, {"comedy"}]


def train(source: Source, cache: Path, **settings: Any) -> PreparedData:
    return preparation(source, cache, separator="|", **settings).train(JOINT)


def sets_of(data: PreparedData, split: str = "train") -> list[set[str]]:
    has_label = data.splits[split].labels
    assert has_label is not None and has_label.dtype == bool
    return [{data.labels[i] for i in np.flatnonzero(row)} for row in has_label]


# ------------------------------------------------------------------------------------------- dividing texts
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(st.lists(names, max_size=6), st.sampled_from(["|", ";", ", ", "::", " "]))
@example(["a", "", "a ", " b"], "|")
def test_labels_are_the_stripped_parts_each_once_in_any_order(parts: list[str], separator: str) -> None:
    text = separator.join(parts)
    expected = {part.strip() for part in text.split(separator) if part.strip()}
    kept = label_text(text, None, separator)
    assert sorted(expected) == label_names(kept, separator)
    assert label_text(kept, None, separator) == kept  # nothing more to divide
    again = separator.join([*parts[::-1], *parts])
    assert label_text(again, None, separator) == label_text(separator.join(parts[::-1]), None, separator)


@given(st.lists(names.filter(lambda name: "|" not in name), max_size=6))
def test_a_list_of_labels_is_the_text_with_separators(parts: list[str]) -> None:
    assert label_text("", parts, "|") == label_text("|".join(parts), None, "|")


@given(st.lists(st.sets(st.sampled_from("abcd")), max_size=20))
def test_the_matrix_says_which_labels_a_row_has(sets: list[set[str]]) -> None:
    found = encoded_labels(["|".join(sorted(each)) for each in sets], list("dbca"), "|")
    assert found.tolist() == [[name in each for name in "dbca"] for each in sets]


# ----------------------------------------------------------------------------------------------- from files
def files(folder: Path) -> dict[str, Source]:
    """The same rows as text, as lists, and as lists of classes."""
    lists = [[part.strip() for part in genres.split("|")] if genres else [] for _, genres in FILMS]
    (folder / "text.tsv").write_text("text\tgenres\n" + "".join(f"{a}\t{b}\n" for a, b in FILMS))
    lines = [json.dumps({"text": a, "genres": b}) for (a, _), b in zip(FILMS, lists, strict=True)]
    (folder / "lists.jsonl").write_text("\n".join(lines))
    columns = {"text": [text for text, _ in FILMS], "genres": lists}
    pyarrow.parquet.write_table(pa.table(columns), folder / "lists.parquet")
    classes = datasets.ClassLabel(names=["war", "comedy", "drama"])
    features = datasets.Features({"text": datasets.Value("string"), "genres": [classes]})
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(folder / "saved")
    kinds = ("text.tsv", "lists.jsonl", "lists.parquet")
    return {
        **{kind: TableFiles(NAMES, train=folder / kind) for kind in kinds},
        "hub": HubDataset(str(folder / "saved"), NAMES, {"train": "train"}),
    }


@pytest.mark.parametrize("kind", ["text.tsv", "lists.jsonl", "lists.parquet", "hub"])
def test_text_and_lists_say_the_same(kind: str, tmp_path: Path) -> None:
    data = train(files(tmp_path)[kind], tmp_path / "cache")
    assert data.is_multilabel and data.is_labelled
    assert data.labels == ["comedy", "drama", "war"]
    assert sets_of(data) == SETS


def test_batches_have_ones_and_zeros(tmp_path: Path) -> None:
    data = train(files(tmp_path)["text.tsv"], tmp_path / "cache")
    module = TextDataModule(data, BatchSizes(None, 9, 99, 1), 1)
    module.trainer = FakeTrainer()  # type: ignore[assignment]
    (step,) = module.train_dataloader()
    (batch,) = step
    assert isinstance(batch, ClassificationBatch) and batch.labels.dtype == torch.float32
    expected = [[float(name in SETS[row]) for name in data.labels] for row in batch.rows.tolist()]
    assert batch.labels.tolist() == expected
    with pytest.raises(TypeError):
        replace(batch, labels=batch.labels[:2])


def test_the_same_file_without_a_separator_has_classes(tmp_path: Path) -> None:
    rows = [row for row in FILMS if row[1]]
    for settings in ({}, {"separator": "|"}, {}):  # the cache keeps them apart
        data = preparation(labelled(tmp_path, rows), tmp_path / "cache", **settings).train(JOINT)
        assert data.is_multilabel == bool(settings)
        assert len(data.labels) == 3 if settings else data.labels == [
            "comedy", "comedy|drama", "drama", "war| drama |war"
        ]  # fmt: skip


def test_the_normal_form_holds_for_labels_and_separators(tmp_path: Path) -> None:
    rows = [("a", f"{DECOMPOSED}\u037ex"), ("b", COMPOSED), ("c", "x")]  # the Greek question mark is ; in NFC
    data = preparation(labelled(tmp_path, rows), tmp_path / "cache", unicode="NFC", separator="\u037e").train(
        JOINT
    )
    assert data.labels == ["x", COMPOSED]
    assert sets_of(data) == [{"x", COMPOSED}, {COMPOSED}, {"x"}]


def test_evaluation_reads_sets_with_the_labels_it_is_given(tmp_path: Path) -> None:
    trained = train(labelled(tmp_path / "a", FILMS), tmp_path / "cache")
    other = labelled(tmp_path / "b", [("x", "p"), ("y", "q")], test=[("a", "war|comedy"), ("b", "")])
    data = preparation(other, tmp_path / "cache", separator="|").evaluate(
        "test", trained.tokenizers, trained.labels
    )
    assert data.is_multilabel and sets_of(data, "test") == [{"war", "comedy"}, set()]


# --------------------------------------------------------------------------------------------- what is wrong
def test_an_unknown_label_among_others_is_refused_by_its_own_name(tmp_path: Path) -> None:
    source = labelled(tmp_path, FILMS, test=[("a", "war"), ("b", "drama|comdy")])
    message = (
        r"test\.tsv:2: label 'comdy' does not occur in training \(classes: comedy, drama, war\)\. Did you"
    )
    with pytest.raises(ValueError, match=message):
        train(source, tmp_path / "cache")
    data = train(source, tmp_path / "cache", on_error="skip")
    assert sets_of(data, "test") == [{"war"}] and [row.where[-1] for row in data.skipped] == ["2"]


def test_labels_come_in_the_order_asked_for_and_others_are_refused(tmp_path: Path) -> None:
    asked = ["war", "drama", "comedy", "never"]
    data = train(labelled(tmp_path, FILMS), tmp_path / "cache", labels=asked)
    assert data.labels == asked and sets_of(data) == SETS
    with pytest.raises(ValueError, match=r"train\.tsv:4: label 'war' is not in data\.labels"):
        train(labelled(tmp_path, FILMS), tmp_path / "cache", labels=["drama", "comedy"])


def test_a_label_in_a_list_that_has_the_separator_inside_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"text": "a", "genres": ["x"]}\n{"text": "a", "genres": ["y|z", "x"]}\n'
    )
    message = r"a\.jsonl:2: the label 'y\|z' has data\.label_separator='\|' inside"
    with pytest.raises(ValueError, match=message):
        train(TableFiles(NAMES, train=tmp_path / "a.jsonl"), tmp_path / "cache")


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.train: no training row has a label"):
        train(labelled(tmp_path, [("a", ""), ("b", "|")]), tmp_path / "cache")
    with pytest.raises(ValueError, match=r"data\.label_separator='': expected at least one character"):
        preparation(labelled(tmp_path), tmp_path / "cache", separator="")
    with pytest.raises(ValueError, match=r"data\.label_separator='\|': this data has no labels"):
        preparation(parallel(tmp_path, ["a"], ["b"]), tmp_path / "cache", separator="|")


# --------------------------------------------------------------------------------------------------- dividing
def test_rare_sets_are_divided_and_rare_labels_known_wherever_they_are_held_out(tmp_path: Path) -> None:
    rows = [(f"w{n}", "|".join(sorted({"ab"[n % 2], f"rare{n}"}))) for n in range(30)]  # every set is alone
    tested: list[str] = []
    for fold in range(5):
        data = train(labelled(tmp_path, rows), tmp_path / "cache", fold=(5, fold), validation=0.1)
        assert len(data.labels) == 32
        tested += data.splits["test"].raw("text", np.arange(len(data.splits["test"])))
        held_out = Counter(name for each in sets_of(data, "test") for name in each)
        assert held_out["a"] == held_out["b"] == 3  # sets that share their first label are neighbours
    assert sorted(tested) == sorted(text for text, _ in rows)


def test_more_folds_than_rows_are_still_refused() -> None:
    with pytest.raises(
        ValueError, match=r"data\.folds=6: there are only 5 rows; expected at least one a fold"
    ):
        SplitPolicy(0.1, 6, 0, 0).divide(
            5, ["a", "b", "a|b", "", "c"], has_validation=False, has_test=False, is_multilabel=True
        )
