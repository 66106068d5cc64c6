"""What a checkpoint file holds beside Lightning's own state, so that it needs no other file."""

import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks.early_stopping import EarlyStopping, EarlyStoppingReason

from attendo import __version__
from attendo.tokenization import Tokenizer

log = logging.getLogger(__name__)

ZIP = b"PK"  # how files of torch.save begin
KEY, METRICS = "attendo", "attendo_metrics"
NEEDED = ("model", "data", "task", "trainer")  # parts of the configuration that rebuild a run
FORMAT = 1  # raise it when older programs could not read the file; say in the CHANGELOG which they are


@dataclass(frozen=True)
class Contents:
    """Plain facts about a run.

    Attributes:
        config: the resolved configuration.
        tokenizers: role → tokenizer.
        labels: class names in the order of their ids; empty for pairs.
        data_hash: of the rows that the run trains and validates on.
    """

    config: dict[str, Any]
    tokenizers: Mapping[str, Tokenizer]
    labels: list[str]
    data_hash: str = ""

    def to_dict(self) -> dict[str, Any]:
        distinct: list[Tokenizer] = []
        for tokenizer in self.tokenizers.values():
            if all(tokenizer is not other for other in distinct):
                distinct.append(tokenizer)
        roles = {
            role: next(i for i, other in enumerate(distinct) if other is tokenizer)
            for role, tokenizer in self.tokenizers.items()
        }
        return {
            "format": FORMAT,
            "version": __version__,
            "config": self.config,
            "tokenizers": [tokenizer.to_dict() for tokenizer in distinct],
            "tokenizer_of_role": roles,
            "labels": self.labels,
            "data_hash": self.data_hash,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Contents":
        distinct = [Tokenizer.from_dict(each) for each in stored["tokenizers"]]
        tokenizers = {role: distinct[number] for role, number in stored["tokenizer_of_role"].items()}
        return cls(stored["config"], tokenizers, list(stored["labels"]), stored.get("data_hash", ""))


class StoreContents(pl.Callback):
    """Puts the contents into every checkpoint that the run writes, and the metrics of the last step.

    A run that goes on gets back from it what is still true: neither paths of a folder that was moved, nor
    settings (patience, a plateau's factor) that the configuration gives otherwise now.

    Attributes:
        metrics: those that the checkpoint had which the run goes on from; empty for a run from the start.
    """

    def __init__(self, contents: Contents) -> None:
        self.stored = contents.to_dict()
        self.metrics: dict[str, float] = {}

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEY] = self.stored
        now = {name: float(value) for name, value in trainer.callback_metrics.items()}
        checkpoint[METRICS] = {**self.metrics, **now}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """The configuration of now counts, and callbacks find their files in a run folder that was moved."""
        self.metrics = checkpoint[METRICS]
        before, now = (stored["config"].get("run_dir", "") for stored in (checkpoint[KEY], self.stored))
        states = checkpoint["callbacks"] = moved(checkpoint["callbacks"], before, now)
        for name, state in list(states.items()):
            best = state.get("best_model_path") if isinstance(state, dict) else None
            if best and not Path(best).is_file():
                log.warning("%s is missing: the best checkpoint is chosen anew from here on", best)
                del states[name]
        for callback in trainer.early_stopping_callbacks:
            if callback is not None and callback.state_key in states:
                states[callback.state_key]["patience"] = callback.patience
        for schedule in checkpoint["lr_schedulers"]:  # a plateau schedule would bring back its own
            for setting in ("patience", "factor"):
                schedule.pop(setting, None)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """A run that early stopping has ended before stays so, unless it may be more patient now."""
        for callback in trainer.early_stopping_callbacks:
            if callback is not None and self.metrics and has_stopped(callback):
                trainer.should_stop = True
                log.info(
                    "early stopping has ended this run; callbacks.early_stopping.patience=… trains it longer"
                )


def has_stopped(callback: EarlyStopping) -> bool:
    """Whether early stopping has found a reason to stop, or would, as patient as it is."""
    reason = callback.stopping_reason
    if reason in (EarlyStoppingReason.NOT_STOPPED, EarlyStoppingReason.PATIENCE_EXHAUSTED):
        return callback.wait_count >= callback.patience
    return True


