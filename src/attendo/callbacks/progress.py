"""What a person sees while training runs: a moving bar on a terminal, plain lines elsewhere."""

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn
from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from attendo.callbacks.throughput import TokenClock

log = logging.getLogger(__name__)


class Progress(pl.Callback):
    """Epoch, steps, tokens per second, loss, latest score and time left; a line after every validation.

    It asks our tasks for ``training_means`` and ``optimization``.

    Args:
        refresh_seconds: how often the bar moves on a terminal.
        line_seconds: how often a line is written between validations where there is no terminal.
    """

    def __init__(self, refresh_seconds: float, line_seconds: float) -> None:
        self.refresh_seconds, self.line_seconds = refresh_seconds, line_seconds
        self.clock = TokenClock()
        self.bar: Bar | None = None
        self.bar_task = TaskID(0)
        self.score = ""
        self.last_shown = 0.0
        self.validated_at = -1
        self.first_step = 0

    # ------------------------------------------------------------------------------------------- training
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.start()
        self.last_shown = time.perf_counter()
        self.first_step = trainer.global_step  # not 0 after a resume
        if trainer.is_global_zero and get_console().is_terminal:
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}"),
                TimeRemainingColumn(),
                console=get_console(),
            )
            total = total_steps(trainer)
            self.bar_task = self.bar.add_task(
                epoch_of(trainer),
                total=None if math.isinf(total) else total,
                completed=trainer.global_step,
                facts="",
            )
            self.bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.clock.count(batch)
        pause = self.refresh_seconds if self.bar else self.line_seconds
        if time.perf_counter() - self.last_shown < pause:
            return
        self.last_shown = time.perf_counter()
        facts = [self.speed(trainer), f"loss {float(outputs['loss']):.4g}", self.score]
        if self.bar:
            shown_facts = "  ".join(fact for fact in facts if fact)
            self.bar.update(
                self.bar_task, description=epoch_of(trainer), completed=trainer.global_step, facts=shown_facts
            )
        elif trainer.is_global_zero:
            write_line([place(trainer), *facts, self.time_left(trainer)])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.validated_at != trainer.global_step:
            self.summary(trainer, pl_module, {})

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.bar:
            self.bar.update(self.bar_task, completed=trainer.global_step)
        self.close_bar()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        self.close_bar()

    # ----------------------------------------------------------------------------------------- validation
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.stop()
        if self.bar:
            self.bar.update(self.bar_task, description=f"{epoch_of(trainer)}, validating")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking or trainer.state.fn != TrainerFn.FITTING:
            return
        scores = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if name.startswith("validation/")
        }
        self.validated_at = trainer.global_step
        monitor = pl_module.optimization.monitor
        self.score = shown({name: value for name, value in scores.items() if name == monitor})
        self.summary(trainer, pl_module, scores)
        self.clock.start()

    # --------------------------------------------------------------------------------------------- helpers
    def summary(self, trainer: pl.Trainer, task: Any, scores: dict[str, float]) -> None:
        """One line: where training stands, its means over the epoch so far, and the validation scores."""
        means = {f"train/{name}": float(mean) for name, mean in task.training_means().items()}
        if trainer.is_global_zero:
            chief = {
                name: value
                for name, value in {**means, **scores}.items()
                if name.rpartition("/")[2] in task.chief_metrics or name == task.optimization.monitor
            }
            facts = [shown(chief), self.speed(trainer), self.time_left(trainer)]
            write_line([place(trainer), *facts])

    def speed(self, trainer: pl.Trainer) -> str:
        return f"{self.clock.tokens_per_second * trainer.world_size:,.0f} tokens/s"

    def time_left(self, trainer: pl.Trainer) -> str:
        """Of training itself; "" where it has no fixed end."""
        done = trainer.global_step - self.first_step
        left = self.clock.running_seconds / max(done, 1) * (total_steps(trainer) - trainer.global_step)
        if math.isinf(left):
            return ""
        minutes, seconds = divmod(int(left), 60)
        return f"{minutes}:{seconds:02d} left"

    def close_bar(self) -> None:
        if self.bar:
            self.bar.stop()
            self.bar = None


def epoch_of(trainer: pl.Trainer) -> str:
    last = trainer.max_epochs
    return f"epoch {trainer.current_epoch + 1}" + (f"/{last}" if last and last > 0 else "")


def place(trainer: pl.Trainer) -> str:
    total = total_steps(trainer)
    return f"{epoch_of(trainer)}  step {trainer.global_step:,}" + ("" if math.isinf(total) else f"/{total:,}")


def total_steps(trainer: pl.Trainer) -> int | float:
    """Optimizer steps of the whole training; infinite where time or early stopping ends it."""
    return trainer.estimated_stepping_batches


def write_line(facts: Sequence[str]) -> None:
    log.info("  ".join(fact for fact in facts if fact))


def shown(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
