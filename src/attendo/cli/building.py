"""From the checked configuration to objects."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from pytorch_lightning.loggers import Logger

from attendo.checkpoint import DurableCheckpointIO
from attendo.cli.check import fits, shown
from attendo.data import BatchSizes, LengthPolicy, Preparation, PreparedData, SplitPolicy, TextDataModule
from attendo.data.labels import rows_per_label
from attendo.data.preparation import TokenizerTrainer, Trainers
from attendo.optim import Freezing
from attendo.predictor import with_ids
from attendo.tasks import Optimization, Task
from attendo.tokenization import Tokenizer

Settings = Mapping[str, Any]
T = TypeVar("T")

LEARNING: Mapping[str, tuple[Any, str]] = {  # what learns, and how fast: key → type, and in words
    "freeze": (list[str] | None, "a list of patterns, such as [encoder.*]"),
    "unfreeze_at_step": (int | None, "an optimizer step, or null"),
    "learning_rates": (dict[str, float] | None, "factors by pattern, such as {encoder.*: 0.1}"),
}


@contextmanager
def building(key: str) -> Iterator[None]:
    """Turns a constructor's refusal into a ValueError whose message names the configuration key."""
    try:
        yield
    except InstantiationException as error:
        _, _, inner = str(error).partition("\nfull_key: ")
        cause = error.__cause__
        text = str(cause) if isinstance(cause, ValueError | OSError) else " ".join(str(error).split("\n")[:2])
        where = f"{key}.{inner}" if inner else key
        raise ValueError(text if key in text else f"{where}: {text}") from error


def build(node: Settings, key: str, **runtime: Any) -> Any:
    """The object that a node with ``_target_`` describes; ``runtime``: arguments that only the data decides.

    Raises:
        ValueError: the constructor refused its arguments; the message names the key.
    """
    with building(key):
        return instantiate(node, **runtime, _convert_="all")


def checked(function: Callable[..., T], **values: Any) -> T:
    """Calls a dataclass whose fields are named as keys of the ``data`` group, after checking types."""
    hints = get_type_hints(function)
    for name, value in values.items():
        if not fits(value, hints[name]):
            raise ValueError(f"data.{name}={value!r}: expected {shown(hints[name], value)}")
    return function(**values)


def given(node: Settings) -> dict[str, Any]:
    """What of a node is not null, which stands there for "as in training"."""
    return {name: value for name, value in node.items() if value is not None}


def use_threads(count: object) -> None:
    """Sets the number of CPU threads, unless it is None."""
    if count is None:
        return
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"threads={count}: expected a number of CPU threads, or null")
    torch.set_num_threads(count)


def build_preparation(data: Settings) -> Preparation:
    """How raw text becomes tables, from the ``data`` group."""
    return checked(
        Preparation,
        source=build(data["source"], "data.source"),
        splits=settings_of(SplitPolicy, data),
        lengths=settings_of(LengthPolicy, data),
        unicode=data["unicode"],
        labels=label_names(data["labels"]),
        label_separator=data["label_separator"],
        cache_dir=Path(data["cache_dir"]).expanduser(),
        on_error=data["on_error"],
    )


def label_names(labels: object) -> object:
    """Class names as the readers give them: numbers and truth values are written as JSON does."""
    if not isinstance(labels, list):
        return labels
    return [name if isinstance(name, str) else json.dumps(name) for name in labels]


def build_batch_sizes(data: Settings) -> BatchSizes:
    return settings_of(BatchSizes, data)


