"""``attendo train resume=…`` of runs that were interrupted, extended or moved before."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch

from command_line import SMALL_CLASSIFIER, attendo
from interruptions import assert_same_checkpoint

SMALL = (
    *("trainer=cpu", "logger=none", "data.sentences_per_step=16", *SMALL_CLASSIFIER),
    *("data.source.train=96", "data.source.validation=16", "data.source.test=16"),
)  # six steps an epoch


def stop_at(step: int, *, in_validation: bool = False, number: int = signal.SIGTERM) -> str:
    signal_ = f"{{_target_: interruptions.Signal, step: {step}, number: {int(number)}"
    return f"+callbacks.stop={signal_}, in_validation: {str(in_validation).lower()}}}"


def ended(code: int, *words: str) -> str:
    """What a training prints, after which the program ends with this code."""
    end = attendo("train", *words)
    assert end.code == code, end.err
    return end.out + end.err


def checkpoint(folder: Path, name: str = "last") -> dict:
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "run"


@pytest.fixture
def finished(folder: Path) -> Path:
    ended(0, *SMALL, "trainer.max_epochs=1", f"hydra.run.dir={folder}")
    return folder


def test_an_extension_that_is_interrupted_goes_on_too(finished: Path) -> None:
    out = ended(143, f"resume={finished}", "trainer.max_epochs=3", stop_at(9))
    assert "to go on: attendo train resume=" in out
    assert "going on after step 9" in ended(0, f"resume={finished}", "callbacks.stop=null")
    assert checkpoint(finished)["global_step"] == 18


@pytest.mark.parametrize("in_validation", [False, True])
def test_a_signal_at_the_very_end_of_training_is_not_forgotten(folder: Path, in_validation: bool) -> None:
    stop = stop_at(6, in_validation=in_validation)
    out = ended(143, *SMALL, "trainer.max_epochs=1", f"hydra.run.dir={folder}", stop)
    assert "test/accuracy" not in out
    assert "test/accuracy" in ended(0, f"resume={folder}", "callbacks.stop=null")


def test_without_checkpoints_a_signal_still_shows_in_the_exit_code(folder: Path) -> None:
    words = (*SMALL, "callbacks.last_checkpoint=null", f"hydra.run.dir={folder}", stop_at(3))
    assert "stopped by SIGTERM" in ended(143, *words)


def test_early_stopping_stays_where_it_stopped_unless_patience_grows(folder: Path) -> None:
    impatient = ("callbacks.early_stopping.patience=1", "+callbacks.early_stopping.min_delta=1000.0")
    ended(0, *SMALL, *impatient, f"hydra.run.dir={folder}")
    stopped = checkpoint(folder)["global_step"]
    assert stopped == 12
    (folder / "metrics.json").unlink()  # as if it had been killed in its test
    assert "early stopping has ended this run" in ended(0, f"resume={folder}")
    assert checkpoint(folder)["global_step"] == stopped
    assert json.loads((folder / "metrics.json").read_text())["training"]["train/epoch_loss"] > 0
    ended(0, f"resume={folder}", "callbacks.early_stopping.patience=3")
    assert checkpoint(folder)["global_step"] == stopped + 2 * 6


def test_a_plateau_schedule_follows_the_configuration_of_now(folder: Path) -> None:
    words = (*SMALL, "scheduler=plateau", f"hydra.run.dir={folder}", "trainer.max_epochs=1")
    ended(0, *words)
    ended(0, f"resume={folder}", "trainer.max_epochs=2", "scheduler.patience=7", "scheduler.factor=0.25")
    (state,) = checkpoint(folder)["lr_schedulers"]
    assert (state["patience"], state["factor"]) == (7, 0.25)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("trainer.max_epochs=0", "trainer.max_epochs=0: 1 are done already"),
        ("trainer.max_steps=3", "trainer.max_steps=3: 6 are done already"),
        ("hydra.run.dir=elsewhere", "elsewhere: a run goes on in its own folder"),
        ("run_dir=elsewhere", "elsewhere: a run goes on in its own folder"),
        ("init_from=anything", "a run that goes on has its weights"),
    ],
)
def test_what_a_run_cannot_do_any_more_leaves_it_as_it_is(finished: Path, word: str, message: str) -> None:
    before = (finished / "config.yaml").read_text(encoding="utf-8")
    assert message in ended(2, f"resume={finished}", word)
    assert (finished / "config.yaml").read_text(encoding="utf-8") == before


def test_a_word_counts_even_if_the_run_was_started_with_it(finished: Path) -> None:
    ended(0, f"resume={finished}", "trainer.max_epochs=3", "callbacks.early_stopping.patience=9")
    assert "trainer.max_epochs=1: 3 are done already" in ended(
        2, f"resume={finished}", "trainer.max_epochs=1"
    )


def test_a_finished_run_goes_on_from_an_earlier_checkpoint_that_is_named(folder: Path) -> None:
    slow = "optimizer.lr=1e-9"  # the first epoch stays the best
    ended(0, *SMALL, slow, "trainer.max_epochs=3", f"hydra.run.dir={folder}")
    steps = checkpoint(folder, "best")["global_step"]
    assert steps == 6
    whole = shutil.copytree(folder, folder.with_name("whole"))
    out = ended(0, f"resume={folder / 'checkpoints' / 'best.ckpt'}")
    assert f"going on after step {steps}" in out
    assert_same_checkpoint(folder / "checkpoints" / "last.ckpt", whole / "checkpoints" / "last.ckpt")


def test_auto_passes_over_newer_runs_that_saved_nothing_and_finds_nested_names(folder: Path) -> None:
    words = (*SMALL, "trainer.max_epochs=1", "name=group/corpus")
    first, second = (Path(f"outputs/group/corpus/2026-11-20_10-00-0{n}-abcd").resolve() for n in range(2))
    for run in (first, second):
        ended(0, *words, f"hydra.run.dir={run}")
    shutil.rmtree(second / "checkpoints")
    out = ended(0, *words, "resume=auto")
    assert f"passing over {second.relative_to(Path.cwd())}" in out
    assert f"{first} has ended" in out or f"{first.relative_to(Path.cwd())} has ended" in out


def test_the_newest_checkpoint_is_the_one_after_most_steps_whatever_the_clock_says(finished: Path) -> None:
    ended(0, f"resume={finished}", "trainer.max_epochs=2")
    shutil.copy(finished / "checkpoints" / "last.ckpt", finished / "checkpoints" / "kept.ckpt")
    (finished / "checkpoints" / "best.ckpt").touch()
    out = ended(0, f"resume={finished}", "trainer.max_epochs=3")
    assert "going on after step 12" in out
    assert "last.ckpt" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--config-name", "train", "resume=auto"), "resume=auto finds a run by its words"),
        (("++resume=auto",), "resume=auto: give it as a word of the command"),
        (("++resume=outputs/somewhere",), "resume=outputs/somewhere: give it as a word of the command"),
    ],
)
def test_resume_is_never_without_effect(folder: Path, words: tuple[str, ...], message: str) -> None:
    assert message in ended(2, *SMALL, *words)


def test_a_folder_of_runs_says_which_is_the_newest(folder: Path) -> None:
    run = attendo("train", *SMALL, "trainer.max_epochs=1").folder
    for command in ("train resume=", "evaluate run=", "predict run="):
        end = attendo(*f"{command}{run.parent}".split())
        assert (end.code, f"The newest of the runs in it is {run.parent / run.name}" in end.err) == (2, True)
