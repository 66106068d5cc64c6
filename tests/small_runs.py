"""Small data, small models and short trainings for the tests of tasks, callbacks and checkpoints."""

import functools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn

from attendo.cli.building import training_rows
from attendo.data import BatchSizes, LengthPolicy, Preparation, SplitPolicy, TextDataModule
from attendo.data.preparation import PreparedData
from attendo.data.sources import Row, Source
from attendo.metrics import Bleu, ExactMatch
from attendo.models import SelfAttentiveClassifier, TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.models.encoders import LSTMEncoder
from attendo.models.layers.attention import StructuredSelfAttention
from attendo.models.layers.weighting import Softmax
from attendo.models.self_attentive import Dropouts
from attendo.optim import constant
from attendo.tasks import (
    GreedyDecoding,
    Optimization,
    Seq2SeqTask,
    Task,
    TextClassificationTask,
)
from attendo.tokenization import train_whitespace

SPLITS = ("train", "validation", "test")
FILLERS = [f"w{number}" for number in range(20)]
KEYWORDS = {"sun": "good", "moon": "neutral", "rain": "bad"}
MONITORS = {TextClassificationTask: "validation/accuracy", Seq2SeqTask: "validation/bleu"}


# ------------------------------------------------------------------------------------------------------- data
@dataclass(frozen=True)
class Rows:
    """A source whose rows are given."""

    roles: tuple[str, ...]
    fields: Mapping[str, Sequence[tuple[str, ...]]]

    def check(self, split: str) -> None:
        pass

    def has(self, split: str) -> bool:
        return split in self.fields

    def fingerprint(self, split: str) -> str:
        return repr((split, self.roles, self.fields[split]))

    def rows(self, split: str) -> Iterator[Row]:
        for number, fields in enumerate(self.fields[split], start=1):
            yield Row(fields, f"{split}:{number}")


def prepared(
    cache: Path, source: Source, trainers: Sequence[str] = ("joint",), label_separator: str | None = None
) -> PreparedData:
    whitespace = functools.partial(train_whitespace, lowercase=False, minimum_count=1, maximum_size=None)
    preparation = Preparation(
        source=source,
        splits=SplitPolicy(validation_fraction=0.0, folds=None, fold=None, split_seed=0),
        lengths=LengthPolicy(max_length=None, too_long="error"),
        unicode=None,
        labels=None,
        cache_dir=cache,
        label_separator=label_separator,
    )
    return preparation.train(dict.fromkeys(trainers, whitespace))


def keyword_texts(generator: random.Random, count: int) -> list[tuple[str, str]]:
    """Texts of 3 to 12 words with one keyword among them, which decides the label."""
    rows = []
    for _ in range(count):
        keyword = generator.choice(list(KEYWORDS))
        words = [*generator.choices(FILLERS, k=generator.randint(2, 11)), keyword]
        generator.shuffle(words)
        rows.append((" ".join(words), KEYWORDS[keyword]))
    return rows


def reversed_digits(generator: random.Random, count: int) -> list[tuple[str, str]]:
    rows = [generator.choices("0123456789", k=generator.randint(1, 7)) for _ in range(count)]
    return [(" ".join(row), " ".join(row[::-1])) for row in rows]


def prepared_texts(cache: Path, sizes: Sequence[int], shuffled: bool = False) -> PreparedData:
    generator = random.Random(1)
    rows = {split: keyword_texts(generator, size) for split, size in zip(SPLITS, sizes, strict=True)}
    if shuffled:
        labels = [label for _, label in rows["train"]]
        generator.shuffle(labels)
        rows["train"] = [(text, label) for (text, _), label in zip(rows["train"], labels, strict=True)]
    return prepared(cache, Rows(("text", "label"), rows))


def prepared_tagged(cache: Path, sizes: Sequence[int]) -> PreparedData:
    """Texts with any number of keywords, each of which is a label; two texts in ten have none."""
    generator = random.Random(2)
    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in SPLITS}
    for split, size in zip(SPLITS, sizes, strict=True):
        for _ in range(size):
            keywords = [word for word in KEYWORDS if generator.random() < 0.4]
            words = [*generator.choices(FILLERS, k=generator.randint(2, 11)), *keywords]
            generator.shuffle(words)
            rows[split].append((" ".join(words), "|".join(KEYWORDS[word] for word in keywords)))
    return prepared(cache, Rows(("text", "label"), rows), label_separator="|")


def prepared_pairs(cache: Path, sizes: Sequence[int]) -> PreparedData:
    generator = random.Random(1)
    rows = {split: reversed_digits(generator, size) for split, size in zip(SPLITS, sizes, strict=True)}
    return prepared(cache, Rows(("source", "target"), rows))


# ----------------------------------------------------------------------------------------- models and tasks
def dropouts(probability: float = 0.0, **others: float) -> Dropouts:
    """Of embedded tokens and the MLP; the others are off."""
    return {"words": 0.0, "embedding": probability, "states": 0.0, "mlp": probability, **others}  # type: ignore[typeddict-item]


def soft_attention(attention_size: int, hops: int) -> Callable[[int], nn.Module]:
    return lambda size: StructuredSelfAttention(size, attention_size, hops, Softmax())