def settings_of(kind: type[T], data: Settings) -> T:
    """A dataclass of settings from the keys of the ``data`` group that bear its fields' names."""
    return checked(kind, **{field.name: data[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def build_tokenizer_trainers(config: Settings) -> Trainers:
    """Role → how its tokenizer is trained, or that of an earlier run."""
    own: TokenizerTrainer | Tokenizer = build(config["tokenizer"], "tokenizer")
    if isinstance(config["target_tokenizer"], str):
        option = config["target_tokenizer"]
        raise ValueError(
            f"target_tokenizer={option}: options are chosen with tokenizer@target_tokenizer={option}"
        )
    if config["target_tokenizer"] is None:
        return {"joint": own}
    return {"source": own, "target": build(config["target_tokenizer"], "target_tokenizer")}


def build_optimization(config: Settings) -> Optimization:
    for name, (hint, expected) in LEARNING.items():
        if not fits(config[name], hint):
            raise ValueError(f"{name}={config[name]}: expected {expected}")
    return Optimization(
        optimizer=build(config["optimizer"], "optimizer"),
        schedule=build(config["scheduler"], "scheduler"),
        clip=build(config["clipping"], "clipping") if config["clipping"] else None,
        monitor=config["monitor"]["metric"],
        seed=config["seed"],
        freezing=Freezing(config["freeze"] or (), config["unfreeze_at_step"]),
        learning_rates={name: float(factor) for name, factor in (config["learning_rates"] or {}).items()},
    )


def build_task(
    config: Settings, model: torch.nn.Module, data: PreparedData, optimization: Optimization | None
) -> Task:
    """The LightningModule around a model."""
    runtime: dict[str, Any] = {"model": model, "optimization": optimization}
    if data.is_labelled:
        runtime["labels"] = data.labels
        runtime["is_multilabel"] = data.is_multilabel
        runtime.update(training_rows(data))
    else:
        target = runtime["target_tokenizer"] = data.tokenizers["target"]
        for name in ("decoding", "validation_decoding"):
            runtime[name] = build(with_ids(config[name], target), name)
        sampling = config["scheduled_sampling"]
        runtime["scheduled_sampling"] = build(sampling, "scheduled_sampling") if sampling else None
    # Built sub-modules must not pass through Hydra's configuration objects, which copy and wrap their values.
    factory = build({**config["task"], "_partial_": True}, "task")
    task: Task = factory(**runtime)
    return task


def training_rows(data: PreparedData) -> dict[str, Any]:
    """How many there are, and of each label; None where nothing is trained."""
    split = data.splits.get("train")
    if split is None or split.labels is None:
        return {"rows_per_label": None, "rows": 0}
    return {"rows_per_label": rows_per_label(split.labels, len(data.labels)).tolist(), "rows": len(split)}


def build_module(config: Settings, data: PreparedData) -> TextDataModule:
    """Batches of the data."""
    settings = config["data"]
    augmentation = (
        None if settings["augmentation"] is None else build(settings["augmentation"], "data.augmentation")
    )
    node = settings["subword_dropout"]
    return TextDataModule(
        data,
        build_batch_sizes(settings),
        config["seed"],
        settings["sampling"],
        augmentation,
        None if node is None else build(node, "data.subword_dropout"),
        copies=config["model"].get("copy") is not None,
    )


def build_callbacks(config: Settings) -> list[pl.Callback]:
    """The callbacks of the ``callbacks`` group; null switches one off."""
    nodes = {name: node for name, node in (config["callbacks"] or {}).items() if node is not None}
    return [build(node, f"callbacks.{name}") for name, node in nodes.items()]


def build_trainer(config: Settings, loggers: Sequence[Logger]) -> pl.Trainer:
    callbacks = build_callbacks(config)
    if not loggers:  # some callbacks need one
        callbacks = [c for c in callbacks if not isinstance(c, pl.callbacks.LearningRateMonitor)]
    trainer: functools.partial[pl.Trainer] = build({**config["trainer"], "_partial_": True}, "trainer")
    return trainer(
        callbacks=callbacks,
        logger=loggers,
        default_root_dir=config["run_dir"],
        plugins=[DurableCheckpointIO()],
        enable_progress_bar=False,  # ours is a callback
        enable_model_summary=False,
        use_distributed_sampler=False,  # our loaders divide among ranks themselves
        enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in callbacks),
    )
