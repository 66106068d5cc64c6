"""Interrupts trainings, and compares what they end with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

# Names of files, what Lightning writes of the score that it saved last but never reads again, and time.
UNLIKE = ("path", "dirpath", ".current_score", ".seconds", "tokens_per_second")


class Signal(pl.Callback):
    """Sends a signal to this process at the end of a step, or inside the validation after it."""

    def __init__(self, step: int, number: int, in_validation: bool = False) -> None:
        self.step, self.number, self.in_validation = step, number, in_validation

    def on_train_batch_end(self, trainer, *arguments):
        if trainer.global_step == self.step and not self.in_validation:
            os.kill(os.getpid(), self.number)

    def on_validation_batch_end(self, trainer, *arguments):
        if trainer.global_step == self.step and self.in_validation:
            os.kill(os.getpid(), self.number)


def differences(one: object, other: object, path: str = "") -> Iterator[str]:
    """Where two checkpoints differ, paths of files aside."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            yield f"{path}: keys {one.keys() ^ other.keys()}"
        for name in one.keys() & other.keys():
            yield from differences(one[name], other[name], f"{path}.{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{number}]")
    elif isinstance(one, Tensor) and isinstance(other, Tensor):
        if not (one.dtype == other.dtype and torch.equal(one, other)):
            yield path
    elif one != other and not path.endswith(UNLIKE):
        yield f"{path}: {one!r} {other!r}"


def assert_same_checkpoint(one: Path, other: Path) -> None:
    """Every tensor and every number in two files is the same."""
    contents = [torch.load(path, weights_only=True) for path in (one, other)]
    for checkpoint in contents:
        for name, state in checkpoint["callbacks"].items():
            if name.startswith("ModelCheckpoint"):  # its scores stand by file name
                state["best scores"] = list(state.pop("best_k_models").values())
        checkpoint.get("attendo", {}).pop("config", None)  # where the folder is
    found = list(differences(*contents))
    assert found == [], "\n".join(found)
