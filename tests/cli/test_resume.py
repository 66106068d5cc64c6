"""``attendo train resume=…``."""

import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_line import CACHE, SMALL_CLASSIFIER, SMALL_DATA, attendo, attendo_process
from interruptions import assert_same_checkpoint
from small_corpora import TEXTS, write_table

CLASSIFIER = (
    *SMALL_CLASSIFIER,
    "data.source.train=96",
    *SMALL_DATA[1:],
    "regularization.embedding_dropout=0.3",
)
RUN = (
    *("trainer=cpu", "trainer.max_epochs=3", "trainer.val_check_interval=2", "trainer.log_every_n_steps=1"),
    *("data.sentences_per_step=16", "logger=both", "callbacks.early_stopping.patience=50", *CLASSIFIER),
)


def interrupted(folder: Path, step: int, *words: str) -> list[str]:
    """Trains with a SIGTERM after a step; returns the words of that command."""
    stop = f"+callbacks.stop={{_target_: interruptions.Signal, step: {step}, number: {int(signal.SIGTERM)}}}"
    words = (*RUN, *words, f"hydra.run.dir={folder}", stop)
    ended = attendo("train", *words)
    assert ended.code == 143, ended.err
    assert f"stopped after step {step}" in ended.out
    assert "to go on: attendo train resume=" in ended.out
    return list(words)


def resumed(*words: str) -> str:
    ended = attendo("train", *words)
    assert ended.code == 0, ended.err
    return ended.out


def refusal(*words: str) -> str:
    ended = attendo("train", *words)
    assert ended.code == 2, ended.out
    assert "Traceback" not in ended.err
    return ended.err


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    stop = f"+callbacks.stop={{_target_: interruptions.Signal, step: 0, number: {int(signal.SIGTERM)}}}"
    assert attendo("train", *RUN, stop, f"hydra.run.dir={folder}").code == 0
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted after step 9 of 18."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    interrupted(folder, 9)
    return folder


