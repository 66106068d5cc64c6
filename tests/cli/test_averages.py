"""Averages of a run's weights: tested beside the best, to evaluate and predict with, not to go on from."""

import json
from pathlib import Path

import pytest

from command_line import SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, trained

LAST = ("trainer.max_epochs=3", "callbacks.averages.last=2", "optimizer.lr=0.02", "scheduler=constant")
Outcome = tuple[Path, Ended]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Three validations, the last two of which are averaged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("runs"))
        ended = trained(*SMALL_TRANSFORMER, *SMALL_DATA, *LAST, "trainer.limit_test_batches=null")
        return ended.folder.resolve(), ended


@pytest.fixture
def folder(outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return outcome[0]


def scores_of(folder: Path) -> dict[str, dict[str, float]]:
    """ "best" and "average_last", as the training tested them."""
    metrics = json.loads((folder / "metrics.json").read_text())
    return {"best": metrics["test"], **metrics["averages"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "predictions").iterdir()}


def records(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_average_is_tested_beside_the_best(folder: Path, outcome: Outcome) -> None:
    scores = scores_of(folder)
    assert scores.keys() == {"best", "average_last"}
    assert scores["average_last"].keys() == scores["best"].keys()
    assert scores["average_last"]["test/loss"] != scores["best"]["test/loss"]
    for name in scores["average_last"]:
        assert f"average_last: {name}" in outcome[1].out
    assert (folder / "checkpoints/average_last.ckpt").is_file()
    assert not (folder / "checkpoints/average_best.ckpt").exists()
    assert len(records(folder / "predictions/test_average_last.jsonl")) == 16


@pytest.mark.parametrize("how", ["by its name", "as a file"])
def test_an_average_is_evaluated_and_the_best_ones_files_stay(folder: Path, how: str, tmp_path: Path) -> None:
    words = {
        "by its name": (f"run={folder}", "checkpoint=average_last"),
        "as a file": (f"run={folder}/checkpoints/average_last.ckpt",),
    }[how]
    before = contents(folder)
    ended = attendo("evaluate", "accelerator=cpu", *words)
    assert ended.code == 0, ended.err
    after = contents(folder)
    assert after["test.jsonl"] == before["test.jsonl"]
    assert "test.json" not in after
    found = json.loads(after["test_average_last.json"])
    assert found["scores"] == pytest.approx(scores_of(folder)["average_last"], abs=1e-6)
    assert found["checkpoint"].endswith("average_last.ckpt")
    assert not list(tmp_path.iterdir())


def test_predictions_are_those_of_its_test(folder: Path) -> None:
    rows = records(folder / "predictions/test_average_last.jsonl")
    Path("sources.txt").write_text("".join(f"{row['source']}\n" for row in rows), encoding="utf-8")
    words = (f"run={folder}", "checkpoint=average_last", "input=sources.txt", "format=plain")
    ended = attendo("predict", "accelerator=cpu", *words)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [row["predicted"] for row in rows]


def test_no_training_goes_on_from_an_average(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    ended = attendo("train", f"resume={folder}/checkpoints/average_last.ckpt", "trainer.max_epochs=5")
    assert ended.code == 2
    assert "average_last.ckpt holds weights alone" in ended.err
    assert "init_from=" in ended.err and "Traceback" not in ended.err
    assert sorted(folder.rglob("*")) == before
