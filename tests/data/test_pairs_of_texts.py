"""Labelled pairs of texts: one tokenizer, two sides."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
import yaml
from hydra.utils import instantiate
from omegaconf import OmegaConf
from text_files import JOINT, FakeTrainer, decoded, preparation

from attendo.cli.conf import CONF
from attendo.data import BatchSizes, ClassificationBatch, PreparedData, TextDataModule
from attendo.data.batches import side_lengths
from attendo.data.sources import HubDataset, TableFiles
from attendo.tokenization import PAD

COLUMNS = {"text": "question", "text_b": "answer", "label": "is_right"}
ROWS = [
    ("who what", "the cat sat", "yes"),
    ("where is it", "here", "no"),
    ("a b c d", "e", "yes"),
    ("f", "g h i", "no"),
]
SIZES = BatchSizes(tokens_per_step=None, sentences_per_step=9, tokens_per_micro_batch=12, pool_steps=1)


def table(path: Path, rows: list[tuple[str, str, str]] = ROWS) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in [("question", "answer", "is_right"), *rows]))
    return path


@pytest.fixture
def data(tmp_path: Path) -> PreparedData:
    files = {
        "train": table(tmp_path / "train.tsv"),
        "test": table(tmp_path / "test.tsv", [("new", "cat", "no")]),
    }
    return preparation(TableFiles(COLUMNS, **files), tmp_path / "cache").train(JOINT)


def test_both_texts_are_encoded_by_one_tokenizer_that_knows_both(data: PreparedData) -> None:
    assert list(data.tokenizers) == ["text", "text_b"]
    assert data.tokenizers["text"] is data.tokenizers["text_b"]
    for role, side in (("text", 0), ("text_b", 1)):
        assert decoded(data, "train", role) == [row[side] for row in ROWS]
    assert decoded(data, "test", "text") == ["<unk>"] and decoded(data, "test", "text_b") == ["cat"]
    assert [data.labels[code] for code in data.splits["train"].labels] == [row[2] for row in ROWS]


def test_batches_have_both_sides_each_with_its_own_padding(data: PreparedData) -> None:
    module = TextDataModule(data, SIZES, 1)
    module.trainer = FakeTrainer()  # type: ignore[assignment]
    (step,) = module.train_dataloader()
    seen = 0
    for batch in step:
        assert isinstance(batch, ClassificationBatch)
        assert batch.tokens_b is not None and batch.is_padding_b is not None
        assert torch.equal(batch.is_padding, batch.tokens == PAD)
        assert torch.equal(batch.is_padding_b, batch.tokens_b == PAD)
        for index, row in enumerate(batch.rows.tolist()):
            for tokens, text in zip((batch.tokens, batch.tokens_b), ROWS[row][:2], strict=True):
                assert data.tokenizers["text"].decode(tokens[index].tolist()) == text
                seen += len(text.split())
        assert batch.padded_tokens == batch.tokens.numel() + batch.tokens_b.numel() <= 12
    assert len(step) > 1 and sum(batch.real_tokens for batch in step) == seen == 18


def test_lengths_are_those_of_both_sides_without_an_end(data: PreparedData) -> None:
    lengths = side_lengths(data.splits["train"].ids.columns)
    assert lengths.tolist() == [[len(a.split()), len(b.split())] for a, b, _ in ROWS]


def test_evaluation_batches_have_the_raw_texts_of_both(data: PreparedData) -> None:
    (batch,) = TextDataModule(data, SIZES, 1).test_dataloader()
    assert batch.raw == {"text": ["new"], "text_b": ["cat"]}


def test_a_pair_moves_to_the_device_as_a_whole(data: PreparedData) -> None:
    (batch,) = TextDataModule(data, SIZES, 1).test_dataloader()
    moved = batch.to(torch.device("meta"))
    assert moved.tokens_b.device.type == moved.is_padding_b.device.type == "meta"


def test_evaluation_reads_pairs_with_the_tokenizers_it_is_given(data: PreparedData, tmp_path: Path) -> None:
    source = TableFiles(COLUMNS, train=table(tmp_path / "more.tsv", [("where", "cat z", "no")]))
    found = preparation(source, tmp_path / "cache").evaluate("train", data.tokenizers, data.labels)
    assert decoded(found, "train", "text_b") == ["cat <unk>"]


def test_too_long_cuts_each_side_or_drops_both(tmp_path: Path) -> None:
    source = TableFiles(COLUMNS, train=table(tmp_path / "train.tsv"))
    cut = preparation(source, tmp_path / "cache", maximum=2).train(JOINT)
    assert decoded(cut, "train", "text") == ["who what", "where is", "a b", "f"]
    assert decoded(cut, "train", "text_b") == ["the cat", "here", "e", "g h"]
    one_word = [("a", "b", "yes"), ("c d", "e", "no"), ("f", "g h", "no"), ("i", "j", "no")]
    source = TableFiles(COLUMNS, train=table(tmp_path / "train.tsv", one_word))
    dropped = preparation(source, tmp_path / "cache", maximum=1, too_long="drop").train(JOINT)
    assert decoded(dropped, "train", "text") == ["a", "i"]


@pytest.mark.parametrize(
    "columns", [{"text": 0, "text_b": 1, "label": 2}, {"label": 2, "text_b": 1, "text": 0}]
)
def test_positions_and_any_order_of_the_columns_will_do(columns: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("one\ttwo\tx\n")
    source = TableFiles(columns, train=tmp_path / "a.tsv")
    assert source.roles == ("text", "text_b", "label")
    assert [row.fields for row in source.rows("train")] == [("one", "two", "x")]


def test_null_names_no_column(tmp_path: Path) -> None:
    source = TableFiles({**COLUMNS, "text_b": None}, train=table(tmp_path / "train.tsv"))
    assert source.roles == ("text", "label")
    assert [row.fields for row in source.rows("train")] == [(a, c) for a, _, c in ROWS]
    with pytest.raises(ValueError, match=r'found the roles "text", "text_b", expected "text" and "label"'):
        TableFiles({**COLUMNS, "label": None}, train=tmp_path / "train.tsv")


def test_a_missing_second_text_is_a_bad_row(tmp_path: Path) -> None:
    source = TableFiles(COLUMNS, train=table(tmp_path / "train.tsv", [*ROWS, ("who", "", "yes")]))
    with pytest.raises(ValueError, match=r"train\.tsv:6: the text_b is empty; expected something other"):
        preparation(source, tmp_path / "cache").train(JOINT)


def test_snli_is_read_and_what_has_no_gold_label_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    features = datasets.Features({
        "premise": datasets.Value("string"), "hypothesis": datasets.Value("string"),
        "label": datasets.ClassLabel(names=["entailment", "neutral", "contradiction"]),
    })  # fmt: skip
    labels = [n % 4 - 1 for n in range(24)]
    columns = {
        "premise": [f"p {n}" for n in range(24)],
        "hypothesis": [f"h {n}" for n in range(24)],
        "label": labels,
    }
    rows = datasets.Dataset.from_dict(columns, features=features)
    (tmp_path / "copy" / "plain_text").mkdir(parents=True)
    for split in ("train", "validation", "test"):
        rows.to_parquet(tmp_path / "copy" / "plain_text" / f"{split}-00000-of-00001.parquet")
    group = {}
    for name in ("hub_labelled", "snli"):
        group |= yaml.safe_load((Path(CONF) / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
    config = OmegaConf.create({"data": {**group, "path": str(tmp_path / "copy")}})
    source = instantiate(config.data.source, _convert_="all")
    assert isinstance(source, HubDataset) and config.data.on_error == "skip"
    data = preparation(source, tmp_path / "cache", on_error=config.data.on_error).train(JOINT)
    assert data.labels == ["contradiction", "entailment", "neutral"]
    kept = [n for n in range(24) if labels[n] >= 0]
    for name, split in data.splits.items():
        assert split.raw("text", np.arange(len(split))) == [f"p {n}" for n in kept]
        assert decoded(data, "train", "text_b") == [f"h {n}" for n in kept]
        assert [data.labels[code] for code in split.labels] == [
            features["label"].names[labels[n]] for n in kept
        ]
        assert sum(row.split == name for row in data.skipped) == 6


def test_json_lines_are_read_by_dot_path(tmp_path: Path) -> None:
    record = {"pair": {"a": "one", "b": "two"}, "gold": 1}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    source = TableFiles({"text": "pair.a", "text_b": "pair.b", "label": "gold"}, train=tmp_path / "a.jsonl")
    assert [row.fields for row in source.rows("train")] == [("one", "two", "1")]
