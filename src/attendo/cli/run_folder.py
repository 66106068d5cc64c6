"""The files that a run leaves behind."""

import json
import math
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml
from pytorch_lightning.utilities import rank_zero_only

import attendo
from attendo.cli.conf import CONF, PACKAGE

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
def check_writable(folder: Path) -> None:
    """Raises ValueError if the run folder holds another run, or cannot be made or written."""
    if (folder / "config.yaml").exists():
        raise ValueError(f"{folder} holds a run already: leave hydra.run.dir out, or name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"attendo")
        probe.unlink()
    except OSError as error:
        raise ValueError(f"the run folder {folder} cannot be written: {error}") from error


@rank_zero_only
def write_config(folder: Path, config: Mapping[str, Any], overrides: object) -> None:
    """config.yaml, which repeats the run by itself, and overrides.yaml, which says what was typed.

    Relative paths of data stay as they were given, so the repetition starts in the same folder.
    """
    own = {name: value for name, value in config.items() if name != "run_dir"}
    repeat = {
        **own,
        "run_dir": "${hydra:runtime.output_dir}",
        "defaults": [
            "_self_",
            {"override hydra/job_logging": "plain"},
            {"override hydra/hydra_logging": "plain"},
        ],
        "hydra": yaml.safe_load((Path(CONF) / "train.yaml").read_text(encoding="utf-8"))["hydra"],
    }
    text = yaml.safe_dump(
        relative_to_run(repeat, str(config["run_dir"])), sort_keys=False, allow_unicode=True
    )
    here, there = shlex.quote(str(Path.cwd())), shlex.quote(str(folder))
    header = f"# Repeat this run: cd {here} && attendo train --config-dir {there} --config-name config\n"
    (folder / "config.yaml").write_text(header + text, encoding="utf-8")
    (folder / "overrides.yaml").write_text(yaml.safe_dump(overrides, allow_unicode=True), encoding="utf-8")


def relative_to_run(value: Any, run_dir: str) -> Any:
    """Paths inside the run folder, written so that a repetition has its own."""
    if isinstance(value, Mapping):
        return {name: relative_to_run(inner, run_dir) for name, inner in value.items()}
    if isinstance(value, list):
        return [relative_to_run(inner, run_dir) for inner in value]
    return value.replace(run_dir, "${run_dir}") if isinstance(value, str) else value


@rank_zero_only
def write_environment(folder: Path) -> None:
    """environment.json: versions, hardware, git revision."""
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
    write_json(folder / "environment.json", facts)


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
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@rank_zero_only
def write_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float | None]:
    """Metrics whose names begin with the prefix, as plain numbers. JSON has no NaN: null stands for it."""
    return {name: as_number(value) for name, value in metrics.items() if name.startswith(prefix)}


def as_number(value: Any) -> float | None:
    return None if value is None or math.isnan(float(value)) else float(value)


def as_text(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"
