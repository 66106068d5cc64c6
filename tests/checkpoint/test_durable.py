"""Whenever the writer is stopped, its target is whole: the old file or the new one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from attendo.checkpoint import DurableCheckpointIO
from attendo.checkpoint.durable import TEMPORARY

# Imports once, then forks writers and kills them; it stands in a process of its own, where forking is safe.
KILLER = """
import os, signal, sys, time, torch
from attendo.checkpoint import DurableCheckpointIO

torch.set_num_threads(1)
path, number = sys.argv[1], 0
for kill in range(8):
    reading, writing = os.pipe()
    writer = os.fork()
    if writer == 0:
        while True:
            number += 1
            content = {"number": number, "weights": torch.full((1_000_000,), float(number))}
            DurableCheckpointIO().save_checkpoint(content, path)
            os.write(writing, number.to_bytes(8))
    os.close(writing)
    promised = os.read(reading, 8)
    time.sleep(0.009 * kill)
    os.kill(writer, signal.SIGKILL)
    while later := os.read(reading, 8):
        promised = later
    os.close(reading)
    os.waitpid(writer, 0)
    stored = torch.load(path, weights_only=True)
    number = stored["number"]
    assert number >= int.from_bytes(promised), "what was reported as written is not there"
    assert bool((stored["weights"] == number).all())
    print(number, *os.listdir(os.path.dirname(path)))
"""


def save(number: int, path: Path) -> None:
    DurableCheckpointIO().save_checkpoint({"number": number}, path)


def number_in(path: Path) -> int:
    stored = torch.load(path, weights_only=True)
    return int(stored["number"])


def test_kill_9_never_leaves_a_damaged_file(folder: Path) -> None:
    command = [sys.executable, "-c", KILLER, str(folder / "last.ckpt")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 8
    assert TEMPORARY in done.stdout, "no kill hit a write: the test tested nothing"
    save(0, folder / "last.ckpt")
    assert os.listdir(folder) == ["last.ckpt"]


def test_what_killed_writers_left_is_swept_up(folder: Path) -> None:
    for name in ("last.ckpt", "best.ckpt", "epoch=3[1].ckpt"):
        (folder / f".{name}{TEMPORARY}").write_bytes(b"half a checkpoint")
    (folder / "notes.txt").touch()
    save(1, folder / "last.ckpt")
    assert sorted(os.listdir(folder)) == ["last.ckpt", "notes.txt"]


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (
            OSError(28, "No space left on device"),
            ValueError,
            r"best.ckpt cannot be written .*No space left .*GB are free",
        ),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_a_write_that_fails_keeps_the_old_file(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
    message: str | None,
) -> None:
    save(1, folder / "best.ckpt")

    def half(content: object, file) -> None:
        file.write(b"PK")
        raise error

    with monkeypatch.context() as broken, pytest.raises(raised, match=message):
        broken.setattr(torch, "save", half)
        save(2, folder / "best.ckpt")
    assert number_in(folder / "best.ckpt") == 1 and os.listdir(folder) == ["best.ckpt"]
    save(3, folder / "best.ckpt")
    assert number_in(folder / "best.ckpt") == 3


def test_the_file_is_synced_before_it_takes_its_name_and_the_folder_after(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be had in a test; the order of the calls that withstand one can."""
    calls: list[str] = []
    sync, replace = os.fsync, os.replace

    def watched_sync(descriptor: int) -> None:
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        sync(descriptor)

    def watched_replace(*names: Path) -> None:
        calls.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(os, "replace", watched_replace)
    save(1, folder / "deep" / "best.ckpt")
    assert calls == ["file", "rename", "folder"]


def test_others_may_read_what_the_umask_lets_them(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        save(1, folder / "best.ckpt")
    finally:
        os.umask(before)
    assert (folder / "best.ckpt").stat().st_mode & 0o777 == 0o644
