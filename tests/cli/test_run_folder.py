"""What a training leaves behind, and that it is enough to repeat it."""

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import torch
import yaml

import attendo as package
from command_line import FAST, SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, attendo, trained

CLASSIFIER = (*SMALL_DATA, *SMALL_CLASSIFIER)
TRANSFORMER = (*SMALL_DATA, *SMALL_TRANSFORMER)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def weights(folder: Path, name: str = "best") -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = loaded(folder, name)["state_dict"]
    return state


def loaded(folder: Path, name: str = "best") -> dict:
    checkpoint = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    assert isinstance(checkpoint, dict)
    return checkpoint


def test_one_run_is_one_folder_with_everything_in_it(tmp_path: Path) -> None:
    folder = trained(*CLASSIFIER).folder
    assert folder.parent == Path("outputs", "synthetic_sentiment")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[0-9a-f]{4}", folder.name)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert {path for path in left if not path.startswith("tensorboard/")} == {
        "checkpoints", "checkpoints/best.ckpt", "checkpoints/last.ckpt", "config.yaml", "environment.json",
        "metrics.json", "overrides.yaml", "predictions", "predictions/test.jsonl", "tensorboard", "train.log",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["synthetic_sentiment"]


def test_the_files_say_what_was_done() -> None:
    ended = trained(*CLASSIFIER, "seed=7")
    folder = ended.folder
    assert yaml.safe_load((folder / "overrides.yaml").read_text()) == [*FAST, *CLASSIFIER, "seed=7"]
    assert yaml.safe_load((folder / "config.yaml").read_text())["seed"] == 7
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["command"][1:] == ["train", *FAST, *CLASSIFIER, "seed=7"]
    assert environment["torch_build"] == torch.__version__
    assert environment["packages"]["hydra-core"] == metadata.version("hydra-core")
    assert environment["attendo"] == package.__version__
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 0 <= metrics["test"]["test/accuracy"] <= 1
    assert metrics["best"].keys() == {"validation/accuracy"}
    lines = [json.loads(line) for line in (folder / "predictions" / "test.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == list(range(16))
    log = (folder / "train.log").read_text(encoding="utf-8")
    for line in ended.out.splitlines():
        assert line in log
    for line in log.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING) attendo\.", line), line


def test_translations_name_the_signature_of_their_bleu() -> None:
    metrics = json.loads((trained(*TRANSFORMER).folder / "metrics.json").read_text())
    assert metrics["bleu_signature"].startswith("BLEU|nrefs:1|case:mixed|eff:no|tok:13a")
    assert {"test/bleu", "test/exact_match", "test/loss"} <= metrics["test"].keys()


@pytest.mark.parametrize("words", [CLASSIFIER, TRANSFORMER])
def test_checkpoints_are_plain_and_carry_their_configuration(words: tuple[str, ...]) -> None:
    folder = trained(*words).folder
    for name in ("best", "last"):
        stored = loaded(folder, name)["attendo"]
        assert stored["config"]["model"]["_target_"].startswith("attendo.models.")
        assert stored["tokenizers"]


@pytest.mark.parametrize("words", [CLASSIFIER, TRANSFORMER])
def test_the_same_words_give_the_same_weights_and_another_seed_others(words: tuple[str, ...]) -> None:
    first, again, other = (weights(trained(*words, *more).folder) for more in ((), (), ("seed=2",)))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(
    "words", [(*CLASSIFIER, "debug=fast"), (*TRANSFORMER, "logger=both", "debug=profile")]
)
def test_config_yaml_repeats_the_run_by_itself(words: tuple[str, ...], tmp_path: Path) -> None:
    first = trained(*words, "hydra.run.dir='a folder/of mine'", "trainer.limit_train_batches=2").folder
    command = (first / "config.yaml").read_text().splitlines()[0].removeprefix("# Repeat this run: ")
    go, _, repeat = command.partition(" && ")
    assert go == f"cd {tmp_path}"
    (first / "overrides.yaml").unlink()  # nothing else is needed
    words_of_repeat = subprocess.run(
        f"printf '%s\\n' {repeat}", shell=True, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    ended = attendo(*words_of_repeat[1:])
    assert ended.code == 0, ended.err
    assert ended.folder != first
    one, two = weights(first), weights(ended.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert {path.name for path in first.iterdir()} == {path.name for path in ended.folder.iterdir()} - {
        "overrides.yaml"
    }


def test_a_repeated_run_can_be_changed_and_its_keys_are_still_checked() -> None:
    first = trained(*CLASSIFIER).folder
    again = ("train", "--config-dir", str(first), "--config-name", "config")
    ended = attendo(*again, "seed=5", "optimizer.lr=0.5")
    assert ended.code == 0, ended.err
    assert yaml.safe_load((ended.folder / "config.yaml").read_text())["optimizer"]["lr"] == 0.5
    wrong = attendo(*again, "optimizer.lrr=0.5")
    assert (wrong.code, wrong.err) == (2, 'error: there is no key optimizer.lrr. Did you mean "lr"?\n')


def test_without_a_test_split_the_best_validation_is_reported(tmp_path: Path) -> None:
    rows = "".join(f"a {'good' if n % 2 else 'bad'} film {n}\t{n % 2}\n" for n in range(30))
    (tmp_path / "train.tsv").write_text(f"text\tlabel\n{rows}")
    ended = trained("data=labelled_texts", "data.train=train.tsv", *SMALL_CLASSIFIER)
    assert "best validation/accuracy" in ended.out
    assert json.loads((ended.folder / "metrics.json").read_text())["test"] == {}


def test_test_false_leaves_the_test_split_alone() -> None:
    folder = trained(*CLASSIFIER, "test=false").folder
    assert json.loads((folder / "metrics.json").read_text())["test"] == {}
    assert not (folder / "predictions").exists()


def test_the_best_checkpoint_is_tested_and_not_the_last(tmp_path: Path) -> None:
    """The learning rate jumps after the first epoch, so that the last weights are worse than the best."""
    words = ("trainer.max_epochs=3", "optimizer=sgd", "optimizer.lr=30.0", "data.source.train=128")
    words = (*words, "monitor.metric=validation/loss", "monitor.mode=min", "trainer.limit_test_batches=null")
    ended = trained(*CLASSIFIER, *words)
    metrics = json.loads((ended.folder / "metrics.json").read_text())
    assert metrics["best"]["validation/loss"] < metrics["training"]["validation/loss"]
    tested = attendo("evaluate", f"run={ended.folder}", "accelerator=cpu")
    scores = json.loads((ended.folder / "predictions" / "test.json").read_text())["scores"]
    assert tested.code == 0
    assert scores == pytest.approx(metrics["test"], abs=1e-6)
    best = attendo("evaluate", f"run={ended.folder}", "split=validation", "accelerator=cpu")
    found = json.loads((ended.folder / "predictions" / "validation.json").read_text())["scores"]
    assert best.code == 0
    assert found["validation/loss"] == pytest.approx(metrics["best"]["validation/loss"], abs=1e-6)
