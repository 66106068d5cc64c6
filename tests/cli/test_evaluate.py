"""attendo evaluate scores a trained model as its own training did, and refuses what it should."""

import contextlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, trained

ALL = ("trainer.limit_test_batches=null", "trainer.limit_val_batches=null")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trained_in(folder: Path, *words: str) -> Path:
    with contextlib.chdir(folder):
        return trained(*SMALL_DATA, *ALL, *words).folder.resolve()


@pytest.fixture(scope="module", params=["classifier", "transformer", "transformer with a vocabulary each"])
def run_of_each_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = {
        "classifier": SMALL_CLASSIFIER,
        "transformer": SMALL_TRANSFORMER,
        "transformer with a vocabulary each": (
            *SMALL_TRANSFORMER, "tokenizer@target_tokenizer=character", "model.tied_embeddings=decoder",
        ),
    }  # fmt: skip
    return trained_in(tmp_path_factory.mktemp("run"), *words[request.param])


@pytest.fixture
def run(run_of_each_kind: Path, tmp_path: Path) -> Path:
    return shutil.copytree(run_of_each_kind, tmp_path / "outputs" / "run")


@pytest.fixture(scope="module")
def trained_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_in(tmp_path_factory.mktemp("run"), *SMALL_CLASSIFIER)


@pytest.fixture
def classifier(trained_classifier: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_classifier, tmp_path / "outputs" / "run")


@pytest.fixture
def on_files(tmp_path: Path) -> Path:
    """Trained on reviews in files."""
    for name, size in (("train", 40), ("test", 8), ("new", 5)):
        rows = "".join(
            f"a {'good' if n % 2 else 'bad'} film {n}\t{'pos' if n % 2 else 'neg'}\n" for n in range(size)
        )
        (tmp_path / f"{name}.tsv").write_text(f"text\tlabel\n{rows}")
    return trained(
        "data=labelled_texts", "data.train=train.tsv", "data.test=test.tsv", *ALL, *SMALL_CLASSIFIER
    ).folder


def evaluated(*words: str) -> Ended:
    ended = attendo("evaluate", "accelerator=cpu", *words)
    assert ended.code == 0, ended.err
    return ended


def scores(folder: Path, name: str = "test") -> dict[str, float]:
    found: dict[str, float] = json.loads((folder / f"{name}.json").read_text())["scores"]
    return found


