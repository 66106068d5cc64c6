"""``-m``: a folder for every job; a job that fails does not stop the others."""

import json
from pathlib import Path

import pytest
import yaml

from command_line import FAST, SMALL_CLASSIFIER, SMALL_DATA, attendo, trained

SWEEP = ("train", "-m", *FAST, *SMALL_DATA, *SMALL_CLASSIFIER)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def jobs(tmp_path: Path) -> list[Path]:
    (sweep,) = (tmp_path / "outputs" / "synthetic_sentiment").iterdir()
    assert sweep.name.startswith("sweep_")
    return sorted(path for path in sweep.iterdir() if path.is_dir())


def test_every_job_has_a_folder_and_does_what_it_would_do_alone(tmp_path: Path) -> None:
    ended = attendo(*SWEEP, "seed=1,2", "model/encoder=lstm,gru")
    assert ended.code == 0, ended.err
    folders = jobs(tmp_path)
    assert [folder.name for folder in folders] == ["0", "1", "2", "3"]
    configs = [yaml.safe_load((folder / "config.yaml").read_text()) for folder in folders]
    assert [config["seed"] for config in configs] == [1, 1, 2, 2]
    assert [config["model"]["encoder"]["_target_"].rpartition(".")[2] for config in configs] == [
        "LSTMEncoder", "GRUEncoder", "LSTMEncoder", "GRUEncoder",
    ]  # fmt: skip
    alone = trained(*SMALL_DATA, *SMALL_CLASSIFIER, "seed=2", "model/encoder=gru").folder
    assert scores(folders[3]) == scores(alone)
    assert scores(folders[1]) != scores(folders[3])
    for folder in folders:
        assert (folder / "train.log").read_text(encoding="utf-8").count("vocabulary") == 1


def scores(folder: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / "metrics.json").read_text())["test"]
    return found


def test_a_job_that_fails_is_explained_at_once_and_does_not_stop_the_others(tmp_path: Path) -> None:
    ended = attendo(*SWEEP, "optimizer.lr=-1,0.001")
    assert ended.code == 2
    assert ended.err.startswith("error: optimizer: Invalid learning rate: -1")
    assert "Traceback" not in ended.err
    assert "Error executing job with overrides: " in ended.err
    failed, finished = jobs(tmp_path)
    assert "ERROR attendo.cli.job: optimizer: Invalid learning rate: -1" in (failed / "train.log").read_text()
    assert not (failed / "metrics.json").exists()
    assert (finished / "metrics.json").is_file()


BROKEN = """
import pytorch_lightning

class Broken(pytorch_lightning.Callback):
    def __init__(self, divisor: int) -> None:
        self.divisor = divisor

    def on_fit_start(self, trainer, pl_module) -> None:
        1 / self.divisor
"""


def test_an_unexpected_failure_shows_its_traceback_and_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_callback.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
    node = ["+callbacks.broken._target_=broken_callback.Broken", "+callbacks.broken.divisor=0,1"]
    with pytest.raises(ZeroDivisionError):
        attendo(*SWEEP, *node)
    failed, finished = jobs(tmp_path)
    assert "Traceback (most recent call last)" in (failed / "train.log").read_text()
    assert (finished / "metrics.json").is_file()


def test_hydras_own_launcher_and_sweeper_options_are_still_there() -> None:
    ended = attendo(
        "train",
        "hydra/launcher=basic",
        "hydra/sweeper=basic",
        "--cfg",
        "hydra",
        "--package",
        "hydra.launcher",
    )
    assert "_target_: hydra._internal.core_plugins.basic_launcher.BasicLauncher" in ended.out


@pytest.mark.parametrize(
    ("logging", "start"), [("default", "[attendo.cli.outcome][INFO] - "), ("stdout", "")]
)
def test_hydras_own_logging_options_still_work(logging: str, start: str) -> None:
    ended = attendo("train", *FAST, *SMALL_DATA, *SMALL_CLASSIFIER, f"hydra/job_logging={logging}")
    assert ended.code == 0
    assert f"{start}test/accuracy" in ended.out
