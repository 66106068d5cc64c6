"""Averages of the weights of a run's last and best validations."""

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from attendo.checkpoint import StoreContents
from attendo.checkpoint.averaging import average_files, write_weights
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)


class CheckpointAverages(pl.Callback):
    """Keeps the weights of the last and of the best validations, and writes their means when training ends.

    The means, ``average_last.ckpt`` and ``average_best.ckpt``, are checkpoints to evaluate and to predict
    with (Vaswani et al. 2017, section 6.1). The weights lie in ``kept/step=….ckpt``, also afterwards: a run
    that goes on needs them, and ends with the means of a run that was never interrupted. A file goes one
    validation after it was given up, for until then ``last.ckpt`` may still name it.

    Args:
        dirpath: folder of the checkpoints.
        last: how many of the last validations; 0: none.
        best: how many of the best validations; 0: none. Of equal ones the earlier is better.
        monitor: the score that says which are best.
        mode: "min" or "max": which scores are good.
    """

    def __init__(self, dirpath: str, last: int, best: int, monitor: str, mode: str) -> None:
        for name, count in (("last", last), ("best", best)):
            if not isinstance(count, int) or count < 0:
                raise ValueError(f"callbacks.averages.{name}={count}: expected a whole number, 0 or more")
        if mode not in ("min", "max"):
            raise ValueError(f"callbacks.averages.mode={mode}: expected min or max")
        self.folder = Path(dirpath)
        self.counts = {"last": last, "best": best}
        self.monitor, self.sign = monitor, 1 if mode == "max" else -1
        self.scores: dict[int, float] = {}  # optimizer steps → score, of the validations that are kept

    # -------------------------------------------------------------------------------------------- moments
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        missing = [step for step in self.scores if not self.file(step).is_file()]
        missing = trainer.strategy.broadcast(missing)  # the folder may be on the disk of the first rank alone
        if missing and trainer.is_global_zero:
            names = ", ".join(str(self.file(step)) for step in missing)
            log.warning("%s: missing, so the averages are made without them", names)
        self.scores = {step: score for step, score in self.scores.items() if step not in missing}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING or trainer.sanity_checking or not any(self.counts.values()):
            return
        step, before = trainer.global_step, self.scores
        scores = {**before, step: self.score(trainer)}
        wanted = {each for name in self.counts for each in self.chosen(name, scores)}
        self.scores = {each: score for each, score in scores.items() if each in wanted}
        if step in wanted:
            state = trainer.strategy.lightning_module_state_dict()  # all ranks have to ask
            if trainer.is_global_zero:
                write_weights(self.file(step), stored_contents(trainer), state, step)
        if trainer.is_global_zero:
            self.sweep({*before, *self.scores})

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for name, count in self.counts.items():
            steps = self.chosen(name, self.scores)
            if steps and trainer.is_global_zero:
                output = self.folder / f"average_{name}.ckpt"
                average_files([self.file(step) for step in steps], output)
                asked = "" if len(steps) == count else f" ({count} were asked for)"
                places = ", ".join(str(step) for step in steps)
                log.info("%s: weights averaged over steps %s%s", output.name, places, asked)
        trainer.strategy.barrier("averages")  # other ranks may want to read them

    # -------------------------------------------------------------------------------------------- choosing
    def score(self, trainer: pl.Trainer) -> float:
        found = trainer.callback_metrics
        if self.monitor not in found:
            raise ValueError(
                f"callbacks.averages.monitor={self.monitor}: validation has no such metric."
                f"{did_you_mean(self.monitor, found)} It has: {', '.join(found)}"
            )
        return float(found[self.monitor])

    def chosen(self, name: str, scores: dict[int, float]) -> list[int]:
        """Steps of the last or of the best validations among some, in rising order."""
        if name == "last":
            ranked = sorted(scores, reverse=True)
        else:
            numbers = [step for step in scores if not math.isnan(scores[step])]
            ranked = sorted(numbers, key=lambda step: (-self.sign * scores[step], step))
        return sorted(ranked[: self.counts[name]])

    # ----------------------------------------------------------------------------------------------- files
    def file(self, step: int) -> Path:
        return self.folder / "kept" / f"step={step}.ckpt"

    @property
    def averages(self) -> list[Path]:
        """The averages that are asked for and have been written."""
        files = [self.folder / f"average_{name}.ckpt" for name, count in self.counts.items() if count]
        return [file for file in files if file.is_file()]

    def sweep(self, needed: Iterable[int]) -> None:
        """Deletes the weights that neither this run nor its last checkpoint needs."""
        names = {self.file(step).name for step in needed}
        for file in (self.folder / "kept").glob("step=*.ckpt"):
            if file.name not in names:
                file.unlink(missing_ok=True)

    def state_dict(self) -> dict[str, Any]:
        return {"scores": dict(self.scores)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.scores = dict(state_dict["scores"])


def stored_contents(trainer: pl.Trainer) -> dict[str, Any]:
    """What the run's checkpoints hold beside weights."""
    stores = [callback for callback in trainer.callbacks if isinstance(callback, StoreContents)]  # type: ignore[attr-defined]
    assert stores, "a run whose weights are kept has the StoreContents callback"
    return stores[0].stored
