"""Small files of text, and what becomes of them."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from attendo.data import LengthPolicy, Preparation, PreparedData, SplitPolicy
from attendo.data.preparation import TokenizerTrainer
from attendo.data.reading import OnError, UnicodeForm
from attendo.data.sources import ParallelFiles, Source, TableFiles
from attendo.tokenization import train_word

WORDS = functools.partial(train_word, lowercase=False, minimum_count=1, maximum_size=None)
JOINT: Mapping[str, TokenizerTrainer] = {"joint": WORDS}
COLUMNS = {"text": 0, "label": 1}
Rows = Sequence[tuple[str, str]]

COMPOSED, DECOMPOSED = "\u00fcber", "u\u0308ber"
TRAIN = [("good film", "pos"), ("bad film", "neg"), ("good good", "pos"), ("so bad", "neg")]


def table(path: Path, rows: Rows) -> Path:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return path


def labelled(folder: Path, train: Rows = TRAIN, test: Rows | None = None) -> TableFiles:
    folder.mkdir(parents=True, exist_ok=True)
    return TableFiles(
        COLUMNS,
        train=table(folder / "train.tsv", train),
        test=None if test is None else table(folder / "test.tsv", test),
    )


def parallel(folder: Path, source: Sequence[str], target: Sequence[str]) -> ParallelFiles:
    sides = [folder / "train.en", folder / "train.de"]
    for path, lines in zip(sides, (source, target), strict=True):
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return ParallelFiles(train=sides)


def preparation(
    source: Source,
    cache: Path,
    *,
    validation: float = 0.0,
    fold: tuple[int, int] | None = None,
    maximum: int | None = None,
    too_long: Literal["truncate", "drop", "error"] = "truncate",
    unicode: UnicodeForm | None = None,
    labels: Sequence[str] | None = None,
    on_error: OnError = "error",
    separator: str | None = None,
) -> Preparation:
    folds, number = fold or (None, None)
    splits = SplitPolicy(validation, folds, number, split_seed=0)
    lengths = LengthPolicy(maximum, too_long)
    return Preparation(source, splits, lengths, unicode, labels, cache, on_error, separator)


def decoded(data: PreparedData, split: str, role: str = "text") -> list[str]:
    column = data.splits[split].ids.columns[role]
    padded = column.padded(np.arange(len(column)), padding=0)
    return [data.tokenizers[role].decode(ids) for ids in padded.tolist()]


def cached(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


@dataclass
class FakeTrainer:
    """What the data module asks a trainer for."""

    global_rank: int = 0
    world_size: int = 1
    global_step: int = 0
    num_training_batches: int = 5
    overfit_batches: int = 0