def classifier(
    data: PreparedData, dropout: float = 0.0, size: int = 12, **changed: Any
) -> SelfAttentiveClassifier:
    settings: dict[str, Any] = {
        "vocabulary_size": len(data.tokenizers["text"]),
        "label_count": len(data.labels),
        "embedding_size": size,
        "embedding_std": 1.0,
        "encoder": LSTMEncoder(size, size, num_layers=1, bidirectional=True, dropout=0.0),
        "attention": soft_attention(8, hops=2),
        "mlp_size": 16,
        "dropout": dropouts(dropout),
        "head": "multiclass",
        "combine_hops": "flatten",
    }
    return SelfAttentiveClassifier(**{**settings, **changed})


def transformer(data: PreparedData, dropout: float = 0.0, width: int = 16) -> TransformerSeq2Seq:
    shape = (width, 1, 2, 2 * width, "pre", "relu", dropout, dropout)
    return TransformerSeq2Seq(
        len(data.tokenizers["source"]),
        len(data.tokenizers["target"]),
        width,
        TransformerEncoder(*shape),
        TransformerDecoder(*shape),
        "sinusoidal",
        64,
        "all",
        dropout,
    )


def optimization(
    optimizer: Callable[[list[dict[str, Any]]], torch.optim.Optimizer] | None = None, **changed: Any
) -> Optimization:
    """Plain SGD at a constant rate unless something else is said."""
    settings: dict[str, Any] = {
        "optimizer": optimizer or functools.partial(torch.optim.SGD, lr=0.1),
        "schedule": functools.partial(constant, warmup_steps=0),
        "clip": None,
        "monitor": "validation/loss",
        "seed": 1,
    }
    return Optimization(**{**settings, **changed})


def classification_task(
    model: nn.Module, how: Optimization | None, data: PreparedData, **changed: Any
) -> TextClassificationTask:
    """Everything off that is not asked for."""
    settings: dict[str, Any] = {
        "is_multilabel": data.is_multilabel,
        **training_rows(data),
        "label_smoothing": 0.0,
        "attention_penalty": 0.0,
        "penalty_form": "squared",
        "class_weights": None,
        "fit_temperature": False,
    }
    return TextClassificationTask(model, how, data.labels, **{**settings, **changed})


def small_task(
    data: PreparedData,
    how: Optimization | None = None,
    *,
    dropout: float = 0.0,
    double: bool = True,
    smoothing: float = 0.1,
    penalty: float = 0.5,
) -> Task:
    """The task that suits the data, always with the same initial weights."""
    torch.manual_seed(3)
    model: nn.Module = classifier(data, dropout) if data.labels else transformer(data, dropout)
    model = model.double() if double else model
    how = how or optimization()
    if data.labels:
        return classification_task(model, how, data, label_smoothing=smoothing, attention_penalty=penalty)
    return seq2seq_task(model, how, data, label_smoothing=smoothing)


def seq2seq_task(
    model: nn.Module, how: Optimization | None, data: PreparedData, **changed: Any
) -> Seq2SeqTask:
    """Greedy decoding, BLEU and exact match, unless something is changed."""
    settings: dict[str, Any] = {
        "decoding": GreedyDecoding(1.0, 3),
        "validation_decoding": GreedyDecoding(1.0, 3),
        "validation_share": 1.0,
        "metrics": {"bleu": Bleu(tokenize="none", lowercase=False), "exact_match": ExactMatch()},
        "scheduled_sampling": None,
        "label_smoothing": 0.0,
        "coverage": 0.0,
        "r_drop": 0.0,
    }
    return Seq2SeqTask(model, how, data.tokenizers["target"], **{**settings, **changed})


# ------------------------------------------------------------------------------------------------------- runs
def batch_sizes(step: int = 16, micro_batch: int = 100_000) -> BatchSizes:
    """Sentences per step, and tokens per micro-batch."""
    return BatchSizes(None, step, micro_batch, pool_steps=2)


def module_of(data: PreparedData, sizes: BatchSizes | None = None, seed: int = 1) -> TextDataModule:
    return TextDataModule(data, sizes or batch_sizes(), seed)


def small_trainer(*callbacks: pl.Callback, **changed: Any) -> pl.Trainer:
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "max_epochs": 2,
        "num_sanity_val_steps": 0,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "log_every_n_steps": 1,
    }
    return pl.Trainer(callbacks=list(callbacks), **{**settings, **changed})


class Diary(pl.Callback):
    """Writes down the loss, the learning rate and the micro-batches of every optimizer step."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.micro_batches: list[int] = []
        self.fillers = 0
        self.epochs: list[dict[str, float]] = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, *arguments: Any
    ) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(float(outputs["loss"]))
        self.micro_batches.append(len(batch))
        self.fillers += sum(part.sentence_count == 0 for part in batch)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def trained(
    data: PreparedData,
    how: Optimization | None = None,
    sizes: BatchSizes | None = None,
    *callbacks: pl.Callback,
    seed: int = 1,
    trainer: Mapping[str, Any] | None = None,
    **task: Any,
) -> tuple[Task, Diary]:
    """A finished training and what was seen on the way."""
    diary, learner = Diary(), small_task(data, how, **task)
    small_trainer(diary, *callbacks, **(trainer or {})).fit(learner, datamodule=module_of(data, sizes, seed))
    return learner, diary


@torch.no_grad()
def largest_difference(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((a - b).abs().max()) for a, b in pairs)
