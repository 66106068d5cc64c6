"""attendo train"""

import logging
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from attendo.checkpoint import Contents, StoreContents, build_model
from attendo.cli.building import (
    build_batch_sizes,
    build_optimization,
    build_preparation,
    build_task,
    build_tokenizer_trainers,
    build_trainer,
    use_threads,
)
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.job import job
from attendo.cli.rehearsal import rehearse
from attendo.cli.run_folder import (
    as_number,
    as_text,
    check_writable,
    numbers,
    write_config,
    write_environment,
    write_json,
    write_records,
)
from attendo.data import PreparedData, TextDataModule
from attendo.tasks import Task

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
@job
def main(config: DictConfig) -> float | None:
    """Returns the monitored metric at its best, for sweeps."""
    settings = check(config)
    folder = Path(settings["run_dir"])
    check_writable(folder)
    write_config(folder, settings, OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False))
    return train(settings)


def train(config: Mapping[str, Any]) -> float | None:
    """Trains, tests, and leaves a run folder behind.

    Args:
        config: checked and resolved; plain containers.

    Returns:
        The monitored metric at its best, or None if it was never measured.
    """
    use_threads(config["threads"])
    if config["seed"] < 0:
        raise ValueError(f"seed={config['seed']}: expected 0 or more")
    write_environment(Path(config["run_dir"]))
    preparation, sizes = build_preparation(config["data"]), build_batch_sizes(config["data"])
    tokenizer_trainers = build_tokenizer_trainers(config)
    rehearse(config, preparation.source.roles)
    trainer = build_trainer(config)  # the last thing that can refuse the user's words
    data = preparation.train(tokenizer_trainers)
    describe(data)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    model = build_model(config["model"], data.tokenizers, data.labels)
    log.info("%s: %s parameters", type(model).__name__, parameter_counts(model))
    task = build_task(config, model, data, build_optimization(config))
    module = TextDataModule(data, sizes, config["seed"])
    trainer.callbacks.append(StoreContents(Contents(dict(config), data.tokenizers, data.labels)))  # type: ignore[attr-defined]
    trainer.fit(task, datamodule=module, weights_only=True)
    return finish(config, trainer, task, module)


def describe(data: PreparedData) -> None:
    for name, split in data.splits.items():
        cut = f", {split.too_long:,} longer than data.max_length" if split.too_long else ""
        log.info("%-10s %9s rows%s", name, f"{len(split):,}", cut)
    sizes = {role: len(tokenizer) for role, tokenizer in data.tokenizers.items()}
    log.info("%-10s %s", "vocabulary", ", ".join(f"{role} {size:,}" for role, size in sizes.items()))
    if data.labels:
        log.info("%-10s %s", "classes", ", ".join(data.labels[:20]) + (" …" if len(data.labels) > 20 else ""))


def parameter_counts(model: torch.nn.Module) -> str:
    """All of a model's parameters, and those of each part; tied ones count where they come first."""
    seen: set[int] = set()
    counts = {}
    for name, part in model.named_children():
        new = {id(p): p.numel() for p in part.parameters() if id(p) not in seen}
        seen.update(new)
        counts[name] = sum(new.values())
    parts = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    return f"{sum(p.numel() for p in model.parameters()):,} ({parts})"


def finish(
    config: Mapping[str, Any], trainer: pl.Trainer, task: Task, module: TextDataModule
) -> float | None:
    """Tests the best checkpoint, writes the scores, and says where everything is."""
    folder = Path(config["run_dir"])
    metric = config["monitor"]["metric"]
    path, best = None, None
    for saver in trainer.checkpoint_callbacks:
        if isinstance(saver, pl.callbacks.ModelCheckpoint):
            path, best = saver.best_model_path or None, as_number(saver.best_model_score)
    scores: dict[str, Any] = {
        "training": numbers(trainer.callback_metrics),
        "best": {metric: best},
        "test": {},
    }
    if config["test"] and "test" in module.data.splits:
        trainer.test(task, datamodule=module, ckpt_path=path, verbose=False, weights_only=True)
        scores["test"] = numbers(trainer.callback_metrics, "test/")
        write_records(folder / "predictions" / "test.jsonl", task.records)
    scores.update(task.signatures())
    write_json(folder / "metrics.json", scores)
    say_goodbye(scores, folder)
    return best


@rank_zero_only
def say_goodbye(scores: Mapping[str, Any], folder: Path) -> None:
    results = scores["test"] or {f"best {name}": value for name, value in scores["best"].items()}
    lines = [(name, as_text(value)) for name, value in results.items()]
    if "bleu_signature" in scores:
        lines.append(("BLEU signature", scores["bleu_signature"]))
    shown = Path(os.path.relpath(folder))
    lines += [("run folder", str(shown)), ("to look inside", f"{tensorboard()} --logdir {shown}")]
    for name, value in lines:
        log.info("%-28s %s", name, value)


def tensorboard() -> str:
    """TensorBoard's command; with its path where the environment is not activated."""
    beside = Path(sys.executable).parent / "tensorboard"
    return "tensorboard" if shutil.which("tensorboard") or not beside.exists() else os.path.relpath(beside)
