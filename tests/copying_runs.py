"""Pairs with words that no vocabulary has, and a model that copies them."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from attendo.data import BatchSizes, LengthPolicy, Preparation, SplitPolicy, TextDataModule
from attendo.data.copying import Copying
from attendo.data.preparation import PreparedData
from attendo.models import PointerGenerator, TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.tokenization import train_whitespace
from small_runs import Rows, module_of


def copying_pairs(cache: Path, sizes: Sequence[int] = (400, 40, 40)) -> PreparedData:
    """Words, half of which the vocabulary lacks, and the same words in reverse."""
    generator = np.random.default_rng(1)

    def rows(count: int, words: list[str]) -> list[tuple[str, ...]]:
        found = [generator.choice(words, generator.integers(2, 5)).tolist() for _ in range(count)]
        return [(" ".join(each), " ".join(each[::-1])) for each in found]

    rare = [f"rare{number}" for number in range(sizes[0])]
    fields = {
        "train": rows(sizes[0], ["a", "b", "c", "d", *rare]),
        "validation": rows(sizes[1], ["a", "b", "x", "y"]),
        "test": rows(sizes[2], ["a", "b", "x", "y", "z"]),
    }
    preparation = Preparation(
        source=Rows(("source", "target"), fields),
        splits=SplitPolicy(validation_fraction=0.0, folds=None, fold=None, split_seed=0),
        lengths=LengthPolicy(max_length=None, too_long="error"),
        unicode=None,
        labels=None,
        cache_dir=cache,
    )
    whitespace = functools.partial(train_whitespace, lowercase=False, minimum_count=6, maximum_size=None)
    return preparation.train({"joint": whitespace})


def copier(data: PreparedData, width: int = 32, dropout: float = 0.0) -> TransformerSeq2Seq:
    torch.manual_seed(3)
    shape = (width, 2, 2, 2 * width, "pre", "relu", dropout, dropout)
    parts = TransformerEncoder(*shape), TransformerDecoder(*shape)
    size = len(data.tokenizers["source"])
    return TransformerSeq2Seq(
        size, size, width, *parts, "sinusoidal", 64, "all", dropout, PointerGenerator(width)
    )


def copying_module(data: PreparedData, sizes: BatchSizes | None = None) -> TextDataModule:
    module = module_of(data, sizes)
    module.copying = Copying(data.tokenizers["source"], data.tokenizers["target"])
    return module
