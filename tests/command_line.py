"""Runs attendo's commands as a user does: with words, reading what is printed and what is left behind."""

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from beartype.roar import BeartypeDecorHintPep585DeprecationWarning
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

with warnings.catch_warnings():
    # Of hints of OmegaConf's own classes, which beartype reads when our modules are imported.
    warnings.simplefilter("ignore", BeartypeDecorHintPep585DeprecationWarning)
    import attendo.cli.evaluate
    import attendo.cli.train
    from attendo.cli.check import check
    from attendo.cli.conf import CONF
    from attendo.cli.main import main
    from attendo.cli.notebook import own_logging

CACHE = tempfile.TemporaryDirectory(prefix="attendo-tests-")  # of encoded text, for all tests of this process
ENVIRONMENT = {
    "ATTENDO_CACHE": CACHE.name,
    "HF_HUB_OFFLINE": "1",
    "HYDRA_FULL_ERROR": "0",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
DRAWING = ("debug=fast", "trainer=cpu", "data.cache_dir=${oc.env:ATTENDO_CACHE}")
FAST = (
    *DRAWING,
    "++callbacks.figures=null",
    "++callbacks.seq2seq_figures=null",
)  # drawing costs a fifth of the time
SMALL_CLASSIFIER = ("model.encoder.hidden_size=6", "model.embedding_size=5", "model.mlp_size=7")
SHORT_ANSWERS = tuple(
    f"{when}.{limit}"
    for when in ("decoding", "validation_decoding")
    for limit in ("length_factor=0.0", "length_offset=4")
)
SMALL_TRANSFORMER = (
    "model=transformer",
    "model.width=8",
    "model.encoder.layers=1",
    "model.encoder.heads=2",
    "model.encoder.feed_forward_size=8",
    *SHORT_ANSWERS,
)
SMALL_DATA = ("data.source.train=64", "data.source.validation=16", "data.source.test=16")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        """The run folder that a training said it wrote."""
        line = next(line for line in self.out.splitlines() if line.startswith("run folder"))
        return Path(line.removeprefix("run folder").strip())


def attendo(*words: str, **environment: str) -> Ended:
    """Runs a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        mock.patch.object(sys, "argv", ["attendo", *words]),
        mock.patch.dict(os.environ, {**ENVIRONMENT, **environment}),
        restored_logging(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    assert code is None or isinstance(code, int)
    return Ended(code or 0, out.getvalue(), err.getvalue())


def trained(*words: str, draws: bool = False, **environment: str) -> Ended:
    """A training that must succeed, with its pictures or without."""
    ended = attendo("train", *(DRAWING if draws else FAST), *words, **environment)
    assert ended.code == 0, ended.err
    return ended


def composed(command: str, *words: str) -> dict:
    """A command's configuration, composed and checked as the command does it."""
    holder = HydraConfig.instance()
    before = holder.cfg
    with initialize_config_dir(CONF, version_base="1.3"):
        words = (*words, "hydra.runtime.output_dir=run")
        config = compose(command, overrides=list(words), return_hydra_config=True)
        try:
            holder.set_config(config)
            with open_dict(config):
                del config["hydra"]
            return check(config)
        finally:
            holder.cfg = before


def attendo_process(
    *words: str, cwd: Path, program: tuple[str, ...] = (sys.executable, "-m", "attendo"), **environment: str
) -> Ended:
    """Runs a command in a process of its own."""
    done = subprocess.run(
        [*program, *words],
        cwd=cwd,
        env={**os.environ, **ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def restored_logging():
    """Undoes what a Hydra app does to the root logger."""
    threads = torch.get_num_threads()
    try:
        with own_logging():
            yield
    finally:
        torch.set_num_threads(threads)
