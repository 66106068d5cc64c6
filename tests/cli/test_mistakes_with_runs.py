"""Checkpoints that are none, or of another run: one message from every command that reads them."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from command_line import SMALL_CLASSIFIER, SMALL_TRANSFORMER, attendo, trained
from mistakes import HINT, assert_is_one_message, checkpoints, write_mistakes

COMMANDS = {
    "evaluate": ("evaluate", "run="),
    "predict": ("predict", "input=new.txt", "run="),
    "resume": ("train", "resume="),
    "init_from": ("train", *SMALL_CLASSIFIER, "data=labelled_texts", "data.train=good.tsv", "init_from="),
}
FILES = {  # file → part of the message
    "empty.ckpt": "empty.ckpt is no readable checkpoint: ",
    "text.ckpt": "text.ckpt is no readable checkpoint: ",
    "table.ckpt": "table.ckpt is no readable checkpoint: ",
    "byte.ckpt": "byte.ckpt is no readable checkpoint: ",
    "start.ckpt": "start.ckpt is no readable checkpoint: ",
    "half.ckpt": "half.ckpt is no readable checkpoint: ",
    "nearly.ckpt": "nearly.ckpt is no readable checkpoint: ",
    "code.ckpt": "code.ckpt is no readable checkpoint: ",
    "bare_code.ckpt": "bare_code.ckpt is no readable checkpoint: ",
    "weights.ckpt": "weights.ckpt was not written by attendo: it has no 'attendo' entry",
    "list.ckpt": "list.ckpt was not written by attendo",
    "newer.ckpt": "newer.ckpt has checkpoint format 99 (attendo 0.1.0); this is attendo ",
    "bare.ckpt": "bare.ckpt is damaged: ",
    "gone.ckpt": "gone.ckpt: there is no such ",
    "folder.tsv": "folder.tsv: ",
}
Change = Callable[[dict[str, Any]], object]
STORED: dict[str, Change] = {
    "newer": lambda stored: stored["attendo"].update(format=99),
    "bare": lambda stored: stored["attendo"].pop("tokenizers"),
    "labels": lambda stored: stored["attendo"].update(labels=["bad", "good", "neutral"]),
    "lacking": lambda stored: stored["state_dict"].pop("model.embedding.weight"),
    "evil": lambda stored: stored["attendo"]["config"]["model"].update(_target_="os.system"),
}


class Code:
    """Unpickled, it would make a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("it ran"),)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_mistakes(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        texts = (*SMALL_CLASSIFIER, "data=labelled_texts", "data.train=good.tsv", "data.test=good.tsv")
        pairs = (*SMALL_TRANSFORMER, "data=parallel_texts", "data.train=[a.en,a.de]", "tokenizer=word")
        trained(*texts, "hydra.run.dir=texts")
        trained(*texts, "hydra.run.dir=characters", "tokenizer=character")
        trained(*pairs, "hydra.run.dir=pairs")
        write_checkpoints(Path("texts/checkpoints/last.ckpt"), Path("characters/checkpoints/last.ckpt"))
    return folder


def write_checkpoints(good: Path, other: Path) -> None:
    content = good.read_bytes()
    lengths = {"empty": 0, "byte": 1, "start": 5000, "half": len(content) // 2, "nearly": len(content) - 1}
    for name, length in lengths.items():
        Path(f"{name}.ckpt").write_bytes(content[:length])
    Path("text.ckpt").write_text("hello\n")
    Path("table.ckpt").write_bytes(Path("good.tsv").read_bytes())
    Path("bare_code.ckpt").write_bytes(pickle.dumps(Code()))
    torch.save({"x": Code()}, "code.ckpt")
    torch.save({"weight": torch.zeros(3)}, "weights.ckpt")
    torch.save([1, 2], "list.ckpt")
    whole = torch.load(good, weights_only=True)
    for name, change in STORED.items():
        stored = copy.deepcopy(whole)
        change(stored)
        torch.save(stored, f"{name}.ckpt")
    whole["attendo"]["tokenizers"] = torch.load(other, weights_only=True)["attendo"]["tokenizers"]
    torch.save(whole, "tokenizer.ckpt")


@pytest.fixture(autouse=True)
def own_folder(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written)


def assert_is_refused(expected: str, *words: str, lines: int = 1) -> None:
    before = checkpoints(Path())
    assert_is_one_message(attendo(*words), expected, lines)
    assert checkpoints(Path()) == before
    assert not Path("it ran").exists()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_checkpoint(name: str, command: str) -> None:
    *words, last = COMMANDS[command]
    assert_is_refused(FILES[name], *words, f"{last}{name}")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize(("name", "expected"), [
    ("labels.ckpt", "labels.ckpt: its weights do not fit its configuration"),
    ("tokenizer.ckpt", "tokenizer.ckpt: its weights do not fit its configuration"),
    ("lacking.ckpt", "lacking.ckpt: its weights do not fit its configuration"),
    ("evil.ckpt", "checkpoint config model._target_='os.system' is not one of the objects that may be built"),
])  # fmt: skip
def test_a_checkpoint_whose_parts_do_not_match(name: str, expected: str, command: str) -> None:
    *words, last = COMMANDS[command]
    ended = attendo(*words, f"{last}{name}")
    assert_is_one_message(ended, expected, lines=len(ended.err.replace(HINT, "").splitlines()))


@pytest.mark.parametrize(("words", "expected"), [
    ("evaluate run=.", "run=.: found no checkpoints/best.ckpt in it; expected a run folder or a .ckpt file"),
    ("evaluate run=texts checkpoint=bset", "found no checkpoints/bset.ckpt in it; there are best, last"),
    ("evaluate texts", "texts: expected key=value; a run is given as run=texts"),
    ("evaluate", "run is missing: give run=…"),
    ("evaluate run=texts model=transformer", "there is no key model. Those of evaluate are run, combine,"),
    ("evaluate run=texts acelerator=cpu", 'there is no key acelerator. Did you mean "accelerator"?'),
    ("evaluate run=texts threads=0", "threads=0: expected a number of CPU threads, or null"),
    ("evaluate run=texts data.tokens_per_micro_batch=abc", "data.tokens_per_micro_batch='abc': expected int"),
    ("predict texts input=new.txt", "texts: expected key=value; a run is given as run=texts"),
    ("predict run=texts data.test=new.txt", "there is no key data. Those of predict are run, combine,"),
    ("train resume=texts model=transformer", "model=transformer: a run goes on with the options that it was"),
    ("train resume=texts resume", "resume: expected key=value."),
    ("train resume=folder.tsv", "resume=folder.tsv: is no run folder (it has no config.yaml)"),
    ("train resume=textz", 'there is no such run folder or checkpoint file. Did you mean "texts"?'),
    ("train -m resume=texts seed=1,2", "resume= goes on with one run: leave -m out"),
    ("train init_from=pairs", "init_from: nothing in the checkpoint fits this model by name and shape."),
    ("inspect run=texts", 'there is no key run.'),
    ("train hydra.run.dir=texts", "texts holds a run already: leave hydra.run.dir out, name another folder"),
])  # fmt: skip
def test_a_wrong_word_about_a_run(words: str, expected: str) -> None:
    assert_is_refused(expected, *words.split())


@pytest.mark.parametrize(("word", "difference"), [
    ("model.embedding_size=9", "model.embedding_size: 5 → 9"),
    ("data.train=third.tsv", "the run's classes are ['neg', 'pos'], those of the data ['neg', 'neutral',"),
    ("data.train=one_class.tsv", "one class only"),
])  # fmt: skip
def test_another_run_cannot_be_gone_on_with(word: str, difference: str, written: Path) -> None:
    ended = attendo("train", "resume=texts", word, "trainer.max_epochs=3")
    assert_is_one_message(ended, difference, lines=len(ended.err.splitlines()))
