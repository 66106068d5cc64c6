"""``attendo train resume=…``: which run and which checkpoint is meant."""

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from attendo.checkpoint import hint_of_runs, place_of, read_checkpoint
from attendo.cli.messages import groups
from attendo.suggestions import did_you_mean

ANEW = "anew"  # what becomes of resume=auto where there is nothing to go on with
CONFIG_OPTIONS = ("--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp")
RUN_ID = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


def resumed(words: list[str]) -> list[str]:
    """The words of ``attendo train``, ``resume=`` among them, as Hydra needs them to go on with that run.

    A run folder's config.yaml takes the place of conf/. Options that the run was started with, if they are
    repeated, are left out: they are in it already.

    Raises:
        ValueError, FileNotFoundError: nothing to go on with, or words that cannot change a run.
    """
    wanted = values(words, "resume=")
    is_settled = wanted == [ANEW] or "--config-name" in words  # by the rank that started this one
    if not wanted or wanted[-1] in ("", "null") or ("LOCAL_RANK" in os.environ and is_settled):
        return words
    if "-m" in words or "--multirun" in words:
        raise ValueError("resume= goes on with one run: leave -m out, and name the folder of one of its jobs")
    others = [word for word in words if not word.startswith("resume=")]
    if wanted[-1] == "auto":
        return resumed_automatically(others)
    path = Path(wanted[-1]).expanduser()
    if path.is_file():
        read_checkpoint(path)
        place_of(path)  # before anything else is done
        folder = path.resolve().parent.parent
        is_in_its_run = path.resolve().parent.name == "checkpoints" and (folder / "config.yaml").is_file()
        return of_run(others, folder, path) if is_in_its_run else [*others, quoted("resume", path)]
    if not path.is_dir():
        near = [place.name for place in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise FileNotFoundError(f"resume={path}: there is no such run folder or checkpoint file.{hint}")
    if not (path / "config.yaml").is_file():
        hint = hint_of_runs(path)
        raise FileNotFoundError(f"resume={path}: is no run folder (it has no config.yaml){hint}")
    checkpoint = newest_checkpoint(path)
    if checkpoint is None:
        raise FileNotFoundError(f"resume={path}: the run has no checkpoint that can be read")
    return of_run(others, path, checkpoint)


def resumed_automatically(words: list[str]) -> list[str]:
    """Goes on with the run of ``hydra.run.dir=``, or else with the newest one of the same words, if any."""
    named = values(words, "hydra.run.dir=")
    if not named and any(word.split("=")[0] in CONFIG_OPTIONS for word in words):
        raise ValueError(
            "resume=auto finds a run by its words, and --config-dir and --config-name are not among those "
            "that runs remember: name the run's folder, too, hydra.run.dir=…"
        )
    folders = [Path(named[-1])] if named else runs_of(words)
    for folder in folders:
        if (folder / "config.yaml").is_file():
            checkpoint = newest_checkpoint(folder)
            if checkpoint is not None:
                same = [word for word in words if word in typed(folder)]  # it may have been extended since
                return of_run([word for word in words if word not in same], folder, checkpoint)
            print(f"resume=auto: passing over {folder}, which has no readable checkpoint", file=sys.stderr)
    where = f"no run to go on with in {folders[0]}" if named else "no run of these words under outputs/"
    print(f"resume=auto: {where}; starting anew", file=sys.stderr)
    return [*words, f"resume={ANEW}"]


def runs_of(words: Sequence[str]) -> list[Path]:
    """Folders under outputs/ whose runs were started with these words, the newest first."""
    found = [file.parent for file in Path("outputs").rglob("overrides.yaml")]
    same = [folder for folder in found if sorted(typed(folder)) == sorted(overrides(words))]
    return sorted(same, key=lambda folder: max(RUN_ID.findall(str(folder)), default=""), reverse=True)


def overrides(words: Sequence[str]) -> list[str]:
    """The words that change the configuration of the job itself."""
    return [w for w in words if "=" in w and not w.startswith(("-", "hydra.", "hydra/", "resume="))]


def typed(folder: Path) -> list[str]:
    """What a run was started with."""
    file = folder / "overrides.yaml"
    words = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else []
    return [word for word in words or [] if not word.startswith("resume=")]


def of_run(words: list[str], folder: Path, checkpoint: Path) -> list[str]:
    """The words that go on in a run folder from one of its checkpoints."""
    already = typed(folder)
    changes = []
    for word in overrides(words):
        key = word.partition("=")[0]
        is_option = key.partition("@")[0].lstrip("+~") in groups()
        if word in already and (is_option or key.startswith(("+", "~"))):
            continue  # config.yaml has it
        if is_option:
            raise ValueError(
                f"{word}: a run goes on with the options that it was started with "
                f"({' '.join(already) or 'no words'}); change single keys, such as trainer.max_epochs=20"
            )
        if key in ("init_from", "word_vectors") and word not in already:
            raise ValueError(
                f"{word}: a run that goes on has its weights; leave out resume= to start a new one"
            )
        changes.append(word)
    for place in (*values(words, "hydra.run.dir="), *values(words, "run_dir=")):
        if Path(place).expanduser().resolve() != folder.resolve():
            raise ValueError(f"{place}: a run goes on in its own folder, {folder}")
    return [
        *("--config-dir", str(folder.resolve()), "--config-name", "config"),
        *[word for word in changes if not word.startswith("run_dir=")],
        *[word for word in words if word.startswith(("hydra.job_logging", "hydra.verbose"))],
        quoted("resume", checkpoint),
        quoted("hydra.run.dir", folder),
    ]


def values(words: Sequence[str], key: str) -> list[str]:
    """What the words give a key, as Hydra would read it: without quotation marks around it."""
    found = [word.removeprefix(key) for word in words if word.startswith(key)]
    return [
        value[1:-1].replace(f"\\{value[0]}", value[0]) if re.fullmatch(r"(['\"]).*\1", value) else value
        for value in found
    ]


def quoted(key: str, path: Path) -> str:
    """An override that Hydra's grammar reads as this path, whatever characters it has."""
    escaped = str(path.resolve()).replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{escaped}'"


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint after the most steps that can be read; says which ones it passes over.

    Of two after as many steps, it is last.ckpt. The clock does not count: copies of a folder lose it.
    """
    found = {}
    for file in sorted((folder / "checkpoints").glob("*.ckpt")):
        try:
            read_checkpoint(file)
            if not file.stem.startswith("average_"):
                found[file] = (place_of(file)[1], file.stem == "last")
        except (ValueError, OSError) as error:
            print(f"warning: passing over {error}", file=sys.stderr)
    return max(found, key=lambda file: found[file], default=None)
