"""Cached folders: whole or absent, named by what they contain."""

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from attendo.data import cache as cache_module
from attendo.data.cache import cached_folder, content_key
from attendo.data.tables import IdTableWriter, TextTable

BUILD_WHEN_BOTH_ARE_HERE = """
import runpy, sys, time
from pathlib import Path
module, folder, mark = sys.argv[1:]

def build(building):
    (Path(folder) / mark).touch()
    while not ((Path(folder) / "a").exists() and (Path(folder) / "b").exists()):
        time.sleep(0.001)
    for number in range(20):
        (building / f"{number}").write_text(mark)
        time.sleep(0.002)

target = runpy.run_path(module)["cached_folder"](Path(folder) / "cache", "key", build)
print([(target / f"{number}").read_text() for number in range(20)])
"""


def test_two_processes_that_build_one_key_at_once_both_get_one_whole_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD_WHEN_BOTH_ARE_HERE, str(cache_module.__file__), str(tmp_path)]
    processes = [subprocess.Popen([*command, mark], stdout=subprocess.PIPE, text=True) for mark in "ab"]
    seen = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert set(seen) <= {str(["a"] * 20), str(["b"] * 20)} and len(seen) == 2
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["key"]


def test_a_folder_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []
    for _ in range(3):
        assert cached_folder(tmp_path / "deep" / "cache", "key", built.append).is_dir()
    assert len(built) == 1


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError, KeyboardInterrupt])
def test_a_builder_that_raises_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("…")
        raise error("stopped")

    with pytest.raises(error, match="stopped"):
        cached_folder(tmp_path, "key", build)
    assert list(tmp_path.iterdir()) == []
    assert cached_folder(tmp_path, "key", lambda folder: None) == tmp_path / "key"


def test_a_folder_is_readable_for_everybody_whom_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = cached_folder(tmp_path, "key", lambda folder: None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.parametrize("place", ["file/cache", "/proc/none/deep/cache"])
def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_key_and_the_way_out(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=rf"data\.cache_dir=.*{place} cannot be written .*ATTENDO_CACHE"):
        cached_folder(tmp_path / place, "key", lambda folder: None)


# ------------------------------------------------------------------------------------------------- full disks
WRITERS = {
    "texts": lambda folder: TextTable.write(folder / "a", ["text"], ([f"{i} " * 50] for i in range(20_000))),
    "ids": lambda folder: IdTableWriter(folder, ["text"], [9]).append(np.arange(999), [[[1] * 999] * 999]),
    "words": lambda folder: (folder / "a.json").write_text("a" * 1_000_000),
}


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk does to large files; small ones still fit."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("what", WRITERS)
def test_a_disk_that_fills_up_is_an_error_that_names_the_folder_and_leaves_no_debris(
    tmp_path: Path, what: str
) -> None:
    with (
        files_no_larger_than(100_000),
        pytest.raises(ValueError, match=rf"data\.cache_dir={tmp_path} cannot be written .*File too large"),
    ):
        cached_folder(tmp_path, "key", WRITERS[what])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_in_the_cache_is_not_the_caches_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="texts"):
        cached_folder(tmp_path / "cache", "key", lambda folder: (tmp_path / "texts").read_bytes())


# ---------------------------------------------------------------------------------------------------- debris
BUILD_FOR_EVER = """
import runpy, sys, time
from pathlib import Path

def build(building):
    (building / "half").write_text("…")
    print("building", flush=True)
    time.sleep(600)

runpy.run_path(sys.argv[1])["cached_folder"](Path(sys.argv[2]), sys.argv[3], build)
"""


def building(folder: Path, key: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD_FOR_EVER, str(cache_module.__file__), str(folder), key]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "building\n"
    return process


def test_the_next_build_sweeps_up_after_killed_processes_and_no_others(tmp_path: Path) -> None:
    killed, living = building(tmp_path, "killed"), building(tmp_path, "living")
    try:
        killed.kill()
        killed.communicate()
        foreign = [tmp_path / f".other@another-host@1{ending}" for ending in ("", ".lock")]
        foreign[0].mkdir()
        foreign[1].touch()
        before = {path.name.partition("@")[0] for path in tmp_path.iterdir()}
        assert before == {".killed", ".living", ".other"}
        cached_folder(tmp_path, "key", lambda folder: None)
        after = sorted(path.name.partition("@")[0] for path in tmp_path.iterdir())
        assert after == [".living", ".living", ".other", ".other", "key"]
        assert [path.read_text() for path in tmp_path.glob(".living*/half")] == ["…"]
    finally:
        living.kill()
        living.communicate()


def test_keys_tell_contents_apart_and_nothing_else() -> None:
    different = [
        content_key(),
        content_key("a"),
        content_key("a", "b"),
        content_key("ab"),
        content_key(["a", "b"]),
        content_key("a", None),
        content_key("1"),
        content_key(1),
        content_key({"a": 1}),
        content_key("\ud800"),
    ]
    assert len(set(different)) == len(different)
    assert content_key({"a": 1, "b": [2]}) == content_key({"b": [2], "a": 1})
