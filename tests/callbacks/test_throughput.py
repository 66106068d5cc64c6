"""Tokens per second of training, and the share of padding."""

from types import SimpleNamespace

import pytest
import pytorch_lightning as pl

from attendo.callbacks import Throughput, throughput
from attendo.data.preparation import PreparedData
from attendo.tokenization import PAD
from small_runs import batch_sizes, trained


class SlowTraining(pl.Callback):
    """A clock by which a training step takes 2 seconds and a validation 1000, and a count of all tokens."""

    def __init__(self) -> None:
        self.now = 0.0
        self.real: list[int] = []
        self.padded: list[int] = []

    def perf_counter(self) -> float:
        return self.now

    def on_train_epoch_start(self, *arguments: object) -> None:
        self.real, self.padded = [], []

    def on_train_batch_start(self, trainer, pl_module, batch, *arguments: object) -> None:
        self.now += 2.0
        for part in batch:
            sides = [part.tokens] if hasattr(part, "tokens") else [part.source, part.targets]
            self.real += [int((side != PAD).sum()) for side in sides]
            self.padded += [side.numel() for side in sides]

    def on_validation_batch_start(self, *arguments: object) -> None:
        self.now += 1000.0


def test_speed_and_padding_are_those_of_training_alone(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowTraining()
    monkeypatch.setattr(throughput, "time", SimpleNamespace(perf_counter=slow.perf_counter))
    trainer = {"val_check_interval": 0.5, "num_sanity_val_steps": 1}
    _, diary = trained(data, None, batch_sizes(16, 80), Throughput(), slow, trainer=trainer)
    reported = diary.epochs[0]
    assert reported["throughput/tokens_per_second"] == pytest.approx(sum(slow.real) / (6 * 2.0))
    assert reported["throughput/padding_share"] == pytest.approx(1 - sum(slow.real) / sum(slow.padded))
    assert 0.0 < reported["throughput/padding_share"] < 0.5


def test_a_clock_that_never_ran_divides_by_nothing() -> None:
    clock = throughput.TokenClock()
    assert clock.tokens_per_second == 0.0 and clock.padding_share == 1.0
