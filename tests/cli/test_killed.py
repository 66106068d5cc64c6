"""SIGKILL at any moment leaves a run that can go on, and nothing lying about."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from attendo.checkpoint import read_checkpoint
from command_line import ENVIRONMENT, SMALL_CLASSIFIER, attendo_process
from interruptions import assert_same_checkpoint

WORDS = (
    *("trainer=cpu", "trainer.max_epochs=30", "trainer.val_check_interval=10", "logger=both"),
    *("callbacks.last_checkpoint.every_steps=1", "callbacks.early_stopping=null"),
    *("callbacks.figures=null", *SMALL_CLASSIFIER),
    *("data.source.train=1600", "data.source.validation=64", "data.source.test=64", "resume=auto"),
)
KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system for TMPDIR")
def test_twenty_kills_at_random_moments(tmp_path: Path) -> None:
    folder, cache = tmp_path / "run", tmp_path / "cache"
    temporary = Path("/dev/shm") / tmp_path.name
    temporary.mkdir(exist_ok=True)
    environment = {**ENVIRONMENT, "TMPDIR": str(temporary), "ATTENDO_CACHE": str(cache)}
    command = [sys.executable, "-m", "attendo", "train", *WORDS, f"hydra.run.dir={folder}"]
    generator, log = random.Random(1), tmp_path / "log"
    steps = []
    for kill in range(KILLS):
        with open(log, "ab") as out:
            process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)
        started = log.read_text(encoding="utf-8").count("parameters")
        while kill > 0 and log.read_text(encoding="utf-8").count("parameters") == started:
            time.sleep(
                0.05
            )  # imports take seconds, in which nothing can go wrong: the first kill falls there
            assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(generator.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, log.read_text(encoding="utf-8")
        for file in (folder / "checkpoints").glob("*.ckpt"):
            read_checkpoint(file)
        last = folder / "checkpoints" / "last.ckpt"
        steps.append(torch.load(last, weights_only=True)["global_step"] if last.exists() else 0)
    assert steps == sorted(steps)
    assert len(set(steps)) > KILLS / 4, f"it never went on from where it stood: {steps}"
    ended = attendo_process(*command[3:], cwd=tmp_path, **environment)
    assert ended.code == 0, ended.err
    whole = [word for word in WORDS if not word.startswith("resume")]
    undisturbed = attendo_process(
        "train", *whole, f"hydra.run.dir={tmp_path / 'whole'}", cwd=tmp_path, **environment
    )
    assert undisturbed.code == 0
    for name in ("best.ckpt", "last.ckpt"):
        assert_same_checkpoint(folder / "checkpoints" / name, tmp_path / "whole" / "checkpoints" / name)
    assert {
        path.name for path in folder.rglob("*") if path.is_file() and "tensorboard" not in path.parts
    } == {
        path.name
        for path in (tmp_path / "whole").rglob("*")
        if path.is_file() and "tensorboard" not in path.parts
    }
    assert [path for path in cache.iterdir() if path.name.startswith(".")] == []
    assert not any(temporary.iterdir())
    temporary.rmdir()
