"""An interrupted training goes on as if nothing had happened."""

import functools
from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from attendo.checkpoint import DurableCheckpointIO
from attendo.data.preparation import PreparedData
from attendo.losses import Loss
from attendo.optim import ClipNorm, noam, plateau
from attendo.tasks.sums import RunningSums
from small_runs import (
    Diary,
    batch_sizes,
    largest_difference,
    module_of,
    optimization,
    small_task,
    small_trainer,
)

SCHEDULES = {
    "noam": functools.partial(noam, warmup_steps=5, width=64, factor=1.0),
    "plateau": functools.partial(plateau, mode="min", factor=0.5, patience=0),
}


def run(data: PreparedData, folder: Path, schedule: str, resume: Path | None = None, **changed):
    """Three epochs of six steps with everything that has a state: momentum, a schedule, dropout."""
    adam = functools.partial(torch.optim.AdamW, lr=1e-2)
    how = optimization(adam, schedule=SCHEDULES[schedule], clip=ClipNorm(max_norm=1.0, norm_type=2.0))
    task, diary = small_task(data, how, dropout=0.2), Diary()
    saver = ModelCheckpoint(folder, filename="{step}", save_top_k=-1)
    settings = {"enable_checkpointing": True, "plugins": [DurableCheckpointIO()], "max_epochs": 3, **changed}
    trainer = small_trainer(diary, saver, **settings)
    trainer.fit(task, datamodule=module_of(data, batch_sizes(16, 60)), ckpt_path=resume, weights_only=True)
    return task, diary


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.parametrize(("schedule", "interval"), [("noam", 1.0), ("plateau", 0.5)])
def test_a_resumed_run_ends_bit_for_bit_where_it_would_have_ended(
    data: PreparedData, folder: Path, schedule: str, interval: float
) -> None:
    """From every checkpoint that a validation wrote, those at the end of an epoch among them."""
    whole, in_one = run(data, folder / "whole", schedule, val_check_interval=interval)
    steps = [round(6 * interval * number) for number in range(1, round(3 / interval) + 1)]
    saved = [folder / "whole" / f"step={step}.ckpt" for step in steps]
    assert set(saved) == set((folder / "whole").iterdir())
    for done, path in list(zip(steps, saved, strict=True))[:-1]:
        again, resumed = run(data, folder / path.stem, schedule, resume=path, val_check_interval=interval)
        assert resumed.losses == in_one.losses[done:]
        assert resumed.rates == in_one.rates[done:]
        assert largest_difference(whole, again) == 0.0
        assert resumed.epochs == in_one.epochs, (
            "means over an epoch cover the part before the interruption, too"
        )


def test_sums_that_come_back_from_a_file_follow_the_device() -> None:
    """They are loaded on the CPU; those of the next step are on the model's device."""
    sums, elsewhere = RunningSums({"nll": torch.tensor([3.0, 2.0])}), RunningSums()
    elsewhere.add("nll", Loss(torch.ones((), device="meta"), torch.ones((), device="meta")))
    sums.update(elsewhere)
    assert sums.pairs["nll"].device.type == "meta"
