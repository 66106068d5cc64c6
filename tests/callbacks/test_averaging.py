"""The last and the best validations' weights, and their means."""

import logging
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from attendo.callbacks.averaging import CheckpointAverages
from attendo.checkpoint import (
    Contents,
    DurableCheckpointIO,
    Interrupted,
    LastCheckpoint,
    StoreContents,
    read_checkpoint,
)
from attendo.tokenization import train_whitespace
from interruptions import Signal, assert_same_checkpoint
from small_runs import small_trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*your dataloader is not resumable",  # what is read from it does not matter here
    "ignore:Checkpoint directory .* exists and is not empty",
)
SCORES = {3: 0.2, 6: 0.9, 9: 0.4, 12: 0.4, 15: 0.8, 18: 0.1}  # optimizer steps → score of the validation


class Drifting(pl.LightningModule):
    """Weights that go where the number of the step draws them, and scores that are given."""

    def __init__(self, scores: Mapping[int, float] = SCORES) -> None:
        super().__init__()
        self.model, self.scores = nn.Linear(2, 1), scores
        self.model.again = self.model.weight  # tied
        self.model.register_buffer("steps", torch.tensor(0))
        nn.init.zeros_(self.model.weight)
        nn.init.ones_(self.model.bias)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.model.steps += 1
        return (self.model(torch.ones(2)) - self.trainer.global_step**2).square().sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        pass

    def on_validation_epoch_end(self) -> None:
        self.log("validation/score", self.scores[self.trainer.global_step])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.5)


class Diary(pl.Callback):
    """The weights at every validation, written down independently."""

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, np.ndarray]] = {}

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        state = pl_module.model.state_dict()
        self.weights[trainer.global_step] = {name: value.numpy().copy() for name, value in state.items()}