def moved(value: Any, before: str, now: str) -> Any:
    """A state in which every path inside one folder is inside another instead."""
    if isinstance(value, dict):
        return {moved(name, before, now): moved(inner, before, now) for name, inner in value.items()}
    if isinstance(value, str) and before and Path(value).is_relative_to(before):
        return str(Path(now) / Path(value).relative_to(before))
    return value


def checkpoint_of(run: str | Path, name: str = "best", key: str = "run") -> Path:
    """The checkpoint file that ``run=`` means: itself, or ``checkpoints/<name>.ckpt`` of a run folder.

    Args:
        run: the file or the folder.
        name: of the file in the folder.
        key: what the user gave it as, for messages.

    Raises:
        FileNotFoundError: there is none; the message lists those that are there.
    """
    path = Path(run)
    if path.is_file():
        return path
    folder = path / "checkpoints"
    if (folder / f"{name}.ckpt").is_file():
        return folder / f"{name}.ckpt"
    if not path.exists():
        raise FileNotFoundError(f"{key}={run}: there is no such file or folder")
    found = sorted(file.stem for file in folder.glob("*.ckpt"))
    raise FileNotFoundError(
        f"{key}={run}: found no checkpoints/{name}.ckpt in it"
        + (f"; there are {', '.join(found)}" if found else "; expected a run folder or a .ckpt file")
        + hint_of_runs(path)
    )


def hint_of_runs(folder: Path) -> str:
    """Names the newest run inside a folder that is none itself; "" if there is none."""
    runs = sorted((path.parent for path in folder.glob("*/checkpoints")), key=lambda run: run.name)
    return f". The newest of the runs in it is {runs[-1]}" if runs else ""


def read_checkpoint(path: Path) -> tuple[Contents, dict[str, Any]]:
    """Contents and model weights (state dict of the model) of a checkpoint file. Never runs code from it.

    Raises:
        ValueError: the file is no checkpoint of attendo, is damaged, or was written by a newer version.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:  # damaged bytes raise anything: KeyError, OSError, struct.error, …
        raise ValueError(f"{path} is no readable checkpoint: {reason(path, error)}") from error
    stored = checkpoint.get(KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(stored, dict) or not isinstance(stored.get("format"), int):
        raise ValueError(f"{path} was not written by attendo: it has no '{KEY}' entry")
    if stored["format"] > FORMAT:
        raise ValueError(
            f"{path} has checkpoint format {stored['format']} (attendo {stored.get('version')}); "
            f"this is attendo {__version__}, which reads up to format {FORMAT}: please update"
        )
    prefix = "model."
    try:
        weights = {
            name.removeprefix(prefix): value
            for name, value in checkpoint["state_dict"].items()
            if name.startswith(prefix)
        }
        contents = Contents.from_dict(stored)
        lacking = [name for name in NEEDED if not isinstance(contents.config[name], dict)]
        if lacking:
            raise ValueError(f"its configuration has no {', '.join(lacking)}")
        return contents, weights
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def reason(path: Path, error: Exception) -> str:
    """Why a file cannot be loaded, without torch's advice to load it unsafely."""
    with path.open("rb") as file:
        beginning = file.read(len(ZIP))
    if not beginning:
        return "the file is empty"
    if beginning != ZIP:
        return "it is no file of torch.save"
    if isinstance(error, pickle.UnpicklingError) and "weights" in str(error).lower():
        return "it holds something other than plain values and tensors"
    return "it is damaged or ends early; copy it again"


def place_of(path: Path) -> tuple[int, int]:
    """Epochs and optimizer steps that are done where a checkpoint stands.

    The file has been read before.

    Raises:
        ValueError: no training can go on from it.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if "loops" not in checkpoint:
        raise ValueError(
            f"{path} holds weights alone (an average does): no training goes on from it; "
            f"init_from={path} starts a new one from its weights"
        )
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    return int(epochs), int(checkpoint["global_step"])