def test_the_test_scores_are_those_of_the_training(run: Path, tmp_path: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    before = (run / "predictions" / "test.jsonl").read_text()
    ended = evaluated(f"run={run}")
    assert scores(run / "predictions") == pytest.approx(metrics["test"], abs=1e-6)
    after = (run / "predictions" / "test.jsonl").read_text()
    texts = [[json.loads(line)["predicted"] for line in lines.splitlines()] for lines in (before, after)]
    assert texts[0] == texts[1]
    for name in metrics["test"]:
        assert name in ended.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs"]  # no log, no folder of its own


def test_the_validation_scores_are_those_of_the_best_epoch(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    evaluated(f"run={run}", "split=validation")
    found = scores(run / "predictions", "validation")
    for name, value in metrics["best"].items():
        assert found[name] == pytest.approx(value, abs=1e-6)


def test_a_checkpoint_file_is_enough(classifier: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(classifier / "checkpoints" / "last.ckpt", tmp_path / "elsewhere" / "model.ckpt")
    expected = json.loads((classifier / "metrics.json").read_text())["test"]
    shutil.rmtree(classifier)
    evaluated("run=elsewhere/model.ckpt")
    assert scores(tmp_path / "elsewhere" / "predictions") == pytest.approx(expected, abs=1e-6)


def test_the_size_of_micro_batches_changes_nothing(classifier: Path) -> None:
    evaluated(f"run={classifier}", "output=one")
    evaluated(f"run={classifier}", "output=two", "data.tokens_per_micro_batch=64")
    assert scores(Path("two")) == pytest.approx(scores(Path("one")), abs=1e-5)


def test_new_files_are_scored_without_the_training_files(on_files: Path, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").unlink()
    (tmp_path / "test.tsv").unlink()
    evaluated(f"run={on_files}", "data.test=new.tsv")
    lines = (on_files / "predictions" / "test_new_tsv.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == [
        f"a {'good' if n % 2 else 'bad'} film {n}" for n in range(5)
    ]
    right = sum(json.loads(line)["label"] == json.loads(line)["predicted"] for line in lines)
    assert scores(on_files / "predictions", "test_new_tsv")["test/accuracy"] == pytest.approx(right / 5)
    assert (
        len((on_files / "predictions" / "test.jsonl").read_text().splitlines()) == 8
    )  # as the training left it


def test_the_own_test_file_is_scored_without_the_training_file(on_files: Path, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").unlink()
    evaluated(f"run={on_files}")
    expected = json.loads((on_files / "metrics.json").read_text())["test"]
    assert scores(on_files / "predictions") == pytest.approx(expected, abs=1e-6)


def test_new_files_may_have_other_columns_and_the_name_of_the_own_test_file(
    on_files: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "test.tsv").write_text("review\tstars\na good film 1\tpos\na bad film 2\tneg\n")
    columns = "data.columns={text: review, label: stars}"
    evaluated(f"run={on_files}", "data.test=other/test.tsv", columns)
    assert len((on_files / "predictions" / "test_other_test_tsv.jsonl").read_text().splitlines()) == 2
    assert len((on_files / "predictions" / "test.jsonl").read_text().splitlines()) == 8


def test_the_last_checkpoint_has_scores_of_its_own(classifier: Path) -> None:
    evaluated(f"run={classifier}", "checkpoint=last")
    assert json.loads((classifier / "predictions" / "test_last.json").read_text())["checkpoint"].endswith(
        "last.ckpt"
    )


def test_a_stranger_does_not_say_where_tables_are_written(on_files: Path, tmp_path: Path) -> None:
    for path in (on_files / "checkpoints").iterdir():
        checkpoint = torch.load(path, weights_only=True)
        checkpoint["attendo"]["config"]["data"]["cache_dir"] = str(tmp_path / "strange")
        torch.save(checkpoint, path)
    evaluated(f"run={on_files}", "data.test=new.tsv")
    assert not (tmp_path / "strange").exists()


@pytest.mark.parametrize("part", ["trainer", "model", "data"])
def test_a_checkpoint_whose_configuration_is_damaged_says_so(classifier: Path, part: str) -> None:
    path = classifier / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["attendo"]["config"][part]
    torch.save(checkpoint, path)
    ended = attendo("evaluate", f"run={classifier}")
    assert ended.code == 2
    assert f"best.ckpt is damaged: KeyError: '{part}'" in ended.err


def test_weights_that_do_not_fit_are_an_error(classifier: Path) -> None:
    path = classifier / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["attendo"]["config"]["model"]["mlp_size"] = 9
    torch.save(checkpoint, path)
    ended = attendo("evaluate", f"run={classifier}")
    assert ended.code == 2
    assert "its weights do not fit its configuration" in ended.err


def test_a_label_that_training_did_not_have_is_named_with_its_line(on_files: Path, tmp_path: Path) -> None:
    (tmp_path / "new.tsv").write_text("text\tlabel\na film\tpositive\n")
    ended = attendo("evaluate", f"run={on_files}", "data.test=new.tsv")
    assert ended.code == 2
    assert "new.tsv:2: label 'positive' does not occur in training (classes: neg, pos)" in ended.err


WRONG = {
    "run=nowhere": "run=nowhere: there is no such file or folder",
    "run=.": "run=.: found no checkpoints/best.ckpt in it; expected a run folder or a .ckpt file",
    "": "run is missing: give run=…",
    "run=RUN split=tset": 'split=tset: expected train, validation, test. Did you mean "test"?',
    "run=RUN checkpoint=first": "found no checkpoints/first.ckpt in it; there are best, last",
    "run=RUN data.test=new.tsv": "data.test: this run's data (synthetic_sentiment) does not come from files",
    "run=RUN dat.test=new.tsv": 'there is no key dat. Did you mean "data"?',
    "run=RUN accelerator=mps": "accelerator=mps: torch finds no such device here",
    "run=RUN threads=0": "threads=0: expected a number of CPU threads, or null",
    "run=RUN/metrics.json": "is no readable checkpoint",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_mistake_is_one_message(words: str, classifier: Path) -> None:
    ended = attendo("evaluate", *words.replace("RUN", str(classifier)).split())
    assert ended.code == 2
    assert WRONG[words] in ended.err
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err


def test_a_new_file_and_another_split_contradict_each_other(on_files: Path) -> None:
    ended = attendo("evaluate", f"run={on_files}", "data.test=new.tsv", "split=validation")
    assert (ended.code, "contradict" in ended.err) == (2, True)
