"""Cached folders: whole or absent, named by what they contain."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from attendo.data import cache as cache_module
from attendo.data.cache import cached_folder, content_key

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


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
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


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_key_and_the_way_out(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"data\.cache_dir=.*file/cache cannot be written .*ATTENDO_CACHE"):
        cached_folder(tmp_path / "file" / "cache", "key", lambda folder: None)


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
