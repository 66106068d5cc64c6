"""An interrupted training goes on as if nothing had happened."""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from attendo.checkpoint import DurableCheckpointIO, Interrupted, LastCheckpoint
from attendo.checkpoint.lightning_loops import Validation, write_place
from attendo.data import TextDataModule
from attendo.data.preparation import PreparedData
from attendo.losses import Loss
from attendo.optim import ClipNorm, noam, plateau
from attendo.scheduled_sampling import Linear, Sample, ScheduledSampling
from attendo.tasks import Optimization, Task
from attendo.tasks.terms import RunningSums
from copying_runs import copier, copying_module, copying_pairs
from interruptions import Signal, assert_same_checkpoint
from small_runs import (
    Diary,
    batch_sizes,
    module_of,
    optimization,
    prepared_pairs,
    prepared_texts,
    seq2seq_task,
    small_task,
    small_trainer,
)

SCHEDULES = {
    "noam": functools.partial(noam, warmup_steps=5, width=64, factor=1.0),
    "plateau": functools.partial(plateau, mode="min", factor=0.5, patience=0),
}
pytestmark = pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
MICRO_BATCHES = {1: 100_000, 2: 60}  # at least so many a step → tokens of each
PLACES = {
    "inside an epoch": 8,
    "after a validation inside an epoch": 9,
    "last step of an epoch": 12,
    "first step of the next": 13,
}


class Fail(pl.Callback):
    """An exception inside a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer, *arguments):
        if trainer.global_step == self.step - 1:
            raise RuntimeError("out of memory")


def run(data: PreparedData, folder: Path, *more: pl.Callback, **changed):
    """Three epochs of six steps with everything that has a state: momentum, a schedule, dropout, scores.

    Goes on from ``last.ckpt`` if there is one.
    """
    how = optimization(
        functools.partial(torch.optim.AdamW, lr=1e-2),
        schedule=SCHEDULES[changed.pop("schedule", "noam")],
        clip=ClipNorm(max_norm=1.0, norm_type=2.0),
    )
    sizes = batch_sizes(16, MICRO_BATCHES[changed.pop("micro_batches", 2)])
    module = changed.pop("module", module_of)
    task, diary = changed.pop("task", small_task)(data, how, dropout=0.2), Diary()
    best = ModelCheckpoint(folder, filename="best", monitor="validation/loss", enable_version_counter=False)
    last = LastCheckpoint(str(folder), every_steps=changed.pop("every_steps", None), every_minutes=None)
    settings = {
        "enable_checkpointing": True,
        "plugins": [DurableCheckpointIO()],
        "max_epochs": 3,
        "logger": CSVLogger(folder / f"log{len(list(folder.glob('log*')))}", name="", version=""),
        "val_check_interval": 0.5,
        **changed,
    }
    # every score counts as worse than the last one, so that patience has something to remember
    early = EarlyStopping("validation/loss", min_delta=1e9, patience=100)
    trainer = small_trainer(diary, *more, early, best, last, **settings)
    resume = folder / "last.ckpt" if (folder / "last.ckpt").exists() else None
    trainer.fit(task, datamodule=module(data, sizes), ckpt_path=resume, weights_only=True)
    return task, diary


def logged(folder: Path) -> dict[tuple[str, str], str]:
    """(metric, step) → value as it was written, over all parts of a run; the newest counts."""
    values = {}
    for file in sorted(folder.glob("log*/metrics.csv")):
        names, *lines = (line.split(",") for line in file.read_text(encoding="utf-8").splitlines())
        for cells in lines:
            row = dict(zip(names, cells, strict=True))
            values.update({(name, row["step"]): cell for name, cell in row.items() if cell})
    return values


def assert_same_end(folder: Path, undisturbed: Path) -> None:
    assert_same_checkpoint(folder / "last.ckpt", undisturbed / "last.ckpt")
    assert logged(folder) == logged(undisturbed)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Folders of undisturbed runs, each trained once."""

    @functools.lru_cache
    def folder(name: str, **settings: object) -> Path:
        data = prepared_texts if name == "text" else prepared_pairs
        path = tmp_path_factory.mktemp("whole")
        run(data(path / "cache", (96, 23, 17)), path, **settings)
        return path

    return lambda data, **settings: folder("text" if data.labels else "pair", **settings)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("micro_batches", [pytest.param(1, marks=pytest.mark.slow), 2])
@pytest.mark.parametrize("schedule", [pytest.param("noam", marks=pytest.mark.slow), "plateau"])
def test_a_resumed_run_ends_bit_for_bit_where_it_would_have_ended(
    data: PreparedData,
    folder: Path,
    whole: Callable[..., Path],
    place: str,
    schedule: str,
    micro_batches: int,
) -> None:
    settings = {"schedule": schedule, "micro_batches": micro_batches}
    with pytest.raises(Interrupted) as ended:
        run(data, folder, Signal(PLACES[place], signal.SIGTERM), **settings)
    assert ended.value.code == 143
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == PLACES[place]
    run(data, folder, **settings)
    assert_same_end(folder, whole(data, **settings))


@pytest.mark.parametrize("step", [9, 12])
def test_a_validation_that_is_interrupted_is_begun_anew(
    texts: PreparedData, folder: Path, whole: Callable[..., Path], step: int
) -> None:
    with pytest.raises(Interrupted) as ended:
        run(texts, folder, Signal(step, signal.SIGINT, in_validation=True))
    assert ended.value.code == 130
    run(texts, folder)
    assert_same_end(folder, whole(texts))


