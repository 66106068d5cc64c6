"""Micro-batches as tensors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attendo.data import ClassificationBatch, Seq2SeqBatch, Split
from attendo.data.batches import collate_classification, collate_seq2seq, padded, side_lengths
from attendo.data.tables import IdTable, IdTableWriter, TextTable
from attendo.tokenization import BOS, EOS, PAD

TEXTS = [[5, 6, 7], [8], [9, 5]]
TARGETS = [[7], [6, 5, 8, 9], [5, 5]]


def split_of(folder: Path, columns: dict[str, list[list[int]]], labels: list[int] | None) -> Split:
    """Three rows, the 1st, 2nd and 4th of a text table of five."""
    folder.mkdir()
    rows = np.array([0, 1, 3])
    writer = IdTableWriter(folder, list(columns), [10] * len(columns))
    writer.append(rows, list(columns.values()))
    writer.finish()
    texts = ([f"{name} {row}" for name in columns] for row in range(5))
    TextTable.write(folder / "texts.arrow", list(columns), texts)
    codes = None if labels is None else np.array(labels)
    table = IdTable.open(folder, list(columns))
    return Split("train", "train", TextTable.open(folder / "texts.arrow"), table, codes, too_long=0)


@pytest.fixture
def labelled(tmp_path: Path) -> Split:
    return split_of(tmp_path / "labelled", {"text": TEXTS}, [1, 0, 2])


@pytest.fixture
def paired(tmp_path: Path) -> Split:
    return split_of(tmp_path / "paired", {"source": TEXTS, "target": TARGETS}, None)


def test_labelled_texts_are_padded_in_the_order_of_the_rows(labelled: Split) -> None:
    batch = collate_classification(labelled, np.array([2, 0]), is_filler=False, with_raw=True)
    assert isinstance(batch, ClassificationBatch)
    assert batch.tokens.tolist() == [[9, 5, PAD], [5, 6, 7]]
    assert batch.is_padding.tolist() == [[False, False, True], [False, False, False]]
    assert batch.labels.tolist() == [2, 1]
    assert batch.rows.tolist() == [2, 0]
    assert batch.weight.tolist() == [1, 1]
    assert batch.raw == {"text": ["text 3", "text 0"]}  # the text table has more rows than the split
    assert (batch.real_tokens, batch.padded_tokens) == (5, 6)
    assert (batch.sentence_count, batch.target_count) == (2, 0)


def test_the_decoder_reads_bos_and_the_target_and_answers_the_target_and_eos(paired: Split) -> None:
    batch = collate_seq2seq(paired, np.array([0, 1]), is_filler=False, with_raw=False)
    assert isinstance(batch, Seq2SeqBatch)
    assert batch.source.tolist() == [[5, 6, 7, EOS], [8, EOS, PAD, PAD]]
    assert batch.target_inputs.tolist() == [[BOS, 7, PAD, PAD, PAD], [BOS, 6, 5, 8, 9]]
    assert batch.targets.tolist() == [[7, EOS, PAD, PAD, PAD], [6, 5, 8, 9, EOS]]
    assert torch.equal(batch.source_is_padding, batch.source == PAD)
    assert torch.equal(batch.target_is_padding, batch.targets == PAD)
    assert torch.equal(batch.target_is_padding, batch.target_inputs == PAD)
    assert (batch.real_tokens, batch.padded_tokens) == (6 + 7, 8 + 10)
    assert (batch.sentence_count, batch.target_count) == (2, 7)
    assert batch.raw == {}


def test_a_filler_counts_for_nothing_but_the_time_it_takes(labelled: Split, paired: Split) -> None:
    rows = np.array([1])
    for batch in (
        collate_classification(labelled, rows, is_filler=True, with_raw=False),
        collate_seq2seq(paired, rows, is_filler=True, with_raw=False),
    ):
        assert batch.weight.tolist() == [0]
        assert (batch.sentence_count, batch.target_count) == (0, 0)
        assert batch.padded_tokens > 0


def test_lengths_count_the_eos_that_pairs_carry(labelled: Split, paired: Split) -> None:
    assert side_lengths(labelled.ids.columns).tolist() == [[3], [1], [2]]
    assert side_lengths(paired.ids.columns).tolist() == [[4, 2], [2, 5], [3, 3]]
    batch = collate_seq2seq(paired, np.arange(3), is_filler=False, with_raw=False)
    assert batch.real_tokens == side_lengths(paired.ids.columns).sum()


def test_moving_a_batch_moves_its_tensors_and_nothing_else(paired: Split) -> None:
    batch = collate_seq2seq(paired, np.arange(3), is_filler=False, with_raw=True)
    moved = batch.to(torch.device("meta"))
    assert type(moved) is Seq2SeqBatch
    assert moved.source.device.type == moved.weight.device.type == "meta"
    assert moved.raw == batch.raw and moved.real_tokens == batch.real_tokens
    assert batch.source.device.type == "cpu"


def test_shapes_that_do_not_belong_together_are_refused(labelled: Split) -> None:
    batch = collate_classification(labelled, np.arange(3), is_filler=False, with_raw=False)
    with pytest.raises(TypeError):
        replace(batch, labels=batch.labels[:2])


def test_lists_of_ids_are_padded_to_the_longest() -> None:
    assert padded(iter(TARGETS)).tolist() == [[7, PAD, PAD, PAD], [6, 5, 8, 9], [5, 5, PAD, PAD]]
