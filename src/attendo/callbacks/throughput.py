"""How fast training goes, and how much of it is padding."""

import time
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.trainer.states import TrainerFn

from attendo.data import Batch


class TokenClock:
    """Counts tokens against time, pauses excluded. Fillers are padding."""

    def __init__(self) -> None:
        self.real_tokens = self.padded_tokens = 0
        self.seconds = 0.0
        self.running_since: float | None = None

    def start(self) -> None:
        self.running_since = time.perf_counter()

    def stop(self) -> None:
        if self.running_since is not None:
            self.seconds += time.perf_counter() - self.running_since
            self.running_since = None

    def count(self, batches: Sequence[Batch]) -> None:
        self.real_tokens += sum(batch.real_tokens for batch in batches if batch.sentence_count > 0)
        self.padded_tokens += sum(batch.padded_tokens for batch in batches)

    @property
    def running_seconds(self) -> float:
        now = 0.0 if self.running_since is None else time.perf_counter() - self.running_since
        return self.seconds + now

    @property
    def tokens_per_second(self) -> float:
        """Real tokens of this rank per second of training."""
        return self.real_tokens / max(self.running_seconds, 1e-9)

    @property
    def padding_share(self) -> float:
        return 1 - self.real_tokens / max(self.padded_tokens, 1)


class Throughput(pl.Callback):
    """Logs ``throughput/tokens_per_second`` (of all ranks) and ``throughput/padding_share`` per epoch."""

    def __init__(self) -> None:
        self.clock = TokenClock()

    def state_dict(self) -> dict[str, Any]:
        clock = self.clock
        return {
            "real_tokens": clock.real_tokens,
            "padded_tokens": clock.padded_tokens,
            "seconds": clock.running_seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.clock = TokenClock()
        self.clock.real_tokens = int(state_dict["real_tokens"])
        self.clock.padded_tokens = int(state_dict["padded_tokens"])
        self.clock.seconds = state_dict["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.start()  # a run that goes on inside an epoch never sees the epoch's start

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock = TokenClock()
        self.clock.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.clock.count(batch)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.stop()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            self.clock.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.clock.stop()
        pl_module.log_dict(
            {
                "throughput/tokens_per_second": self.clock.tokens_per_second * trainer.world_size,
                "throughput/padding_share": self.clock.padding_share,
            }
        )
