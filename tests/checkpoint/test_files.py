"""A checkpoint is one self-contained file of plain containers and tensors."""

import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from attendo.checkpoint import Contents, DurableCheckpointIO, StoreContents, checkpoint_of, read_checkpoint
from attendo.data.preparation import PreparedData
from small_runs import FILLERS, KEYWORDS, SPLITS, Rows, module_of, prepared, small_task, small_trainer

CONFIG = {
    "name": "tiny",
    "model": {"width": 16, "dropout": None},
    "data": {"columns": ["text", "label"]},
    "task": {},
    "trainer": {},
    "lr": 0.1,
}


def contents_of(data: PreparedData) -> Contents:
    return Contents(CONFIG, data.tokenizers, data.labels)


@pytest.fixture
def run(data: PreparedData, folder: Path) -> Path:
    """A run folder with best.ckpt and last.ckpt."""
    saver = ModelCheckpoint(
        folder / "checkpoints", filename="best", monitor="validation/loss", save_last=True,
        enable_version_counter=False,
    )  # fmt: skip
    callbacks = [saver, StoreContents(contents_of(data))]
    trainer = small_trainer(*callbacks, enable_checkpointing=True, plugins=[DurableCheckpointIO()])
    task = small_task(data, double=False)
    trainer.fit(task, datamodule=module_of(data))
    torch.save(task.model.state_dict(), folder / "weights.pt")
    return folder


def kinds(value: Any) -> set[type]:
    """Types of everything inside."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return {type(value)}.union(*map(kinds, inside)) if inside else {type(value)}


@pytest.mark.parametrize("name", ["best", "last"])
def test_a_checkpoint_holds_plain_containers_and_tensors(run: Path, name: str) -> None:
    stored = torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
    plain = {dict, list, tuple, str, int, float, bool, type(None), torch.Tensor}
    assert kinds(dict(stored["state_dict"])) <= plain
    assert kinds({name: value for name, value in stored.items() if name != "state_dict"}) <= plain
    assert {"attendo", "epoch_sums", "optimizer_states", "lr_schedulers", "global_step"} <= set(stored)


def test_a_checkpoint_gives_back_weights_and_contents(run: Path, data: PreparedData) -> None:
    contents, weights = read_checkpoint(checkpoint_of(run, "last"))
    expected = torch.load(run / "weights.pt", weights_only=True)
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert contents.config == CONFIG and contents.labels == data.labels
    text = "w1 w2 sun rain unheard" if data.labels else "3 1 4 x"
    for role, tokenizer in data.tokenizers.items():
        assert contents.tokenizers[role].encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize(("trainers", "count"), [(("joint",), 1), (("source", "target"), 2)])
def test_tokenizers_that_were_one_stay_one(folder: Path, trainers: tuple[str, ...], count: int) -> None:
    rows = [("a b c", "x y"), ("b c d", "y z")]
    data = prepared(folder, Rows(("source", "target"), dict.fromkeys(SPLITS, rows)), trainers)
    stored = contents_of(data).to_dict()
    assert len(stored["tokenizers"]) == count
    back = Contents.from_dict(stored)
    assert len({id(tokenizer) for tokenizer in back.tokenizers.values()}) == count
    assert (back.tokenizers["source"].encode("x") == back.tokenizers["target"].encode("x")) == (count == 1)
    assert back.tokenizers["target"].decode(back.tokenizers["target"].encode("z x")) == "z x"


def test_a_run_folder_or_a_file_names_its_checkpoint(folder: Path) -> None:
    (folder / "run/checkpoints").mkdir(parents=True)
    file = folder / "run/checkpoints/last.ckpt"
    file.touch()
    assert checkpoint_of(folder / "run", "last") == checkpoint_of(file, "best") == file
    with pytest.raises(FileNotFoundError, match=r"no checkpoints/best\.ckpt in it; there are last"):
        checkpoint_of(folder / "run", "best")
    with pytest.raises(FileNotFoundError, match="expected a run folder"):
        checkpoint_of(folder, "best")
    with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
        checkpoint_of(folder / "nowhere", "best")


@pytest.fixture
def written(texts: PreparedData, folder: Path) -> Path:
    path = folder / "best.ckpt"
    stored = {"attendo": contents_of(texts).to_dict(), "state_dict": {"model.weight": torch.arange(3.0)}}
    DurableCheckpointIO().save_checkpoint(stored, path)
    return path


def test_a_damaged_file_is_called_unreadable(written: Path) -> None:
    whole = written.read_bytes()
    for damaged in (b"", b"dear diary,\n", b"PK\x03\x04", whole[: len(whole) // 2], whole[:-1], whole[1:]):
        written.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"best\.ckpt is no readable checkpoint: \S+"):
            read_checkpoint(written)


def test_whatever_the_damage_the_error_is_for_people(written: Path) -> None:
    """Bytes changed at random places; some changes hit padding and hurt nobody."""
    whole, generator = written.read_bytes(), random.Random(1)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 20)):
            damaged[generator.randrange(len(whole))] = generator.randrange(256)
        written.write_bytes(damaged[generator.choice([0, 0, generator.randrange(len(whole))]) :])
        try:
            with warnings.catch_warnings(action="ignore"):  # torch's, of pickle protocols that do not exist
                read_checkpoint(written)
        except ValueError as error:
            assert "best.ckpt" in str(error)
            refused += 1
    assert refused > 75


class Bomb:
    """An object whose loading runs code."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_a_file_with_code_in_it_is_refused_unrun(written: Path) -> None:
    fuse = written.parent / "exploded"
    stored = torch.load(written, weights_only=True)
    torch.save({**stored, "hyper_parameters": Bomb(fuse)}, written)
    with pytest.raises(ValueError, match="no readable checkpoint"):
        read_checkpoint(written)
    assert not fuse.exists()


@pytest.mark.parametrize(
    "foreign",
    [[1, 2], {"state_dict": {}}, {"attendo": "yes", "state_dict": {}}, {"attendo": {}}, torch.ones(2)],
)
def test_a_checkpoint_of_another_program_is_told_apart(foreign: object, folder: Path) -> None:
    torch.save(foreign, folder / "theirs.ckpt")
    with pytest.raises(ValueError, match=r"theirs\.ckpt was not written by attendo"):
        read_checkpoint(folder / "theirs.ckpt")


def test_a_newer_format_asks_for_an_update(written: Path) -> None:
    stored = torch.load(written, weights_only=True)
    stored["attendo"].update(format=99, version="9.0")
    torch.save(stored, written)
    with pytest.raises(ValueError, match=r"format 99 \(attendo 9\.0\).*please update"):
        read_checkpoint(written)


def test_the_vocabulary_comes_back_whole(texts: PreparedData) -> None:
    back = Contents.from_dict(contents_of(texts).to_dict()).tokenizers["text"]
    words = [*FILLERS, *KEYWORDS]
    assert back.encode(" ".join(words)) == texts.tokenizers["text"].encode(" ".join(words))
    assert len(back) == len(texts.tokenizers["text"])
