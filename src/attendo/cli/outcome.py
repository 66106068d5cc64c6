"""How a training ends: the test, the scores, and where everything is."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from attendo.callbacks import CheckpointAverages
from attendo.cli.run_folder import as_number, as_text, numbers, write_json, write_records
from attendo.data import TextDataModule
from attendo.tasks import Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What a training ends with.

    Attributes:
        folder: the run folder.
        scores: as in its metrics.json.
        best: the monitored metric at its best, or None if it was never measured.
    """

    folder: Path
    scores: Mapping[str, Any]
    best: float | None


def finish(
    config: Mapping[str, Any],
    trainer: pl.Trainer,
    task: Task,
    module: TextDataModule,
    earlier: Mapping[str, float],
) -> Outcome:
    """Tests the best checkpoint, writes the scores, and says where everything is.

    Args:
        earlier: metrics of the checkpoint that the run went on from; they count where nothing came after it.
    """
    folder = Path(config["run_dir"])
    path, best = best_of(trainer)
    scores: dict[str, Any] = {
        "training": numbers({**earlier, **trainer.callback_metrics}),
        "best": {config["monitor"]["metric"]: best},
        "test": {},
    }
    if config["test"] and "test" in module.data.splits:
        scores["test"] = tested(trainer, task, module, path, folder / "predictions" / "test.jsonl")
    scores.update({**task.signatures(), **task.details()})
    if scores["test"]:
        scores["averages"] = {
            file.stem: tested(trainer, task, module, file, folder / "predictions" / f"test_{file.stem}.jsonl")
            for file in averages_of(trainer)
        }
    write_json(folder / "metrics.json", scores)
    say_goodbye(scores, folder)
    return Outcome(folder, scores, best)


def tested(
    trainer: pl.Trainer, task: Task, module: TextDataModule, checkpoint: Path | str | None, records: Path
) -> dict[str, float | None]:
    """Scores of a checkpoint on the test split; what it says of every row goes into a file."""
    trainer.test(task, datamodule=module, ckpt_path=checkpoint, verbose=False, weights_only=True)
    write_records(records, task.records)
    return numbers(trainer.callback_metrics, "test/")


def averages_of(trainer: pl.Trainer) -> list[Path]:
    """Checkpoints that are means of others, if the run has written any."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return [file for each in callbacks if isinstance(each, CheckpointAverages) for file in each.averages]


def best_of(trainer: pl.Trainer) -> tuple[str | None, float | None]:
    """File and score of the best checkpoint."""
    for saver in trainer.checkpoint_callbacks:
        if isinstance(saver, pl.callbacks.ModelCheckpoint):
            return saver.best_model_path or None, as_number(saver.best_model_score)
    return None, None


def ended(folder: Path, config: Mapping[str, Any]) -> Outcome:
    """What a run that has ended before ended with."""
    scores = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    say_goodbye(scores, folder)
    return Outcome(folder, scores, scores["best"][config["monitor"]["metric"]])


@rank_zero_only
def say_goodbye(scores: Mapping[str, Any], folder: Path) -> None:
    results = scores["test"] or {f"best {name}": value for name, value in scores["best"].items()}
    lines = [(name, as_text(value)) for name, value in results.items()]
    for average, values in scores.get("averages", {}).items():
        lines += [(f"{average}: {name}", as_text(value)) for name, value in values.items()]
    lines += [(name, text) for name, text in scores.items() if name == "decoding" or "_signature" in name]
    lines += [
        ("run folder", shown(folder)),
        ("to look inside", f"{tensorboard()} --logdir {shown(folder)}"),
    ]
    for name, value in lines:
        log.info("%-32s %s", name, value)


def tensorboard() -> str:
    """TensorBoard's command; with its path where the environment is not activated."""
    beside = Path(sys.executable).parent / "tensorboard"
    return "tensorboard" if shutil.which("tensorboard") or not beside.exists() else os.path.relpath(beside)


def shown(path: Path) -> str:
    """As a person in this folder would write it."""
    return os.path.relpath(path)