@pytest.mark.parametrize("interval", [1.0, 2])
def test_epochs_without_a_validation_are_resumed_from_their_last_step_too(
    texts: PreparedData, folder: Path, interval: float
) -> None:
    """Validation after every second epoch, or twice in it: none is due where the first epoch ends."""
    settings = {"val_check_interval": interval, "check_val_every_n_epoch": 2, "max_epochs": 4}
    run(texts, folder / "whole", **settings)
    for step in (6, 12):
        with pytest.raises(Interrupted):
            run(texts, folder / f"{step}", Signal(step, signal.SIGTERM), **settings)
        run(texts, folder / f"{step}", **settings)
        assert_same_end(folder / f"{step}", folder / "whole")


def test_three_interruptions_in_one_epoch_are_as_none(
    texts: PreparedData, folder: Path, whole: Callable[..., Path]
) -> None:
    for step in (7, 8, 11):
        with pytest.raises(Interrupted):
            run(texts, folder, Signal(step, signal.SIGTERM))
    run(texts, folder)
    assert_same_end(folder, whole(texts))


def test_after_an_exception_inside_a_step_the_run_goes_on_from_the_step_before(
    data: PreparedData, folder: Path, whole: Callable[..., Path]
) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        run(data, folder, Fail(11), every_steps=1)
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 10
    run(data, folder)
    assert_same_end(folder, whole(data))


def copying_task(data: PreparedData, how: Optimization, dropout: float) -> Task:
    """Copies, is compared with itself, and from the second epoch on reads some of its own guesses."""
    sampling = ScheduledSampling(
        decay=Linear(1.0, 0.3, 0.0),
        position_decay=None,
        unit="epochs",
        zero_below=None,
        draw="token",
        replacement=Sample(None),
        passes=1,
        form="parallel",
    )
    model = copier(data, 16, dropout).double()
    return seq2seq_task(model, how, data, scheduled_sampling=sampling, r_drop=1.0, coverage=1.0)


@pytest.mark.parametrize("step", [8, pytest.param(12, marks=pytest.mark.slow)])
def test_copying_scheduled_sampling_and_r_drop_are_resumed_bit_for_bit(folder: Path, step: int) -> None:
    data = copying_pairs(folder / "cache", (96, 8, 8))
    settings = {"task": copying_task, "module": copying_module}
    _, diary = run(data, folder / "whole", **settings)
    assert min(diary.micro_batches) > 1 and diary.epochs[0]["train/epoch_gold_probability"] < 0.5
    with pytest.raises(Interrupted):
        run(data, folder / "parts", Signal(step, signal.SIGTERM), **settings)
    run(data, folder / "parts", **settings)
    assert_same_end(folder / "parts", folder / "whole")


def test_a_finished_run_can_be_extended_as_if_it_had_been_longer_from_the_start(
    data: PreparedData, folder: Path, whole: Callable[..., Path]
) -> None:
    for epochs in (1, 2, 3):
        run(data, folder, max_epochs=epochs)
    assert_same_end(folder, whole(data))


@pytest.mark.parametrize("control", ["place in the data", "generators", "sums of the epoch"])
def test_whatever_of_the_state_is_left_out_shows(
    texts: PreparedData,
    folder: Path,
    whole: Callable[..., Path],
    control: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Interrupted):
        run(texts, folder, Signal(8, signal.SIGTERM))
    if control == "place in the data":
        monkeypatch.setattr(TextDataModule, "place", lambda module, steps: (1, 0, 4))
    elif control == "generators":
        monkeypatch.setattr(Task, "seed_generators", lambda task: None)
    else:
        monkeypatch.setattr(Task, "on_load_checkpoint", lambda task, checkpoint: None)
    run(texts, folder)
    with pytest.raises(AssertionError):
        assert_same_end(folder, whole(texts))


def test_a_second_signal_stops_at_once_and_leaves_what_was_saved(texts: PreparedData, folder: Path) -> None:
    class Impatient(pl.Callback):
        def on_before_optimizer_step(self, trainer, *arguments):
            if trainer.global_step == 7:
                for _ in range(2):
                    os.kill(os.getpid(), signal.SIGINT)
                pytest.fail("the step went on")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted) as ended:
        run(texts, folder, Impatient())
    assert ended.value.code == 130
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 6
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("every_steps", "every_minutes", "saved"),
    [(4, None, [4, 6, 10, 12, 16, 18]), (None, 1e-9, list(range(1, 19))), (None, None, [6, 12, 18])],
)
def test_checkpoints_come_when_they_are_due(
    texts: PreparedData,
    folder: Path,
    every_steps: int | None,
    every_minutes: float | None,
    saved: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By steps, by the clock, after every validation (here each epoch's) and at the end."""
    steps = []
    monkeypatch.setattr(
        pl.Trainer, "save_checkpoint", lambda trainer, path: steps.append(trainer.global_step)
    )
    last = LastCheckpoint(str(folder), every_steps, every_minutes)
    trainer = small_trainer(last, enable_checkpointing=True, max_epochs=3)
    trainer.fit(small_task(texts), datamodule=module_of(texts, batch_sizes(16)))
    assert steps == saved


def test_a_lightning_that_names_its_loops_otherwise_is_noticed() -> None:
    with pytest.raises(AssertionError, match="names its loops otherwise"):
        write_place({"epoch_progress": {}}, 1, 6, Validation.NONE)


def test_sums_that_come_back_from_a_file_follow_the_device() -> None:
    """They are loaded on the CPU; those of the next step are on the model's device."""
    sums, elsewhere = RunningSums({"nll": torch.tensor([3.0, 2.0])}), RunningSums()
    elsewhere.add("nll", Loss(torch.ones((), device="meta"), torch.ones((), device="meta")))
    sums.update(elsewhere)
    assert sums.pairs["nll"].device.type == "meta"
