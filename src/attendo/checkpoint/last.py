"""The newest state of a run, whatever its scores."""

from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after every validation and at the end of training.

    Lightning's own ``save_last`` writes it only when the best checkpoint changes, too.

    Args:
        dirpath: folder of the file.
    """

    def __init__(self, dirpath: str) -> None:
        self.path = Path(dirpath) / "last.ckpt"
        self.saved_at = -1  # optimizer step

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        if trainer.global_step != self.saved_at:
            self.saved_at = trainer.global_step
            trainer.save_checkpoint(self.path)
