"""``attendo.train``: what a notebook does."""

import logging
import os
import signal
from pathlib import Path

import pytest
import yaml

import attendo
from command_line import ENVIRONMENT, FAST, SMALL_CLASSIFIER, SMALL_DATA

WORDS = (*FAST, *SMALL_CLASSIFIER, *SMALL_DATA, "logger=none")


@pytest.fixture(autouse=True)
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_it_returns_the_run_its_scores_and_its_model(capsys: pytest.CaptureFixture[str]) -> None:
    handlers = logging.getLogger().handlers[:]
    run = attendo.train(*WORDS)
    assert run.folder.parent.name == "synthetic_sentiment"
    assert run.scores == yaml.safe_load((run.folder / "metrics.json").read_text(encoding="utf-8"))
    assert run.best == run.scores["best"]["validation/accuracy"]
    assert run.predictor.classify("a film").label in ("negative", "positive")
    assert "test/accuracy" in capsys.readouterr().out, "it shows what the command shows"
    assert logging.getLogger().handlers == handlers


def test_a_run_is_extended_with_resume() -> None:
    first = attendo.train(*WORDS)
    second = attendo.train(f"resume={first.folder}", "trainer.max_epochs=2")
    assert second.folder.samefile(first.folder)
    assert second.scores["training"] != first.scores["training"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("optimizer.lrr=3",), 'no key optimizer.lrr. Did you mean "lr"?'),
        (("model/encoder=ltsm",), "model/encoder has no option 'ltsm'. Did you mean \"lstm\"?"),
        (("data.fold=3",), "data.folds=None and data.fold=3: give both, or neither"),
        (("resume=nowhere",), "there is no such run folder or checkpoint file"),
        (("-m", "seed=1,2"), "-m: expected key=value"),
    ],
)
def test_a_mistake_raises_what_the_command_would_print(words: tuple[str, ...], message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as mistake:
        attendo.train(*words)
    assert message in str(mistake.value)


def test_the_stop_button_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = f"+callbacks.stop={{_target_: interruptions.Signal, step: 1, number: {int(signal.SIGINT)}}}"
    with pytest.raises(KeyboardInterrupt, match="interrupted and saved"):
        attendo.train(*WORDS, stop, "hydra.run.dir=stopped")
    assert os.path.isfile("stopped/checkpoints/last.ckpt")
    assert attendo.train("resume=stopped").scores["test"]
