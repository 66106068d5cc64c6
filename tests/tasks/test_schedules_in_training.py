"""When the learning rate changes, and how training ends."""

import functools
import math

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from attendo.callbacks import Progress
from attendo.data.preparation import PreparedData
from attendo.optim import cosine, linear, noam, plateau
from small_runs import batch_sizes, largest_difference, optimization, small_task, trained

SGD = functools.partial(torch.optim.SGD, lr=0.5)


def test_schedules_step_with_the_optimizer_not_with_epochs_or_micro_batches(data: PreparedData) -> None:
    how = optimization(SGD, schedule=functools.partial(noam, warmup_steps=5, width=64, factor=1.0))
    _, diary = trained(data, how, batch_sizes(16, 60))
    expected = [64**-0.5 * min(step**-0.5, step * 5**-1.5) for step in range(1, 13)]
    assert diary.rates == pytest.approx(expected)


def test_a_schedule_ends_where_training_ends(texts: PreparedData) -> None:
    how = optimization(SGD, schedule=functools.partial(linear, warmup_steps=0, final_fraction=0.0))
    for limit in ({"max_epochs": 2}, {"max_epochs": 50, "max_steps": 12}):
        _, diary = trained(texts, how, trainer=limit)
        assert diary.rates == pytest.approx([0.5 * (1 - step / 12) for step in range(12)])


def test_a_plateau_follows_the_validation_metric(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the loss of a step, and not what is measured before training begins."""
    seen: list[float] = []
    step = ReduceLROnPlateau.step

    def watched(self, metrics, *arguments) -> None:
        seen.append(metrics)
        step(self, metrics, *arguments)

    monkeypatch.setattr(ReduceLROnPlateau, "step", watched)
    monitored = "validation/accuracy" if data.labels else "validation/exact_match"
    how = optimization(
        functools.partial(torch.optim.SGD, lr=0.0),
        schedule=functools.partial(plateau, mode="max", factor=0.5, patience=1),
        monitor=monitored,
    )
    trainer = {"max_epochs": 3, "num_sanity_val_steps": 2, "val_check_interval": 0.5}
    _, diary = trained(data, how, trainer=trainer)
    assert seen == pytest.approx([diary.epochs[0][monitored]] * 6)


def test_a_plateau_halves_the_rate_after_its_patience(texts: PreparedData) -> None:
    how = optimization(
        functools.partial(torch.optim.SGD, lr=1e-6),  # nothing gets better
        schedule=functools.partial(plateau, mode="max", factor=0.5, patience=1),
        monitor="validation/accuracy",
    )
    _, diary = trained(texts, how, trainer={"max_epochs": 5})
    by_epoch = [rate * 1e6 for rate in diary.rates[::6]]
    assert by_epoch == pytest.approx([1, 1, 1, 0.5, 0.5])


def test_a_monitor_that_validation_does_not_have_is_named(texts: PreparedData) -> None:
    schedule = functools.partial(plateau, mode="max", factor=0.5, patience=1)
    with pytest.raises(ValueError, match=r'Did you mean "validation/accuracy"'):
        trained(texts, optimization(schedule=schedule, monitor="validation/acuracy"))


def test_training_without_a_fixed_end_runs_until_it_is_stopped(texts: PreparedData) -> None:
    class Enough(Progress):
        def on_train_epoch_end(self, trainer, pl_module) -> None:
            super().on_train_epoch_end(trainer, pl_module)
            trainer.should_stop = trainer.current_epoch == 1

    _, diary = trained(texts, None, None, Enough(0.0, 0.0), trainer={"max_epochs": -1})
    assert len(diary.losses) == 12
    how = optimization(schedule=functools.partial(cosine, warmup_steps=0, final_fraction=0.0))
    with pytest.raises(ValueError, match=r"when training ends"):
        trained(texts, how, trainer={"max_epochs": -1, "max_time": {"seconds": 5}})


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_every_precision_trains(data: PreparedData, precision: str) -> None:
    adam = optimization(functools.partial(torch.optim.Adam, lr=1e-2, fused=True))
    trainer = {"precision": precision, "max_epochs": 3}
    before = small_task(data, double=False)
    task, diary = trained(data, adam, double=False, dropout=0.1, trainer=trainer)
    assert diary.losses[-1] < diary.losses[0] and math.isfinite(diary.epochs[0]["validation/loss"])
    assert largest_difference(before, task) > 0
