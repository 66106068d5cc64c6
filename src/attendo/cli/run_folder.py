"""The files that a run leaves behind."""

import json
import logging
import math
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

import attendo
from attendo.checkpoint import write_durably
from attendo.cli.conf import CONF, PACKAGE
from attendo.data import SkippedRow

log = logging.getLogger(__name__)

RESOLVER = re.compile(r"\$\{\s*[\w.]+:")  # ${oc.env:…}, ${hydra:…}: what the surroundings say

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "tokenizers",
    "datasets",
    "pyarrow",
    "sacrebleu",
    "numpy",
)


@rank_zero_only
def check_writable(folder: Path, resumes: bool, key: str = "hydra.run.dir") -> None:
    """Raises ValueError if the run folder holds another run, or cannot be made or written.

    Args:
        key: what the user names the folder by.
    """
    if (folder / "config.yaml").exists() and not resumes:
        ways = ["leave hydra.run.dir out", "name another folder", "or go on with that run: resume=auto"]
        if key != "hydra.run.dir":
            ways = [f"leave {key} out", "or name another folder"]
        raise ValueError(f"{folder} holds a run already: {', '.join(ways)}")
    probe(folder, "the run folder")


def probe(folder: Path, what: str) -> None:
    """Makes a folder; raises ValueError if it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / ".writable"
        file.write_bytes(b"attendo")
        file.unlink()
    except OSError as error:
        raise ValueError(f"{what} {folder} cannot be written: {error}") from error


@rank_zero_only
def write_words(folder: Path, words: Sequence[str]) -> None:
    """overrides.yaml: the words that the run was started with."""
    write_text(folder / "overrides.yaml", yaml.safe_dump(list(words), allow_unicode=True))


@rank_zero_only
def write_config(folder: Path, config: DictConfig, settings: Mapping[str, Any]) -> None:
    """config.yaml, which repeats the run by itself. A folder that has it is a run's.

    Where one key refers to another, config.yaml does, too: whoever changes the one changes the other.
    Relative paths of data stay as they were given, so the repetition starts in the same folder.

    Args:
        config: as composed.
        settings: the same, resolved.
    """
    plain = as_repeatable(OmegaConf.to_container(config, resolve=False), settings, str(settings["run_dir"]))
    own = {name: value for name, value in plain.items() if name != "run_dir"}
    repeat = {
        **own,
        "resume": None,
        "run_dir": "${hydra:runtime.output_dir}",
        "defaults": [
            "_self_",
            {"override hydra/job_logging": "plain"},
            {"override hydra/hydra_logging": "plain"},
        ],
        "hydra": yaml.safe_load((Path(CONF) / "train.yaml").read_text(encoding="utf-8"))["hydra"],
    }
    text = yaml.safe_dump(repeat, sort_keys=False, allow_unicode=True)
    here, there = shlex.quote(str(Path.cwd())), shlex.quote(str(folder))
    header = f"# Repeat this run: cd {here} && attendo train --config-dir {there} --config-name config\n"
    write_text(folder / "config.yaml", header + text)


def as_repeatable(composed: Any, resolved: Any, run_dir: str) -> Any:
    """Values as they are now, but references to other keys and paths inside the run folder as references."""
    if isinstance(resolved, Mapping):
        within = composed if isinstance(composed, Mapping) else resolved
        return {name: as_repeatable(within[name], value, run_dir) for name, value in resolved.items()}
    if isinstance(resolved, list):
        parts = composed if isinstance(composed, list) else resolved
        return [as_repeatable(*pair, run_dir) for pair in zip(parts, resolved, strict=True)]
    if isinstance(composed, str) and "${" in composed and not RESOLVER.search(composed):
        return composed
    return resolved.replace(run_dir, "${run_dir}") if isinstance(resolved, str) else resolved


@rank_zero_only
def write_environment(folder: Path) -> None:
    """environment.json: versions, hardware, git revision; of every start of a run that was resumed."""
    file = folder / "environment.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    facts = {
        "attendo": attendo.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "torch_build": torch.__version__,
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "git_revision": git_revision(),
        "command": sys.argv,
    }
    earlier = {"earlier_starts": [*before.pop("earlier_starts", []), before]} if before else {}
    write_json(file, {**facts, **earlier})


def git_revision() -> str | None:
    """Of attendo's own checkout; None for an installed wheel."""
    root = PACKAGE.parents[1]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return None
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40"], cwd=root, capture_output=True, text=True
    )
    return done.stdout.strip() or None


@rank_zero_only
def write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    write_durably(path, lambda file: file.write(text.encode(errors="backslashreplace")))


@rank_zero_only
def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


@rank_zero_only
def write_skipped(path: Path, rows: Sequence[SkippedRow]) -> None:
    """A line for every bad row that was left out (split, place, problem), and a warning with their number."""
    if not rows:
        return
    fields = [("split", "where", "problem"), *((row.split, row.where, row.problem) for row in rows)]
    lines = ("\t".join(" ".join(field.split()) for field in line) for line in fields)
    write_text(path, "".join(f"{line}\n" for line in lines))
    for split, count in Counter(row.split for row in rows).items():
        log.warning("%s bad %s rows were left out, see %s", f"{count:,}", split, os.path.relpath(path))


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Metrics whose names begin with the prefix, as plain numbers. JSON has no NaN: null stands for it."""
    return {name: as_number(value) for name, value in metrics.items() if name.startswith(prefix)}


def as_number(value: Any) -> float | None:
    return None if value is None or math.isnan(float(value)) else float(value)


def as_text(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"