class Killed(pl.Callback):
    """Ends at a validation as kill -9 would, before last.ckpt knows of it."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == self.step:
            raise MemoryError


def run(folder: Path, averages: CheckpointAverages, *others: pl.Callback, **changed: Any) -> Diary:
    """Three epochs of six steps, validating after every third; goes on from last.ckpt if there is one."""
    diary, config = Diary(), {"model": {}, "data": {}, "task": {}, "trainer": {}}
    tokenizer = train_whitespace(["a b"], lowercase=False, minimum_count=1, maximum_size=None)
    last = LastCheckpoint(str(folder), every_steps=None, every_minutes=None)
    task = Drifting(changed.pop("scores", SCORES))
    contents = StoreContents(Contents(config, {"text": tokenizer}, []))
    settings = {"enable_checkpointing": True, "max_epochs": 3, "val_check_interval": 3, **changed}
    plugins = [DurableCheckpointIO()]
    trainer = small_trainer(averages, *others, diary, last, contents, plugins=plugins, **settings)
    loaders = DataLoader(range(6)), DataLoader(range(1))
    resume = folder / "last.ckpt" if (folder / "last.ckpt").exists() else None
    trainer.fit(task, *loaders, ckpt_path=resume, weights_only=True)
    return diary


def averages_in(
    folder: Path, last: int = 2, best: int = 2, monitor: str = "validation/score", mode: str = "max"
) -> CheckpointAverages:
    return CheckpointAverages(str(folder), last, best, monitor, mode)


def assert_mean(path: Path, diary: Diary, steps: list[int]) -> None:
    _, weights = read_checkpoint(path)
    for name, value in weights.items():
        parts = [diary.weights[step][name] for step in steps]
        expected = parts[-1] if name == "steps" else np.mean(parts, axis=0, dtype=np.float64)
        np.testing.assert_array_equal(value.numpy(), expected.astype(parts[0].dtype))


def kept(folder: Path) -> list[int]:
    assert not list(folder.rglob(".*"))
    return sorted(int(file.stem.removeprefix("step=")) for file in (folder / "kept").iterdir())


@pytest.mark.parametrize(("mode", "best"), [("max", [6, 15]), ("min", [3, 18])])
def test_the_averages_are_means_over_the_last_and_the_best_validations(
    folder: Path, mode: str, best: list[int]
) -> None:
    diary = run(folder, averages_in(folder, mode=mode))
    assert_mean(folder / "average_last.ckpt", diary, [15, 18])
    assert_mean(folder / "average_best.ckpt", diary, best)
    assert len({float(weights["bias"][0]) for weights in diary.weights.values()}) == 6


def test_only_the_weights_that_may_be_needed_lie_on_the_disk(folder: Path) -> None:
    run(folder, averages_in(folder, last=1, best=1))
    assert kept(folder) == [6, 15, 18]  # 15 was given up by the last validation
    stored = torch.load(folder / "kept/step=18.ckpt", weights_only=True)
    assert "optimizer_states" not in stored and "loops" not in stored


def test_of_equal_scores_the_earlier_is_better_and_what_is_no_number_is_never_best(folder: Path) -> None:
    nan = float("nan")
    averages = averages_in(folder, last=0, best=3)
    diary = run(folder, averages, scores={**SCORES, 6: nan, 15: nan})
    assert_mean(folder / "average_best.ckpt", diary, [3, 9, 12])
    assert not (folder / "average_last.ckpt").exists()
    assert [file.name for file in averages.averages] == ["average_best.ckpt"]
    chosen = averages_in(folder, best=1).chosen("best", {9: 0.4, 12: 0.4})
    assert chosen == [9]


def test_where_there_are_fewer_those_are_averaged_and_it_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "attendo"):
        diary = run(folder, averages_in(folder, last=5, best=1), max_epochs=1)
    assert_mean(folder / "average_last.ckpt", diary, [3, 6])
    assert "average_last.ckpt: weights averaged over steps 3, 6 (5 were asked for)" in caplog.text
    assert "average_best.ckpt: weights averaged over steps 6\n" in caplog.text


def test_nothing_is_kept_unless_it_is_asked_for(folder: Path) -> None:
    run(folder, averages_in(folder, last=0, best=0, monitor="no such score"))
    assert [file.name for file in folder.iterdir()] == ["last.ckpt"]


INTERRUPTIONS = {
    "between two validations": Signal(7, signal.SIGTERM),
    "right after a validation": Signal(9, signal.SIGTERM),
    "inside a validation": Signal(9, signal.SIGTERM, in_validation=True),
    "killed at the end of a validation": Killed(12),
    "killed at the last validation": Killed(18),
}


@pytest.mark.parametrize("how", INTERRUPTIONS)
@pytest.mark.parametrize(("last", "best"), [(2, 2), (3, 0), (1, 1)])
def test_a_run_that_was_interrupted_ends_with_the_same_averages(
    tmp_path: Path, how: str, last: int, best: int, caplog: pytest.LogCaptureFixture
) -> None:
    whole, folder = tmp_path / "whole", tmp_path / "folder"
    run(whole, averages_in(whole, last, best))
    with pytest.raises((Interrupted, MemoryError)):
        run(folder, averages_in(folder, last, best), INTERRUPTIONS[how])
    assert not list(folder.glob("average_*"))
    moved = folder.rename(tmp_path / "moved")
    run(moved, averages_in(moved, last, best))
    assert "missing" not in caplog.text
    for file in whole.rglob("*.ckpt"):
        assert_same_checkpoint(file, moved / file.relative_to(whole))
    assert kept(moved) == kept(whole)


def test_without_its_state_a_resumed_run_would_end_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        run(folder, averages_in(folder), Signal(9, signal.SIGTERM))
    monkeypatch.setattr(CheckpointAverages, "load_state_dict", lambda self, state: None)
    diary = run(folder, averages_in(folder))
    with pytest.raises((AssertionError, KeyError)):
        assert_mean(folder / "average_best.ckpt", diary, [6, 15])


def test_weights_that_somebody_deleted_are_missed_aloud(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Interrupted):
        run(folder, averages_in(folder), Signal(13, signal.SIGTERM))
    (folder / "kept/step=6.ckpt").unlink()
    diary = run(folder, averages_in(folder, best=1))
    assert "step=6.ckpt: missing, so the averages are made without them" in caplog.text
    assert_mean(folder / "average_best.ckpt", diary, [15])


def test_a_score_that_validation_does_not_have_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r'monitor=validation/scores: .*Did you mean "validation/score"'):
        run(folder, averages_in(folder, monitor="validation/scores"))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"last": -1}, "averages.last=-1: expected a whole number, 0 or more"),
        ({"best": -2}, "averages.best=-2: expected a whole number"),
        ({"mode": "maximum"}, "averages.mode=maximum: expected min or max"),
    ],
)
def test_settings_that_mean_nothing_are_refused(folder: Path, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        averages_in(folder, **settings)


def test_best_means_the_best_that_model_checkpoint_would_keep(folder: Path) -> None:
    saver = ModelCheckpoint(
        folder / "theirs", filename="{step}", monitor="validation/score", mode="max", save_top_k=3
    )
    run(folder, averages_in(folder, last=0, best=3), saver, scores={**SCORES, 12: 0.5})
    theirs = sorted(int(file.stem.removeprefix("step=")) for file in (folder / "theirs").iterdir())
    _, mean = read_checkpoint(folder / "average_best.ckpt")
    states = [read_checkpoint(folder / "theirs" / f"step={step}.ckpt")[1]["bias"] for step in theirs]
    torch.testing.assert_close(mean["bias"], torch.stack(states).mean(dim=0), rtol=0, atol=1e-6)


def work(rank: int, port: int, folder: str) -> None:
    """One of two processes that train the same."""
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2"
    )
    run(Path(folder), averages_in(Path(folder)), strategy="ddp", devices=2)
    read_checkpoint(Path(folder) / "average_last.ckpt")  # at once, in every process


@pytest.mark.slow
def test_of_several_processes_one_writes_and_all_can_read(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(work, (port, str(tmp_path / "two")), nprocs=2)
    diary = run(tmp_path / "one", averages_in(tmp_path / "one"))
    assert_mean(tmp_path / "two/average_best.ckpt", diary, [6, 15])
    assert kept(tmp_path / "two") == kept(tmp_path / "one")
