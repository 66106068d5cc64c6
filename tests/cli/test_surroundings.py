"""Full disks, closed pipes, Ctrl-C, poor terminals and other locales: no command breaks by them."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, SMALL_CLASSIFIER, SMALL_DATA, attendo, trained
from mistakes import assert_is_one_message
from small_corpora import TEXTS, write_table

PROGRAM = (sys.executable, "-m", "attendo")
FAST_CLASSIFIER = ("debug=fast", "trainer=cpu", "data.cache_dir=cache", *SMALL_CLASSIFIER)
FAST_WORDS = (*FAST_CLASSIFIER, *SMALL_DATA)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch):
    """A limit on the size of files: writing beyond it fails as on a full disk, with another number."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def process(*words: str, script: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", script] if script else [*PROGRAM, *words]
    return subprocess.run(
        command, env={**os.environ, **ENVIRONMENT, **environment}, capture_output=True, text=True,
        encoding="utf-8", stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_full_disk_while_the_cache_is_written(small_disk, tmp_path: Path) -> None:
    table = write_table(
        tmp_path / "big.tsv", ("text", "label"), [(text * 200, label) for text, label in TEXTS]
    )
    small_disk(100_000)
    words = ("data=labelled_texts", f"data.train={table}", "data.cache_dir=cache", *SMALL_CLASSIFIER)
    ended = attendo("train", *words)
    small_disk(resource.RLIM_INFINITY)
    assert_is_one_message(ended, "data.cache_dir=cache cannot be written")
    assert list(Path("cache").glob("[!.]*")) == []


def test_a_full_disk_while_a_checkpoint_is_written_leaves_the_one_before(small_disk) -> None:
    trained(*SMALL_CLASSIFIER, *SMALL_DATA, "hydra.run.dir=run", "callbacks.figures=null")
    before = {path.name: path.read_bytes() for path in Path("run/checkpoints").iterdir()}
    small_disk(min(map(len, before.values())) // 2)
    ended = attendo("train", "resume=run", "trainer.max_steps=4", "trainer.max_epochs=4")
    small_disk(resource.RLIM_INFINITY)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.err.count("error: ") == 1, ended.err
    assert "run/checkpoints/" in ended.err
    assert "cannot be written" in ended.err
    assert {path.name: path.read_bytes() for path in Path("run/checkpoints").iterdir()} == before


def test_a_full_disk_while_answers_are_written(small_disk) -> None:
    trained(*SMALL_CLASSIFIER, *SMALL_DATA, "hydra.run.dir=run")
    Path("new.txt").write_text("a great film\n" * 3000)
    small_disk(4096)
    ended = attendo("predict", "run=run", "input=new.txt", "output=out.tsv", "accelerator=cpu")
    small_disk(resource.RLIM_INFINITY)
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert "out.tsv" in ended.err
    assert not Path("out.tsv").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_behind_standard_output() -> None:
    trained(*SMALL_CLASSIFIER, *SMALL_DATA, "hydra.run.dir=run")
    Path("new.txt").write_text("a great film\n" * 3)
    words = "predict run=run input=new.txt accelerator=cpu"
    done = process(script=f"unset PYTHONUNBUFFERED; {' '.join(PROGRAM)} {words} > /dev/full")
    assert done.returncode == 2
    assert (done.stderr.count("error: "), "No space left" in done.stderr) == (1, True), done.stderr


def test_ctrl_c_before_training_ends_it_quietly() -> None:
    with subprocess.Popen(
        [*PROGRAM, "train", *FAST_WORDS], env={**os.environ, **ENVIRONMENT}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as started:  # fmt: skip
        assert started.stderr is not None
        while not Path(
            "outputs"
        ).exists():  # Hydra has composed; the libraries are still to come or have just
            assert started.poll() is None
        started.send_signal(signal.SIGINT)
        assert started.wait(timeout=60) == 128 + signal.SIGINT
        errors = started.stderr.read()
    assert "Traceback" not in errors
    assert "interrupted" in errors
    assert not list(Path().rglob("*.ckpt"))


@pytest.mark.parametrize("command", ["train --help", "train --cfg job", "train " + " ".join(FAST_WORDS)])
def test_a_reader_who_has_seen_enough_is_no_error(command: str) -> None:
    done = process(script=f"{' '.join(PROGRAM)} {command} | head -1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] in ("0", "1")  # 1: rich ends a program whose reader has gone
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("surroundings", [
    {"TERM": "dumb", "COLUMNS": "1"},
    {"TERM": "", "COLUMNS": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
])  # fmt: skip
def test_poor_terminals_and_other_locales_change_nothing(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    texts = [(f"schön, 東京 {n}", "größer" if n % 2 else "kleiner") for n in range(40)]
    table = write_table(tmp_path / "größe.tsv", ("text", "label"), texts)
    words = (
        "data=labelled_texts",
        f"data.train={table}",
        f"data.test={table}",
        *FAST_CLASSIFIER,
        "hydra.run.dir=run",
    )
    done = process("train", *words, **surroundings)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    refused = process("train", "data=labelled_texts", "data.train=großer.tsv", **surroundings)
    assert (refused.returncode, refused.stderr.count("error: ")) == (2, 1), refused.stderr
    assert "Traceback" not in refused.stderr
