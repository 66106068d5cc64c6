"""The newest state of a run, whatever its scores."""

import logging
import signal
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from attendo.checkpoint.lightning_loops import Validation, write_place
from attendo.checkpoint.signals import Interrupted, SignalWatch

log = logging.getLogger(__name__)


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` between optimizer steps; who goes on from it ends as if nothing had happened.

    It is written after every validation, every so many steps or minutes, and at the end of training; always
    when everything that belongs to a step is done, the validation and the end of the epoch among it. SIGTERM
    and the first Ctrl-C finish the step, write it, and end the program with 128 + the signal's number; a
    validation that they interrupt is begun anew.

    Lightning's own callback writes its ``save_last`` only when the best checkpoint changes, and by the clock
    never under manual optimization.

    Args:
        dirpath: folder of the file.
        every_steps: optimizer steps between two checkpoints; None: no such trigger.
        every_minutes: minutes between two checkpoints; None: no such trigger.
    """

    def __init__(self, dirpath: str, every_steps: int | None, every_minutes: float | None) -> None:
        for name, value in (("every_steps", every_steps), ("every_minutes", every_minutes)):
            if value is not None and value <= 0:
                raise ValueError(
                    f"callbacks.last_checkpoint.{name}={value}: expected a number above 0, or null"
                )
        self.path = Path(dirpath) / "last.ckpt"
        self.every_steps, self.every_minutes = every_steps, every_minutes
        self.signals = SignalWatch()
        self.validation = Validation.NONE  # after the last step
        self.saved_at_step, self.saved_at_time, self.is_wanted = -1, 0.0, False

    # -------------------------------------------------------------------------------------------- moments
    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.saved_at_step, self.saved_at_time = trainer.global_step, time.monotonic()
        self.signals.start()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        is_signalled = any_rank(trainer, self.signals.received is not None)
        if is_signalled or any_rank(trainer, self.is_due(trainer.global_step)):
            self.save(trainer)
        if is_signalled:
            self.leave(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.validation = Validation.NONE

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self.validation = Validation.DUE

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self.validation is Validation.DUE and any_rank(trainer, self.signals.received is not None):
            self.save(trainer)
            self.leave(trainer)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.validation is Validation.DUE:
            self.validation, self.is_wanted = Validation.DONE, True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step % int(trainer.num_training_batches) == 0:  # not stopped before its end
            self.validation = Validation.NONE

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.save(trainer)
        if any_rank(trainer, self.signals.received is not None):
            self.leave(trainer)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.signals.stop()

    # --------------------------------------------------------------------------------------------- saving
    def is_due(self, step: int) -> bool:
        steps, minutes = step - self.saved_at_step, (time.monotonic() - self.saved_at_time) / 60
        return steps > 0 and (
            self.is_wanted
            or (self.every_steps is not None and steps >= self.every_steps)
            or (self.every_minutes is not None and minutes >= self.every_minutes)
        )

    def save(self, trainer: pl.Trainer) -> None:
        if trainer.global_step != self.saved_at_step:
            for logger in trainer.loggers:
                logger.save()  # so that a curve never lacks what the checkpoint stands for
            trainer.save_checkpoint(self.path)
            self.saved_at_step, self.saved_at_time = trainer.global_step, time.monotonic()
            self.is_wanted = False

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Also of the checkpoints that others write."""
        fit_loop, steps_per_epoch = checkpoint["loops"]["fit_loop"], int(trainer.num_training_batches)
        write_place(fit_loop, trainer.global_step, steps_per_epoch, self.validation)

    def leave(self, trainer: pl.Trainer) -> None:
        log.info("stopped after step %s", f"{trainer.global_step:,}")
        raise Interrupted(128 + (self.signals.received or signal.SIGTERM))


def any_rank(trainer: pl.Trainer, decision: bool) -> bool:
    """Whether one of the ranks says so: all save, or none."""
    if trainer.world_size == 1:
        return decision
    agreed: bool = trainer.strategy.reduce_boolean_decision(decision, all=False)
    return agreed