@pytest.fixture
def copy(stopped: Path, tmp_path: Path) -> Path:
    """That run, moved to another folder."""
    return Path(shutil.copytree(stopped, tmp_path / "run, moved = 'elsewhere'"))


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows: speed aside, which is never the same.

    And test scores: the files of one process are read in the order of their names, where 10 comes before 9.
    """
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
        if not tag.startswith(("throughput/tokens", "test/", "epoch"))
    }


def rows(folder: Path) -> list[dict[str, str]]:
    names, *lines = (line.split(",") for line in (folder / "csv" / "metrics.csv").read_text().splitlines())
    return [
        {name: cell for name, cell in zip(names, line, strict=True) if cell and "tokens_per" not in name}
        for line in lines
    ]


@pytest.mark.parametrize("how", ["run", "checkpoint", "same words"])
def test_a_run_goes_on_in_its_folder_as_if_it_had_never_stopped(
    whole: Path, tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "run"
    words = interrupted(folder, 9)
    named = folder / "checkpoints" / "last.ckpt" if how == "checkpoint" else folder
    out = resumed(f"resume={named}", *(words if how == "same words" else ()))
    assert "going on after step 9" in out
    for name in ("best", "last"):
        assert_same_checkpoint(
            folder / "checkpoints" / f"{name}.ckpt", whole / "checkpoints" / f"{name}.ckpt"
        )
    for name in ("predictions/test.jsonl", "overrides.yaml"):
        one, other = ((run / name).read_text(encoding="utf-8") for run in (folder, whole))
        assert one.replace("step: 9", "step: 0") == other.replace(str(whole), str(folder))
    one, other = (yaml.safe_load((run / "metrics.json").read_text()) for run in (folder, whole))
    for scores in (one, other):
        del scores["training"]["throughput/tokens_per_second"]
    assert one == other
    assert curves(folder) == curves(whole)
    assert rows(folder) == rows(whole)


def test_auto_goes_on_with_the_newest_run_of_the_same_words_or_starts_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = (*RUN, "trainer.max_epochs=1", "logger=none")
    first = attendo("train", *words, "resume=auto")
    assert first.code == 0
    assert "no run of these words under outputs/; starting anew" in first.err
    again = attendo("train", *words, "resume=auto")
    assert "has ended; trainer.max_epochs=… trains it longer" in again.out
    assert again.folder.resolve() == first.folder.resolve()
    other = attendo("train", *words, "seed=2", "resume=auto")
    assert "starting anew" in other.err
    assert other.folder != first.folder


def test_auto_with_a_named_folder_starts_anew_in_it_if_nothing_was_saved(tmp_path: Path) -> None:
    words = (*RUN, "trainer.max_epochs=1", "logger=none", f"hydra.run.dir={tmp_path / 'run'}", "resume=auto")
    assert "; starting anew" in attendo("train", *words).err
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    again = attendo("train", *words)
    assert "which has no readable checkpoint" in again.err
    assert again.code == 0
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


def test_a_run_that_was_moved_goes_on_where_it_lies(copy: Path, stopped: Path, whole: Path) -> None:
    before = sorted((stopped / "checkpoints").iterdir())
    resumed(f"resume={copy}")
    assert_same_checkpoint(copy / "checkpoints" / "best.ckpt", whole / "checkpoints" / "best.ckpt")
    assert sorted((stopped / "checkpoints").iterdir()) == before
    assert str(stopped) not in (copy / "config.yaml").read_text(encoding="utf-8")


def test_a_damaged_checkpoint_is_passed_over_and_said_so(copy: Path, whole: Path) -> None:
    last = copy / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:5000])
    ended = attendo("train", f"resume={copy}", "callbacks.stop=null")
    assert ended.err.count("warning: passing over") == 1
    assert "last.ckpt is no readable checkpoint" in ended.err
    assert "best.ckpt" in next(line for line in ended.out.splitlines() if line.startswith("going on"))
    assert_same_checkpoint(last, whole / "checkpoints" / "last.ckpt")


def test_a_named_run_without_a_readable_checkpoint_is_an_error(copy: Path) -> None:
    for file in (copy / "checkpoints").iterdir():
        file.write_bytes(b"")
    assert "has no checkpoint that can be read" in refusal(f"resume={copy}")
    assert "is no readable checkpoint" in refusal(f"resume={copy / 'checkpoints' / 'last.ckpt'}")


def test_a_checkpoint_by_itself_goes_on_in_a_folder_of_its_own(
    copy: Path, tmp_path: Path, whole: Path
) -> None:
    alone = shutil.copy(copy / "checkpoints" / "last.ckpt", tmp_path / "alone.ckpt")
    shutil.rmtree(copy)
    resumed(*RUN, f"resume={alone}", f"hydra.run.dir={tmp_path / 'new'}")
    one, other = (torch.load(run / "checkpoints" / "last.ckpt") for run in (tmp_path / "new", whole))
    assert all(
        torch.equal(one["state_dict"][name], other["state_dict"][name]) for name in other["state_dict"]
    )


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("seed=7", "seed: 1 → 7"),
        ("model.embedding_size=6", "model.embedding_size: 5 → 6"),
        ("regularization.embedding_dropout=0.1", "regularization.embedding_dropout: 0.3 → 0.1"),
        ("tokenizer.minimum_count=9", "tokenizer.minimum_count: 2 → 9"),
        ("data.sentences_per_step=8", "data.sentences_per_step: 16 → 8"),
        ("data.max_length=3", "data.max_length: 256 → 3"),
        ("data.source.train=97", "data.source.train: 96 → 97"),
        ("optimizer.lr=1.0", "optimizer.lr: 0.001 → 1.0"),
        ("monitor.metric=validation/loss", 'monitor.metric: "validation/accuracy" → "validation/loss"'),
        ("optimizer=sgd", "a run goes on with the options that it was started with"),
        ("model/encoder=gru", "change single keys"),
        ("trainer.max_epoch=9", 'Did you mean "max_epochs"?'),
    ],
)
def test_words_that_would_make_another_run_of_it_are_refused(stopped: Path, word: str, shown: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in stopped.rglob("*") if path.name != "train.log"}
    assert shown in refusal(f"resume={stopped}", word)
    after = {path: path.stat().st_mtime_ns for path in stopped.rglob("*") if path.name != "train.log"}
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed <= {"run"}


def test_a_file_whose_text_has_changed_since_is_refused_and_one_that_was_moved_is_not(tmp_path: Path) -> None:
    train = write_table(tmp_path / "train.tsv", ("text", "label"), TEXTS)
    folder = tmp_path / "run"
    short = ("trainer.max_epochs=1", "logger=none", "trainer=cpu", f"data.cache_dir={CACHE.name}")
    words = (
        "data=labelled_texts",
        f"data.train={train}",
        *SMALL_CLASSIFIER,
        *short,
        f"hydra.run.dir={folder}",
    )
    assert attendo("train", *words).code == 0
    moved = shutil.copy(train, tmp_path / "moved.tsv")
    assert "going on after" in resumed(f"resume={folder}", f"data.train={moved}", "trainer.max_epochs=2")
    write_table(tmp_path / "moved.tsv", ("text", "label"), [*TEXTS, ("another film", "pos")])
    assert "the files have changed since" in refusal(f"resume={folder}", "trainer.max_epochs=3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resume=outputs/nowhere",), "there is no such run folder or checkpoint file"),
        (("resume=.",), "is no run folder (it has no config.yaml)"),
        (("-m", "resume=auto", "seed=1,2"), "resume= goes on with one run"),
    ],
)
def test_what_cannot_be_resumed_is_an_error(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refusal(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_process_that_is_signalled_saves_and_says_so_by_its_exit_code(
    tmp_path: Path, number: int, code: int
) -> None:
    stop = f"+callbacks.stop={{_target_: interruptions.Signal, step: 7, number: {int(number)}}}"
    words = (*RUN, "logger=none", f"hydra.run.dir={tmp_path / 'run'}", stop)
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    ended = attendo_process("train", *words, cwd=tmp_path, **path)
    assert ended.code == code
    assert "Traceback" not in ended.err
    again = attendo_process("train", f"resume={tmp_path / 'run'}", cwd=tmp_path, **path)
    assert again.code == 0
    assert "going on after step 7" in again.out
