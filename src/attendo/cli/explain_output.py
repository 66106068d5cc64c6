"""What ``attendo explain`` says and writes, whatever the model."""

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich import get_console

from attendo.cli.run_folder import write_records, write_text

log = logging.getLogger(__name__)

LARGE_PAGE = 50  # megabytes, from which on browsers become slow


def say(what: str, value: str) -> None:
    get_console().print(f"{what:13}{value}", markup=False, highlight=False, soft_wrap=True)


def write_weights(folder: Path, records: Iterable[Mapping[str, Any]]) -> None:
    write_records(folder / "attention.jsonl", records)
    say("weights", os.path.relpath(folder / "attention.jsonl"))


def write_page(folder: Path, page: str) -> None:
    write_text(folder / "index.html", page)
    say("page", os.path.relpath(folder / "index.html"))
    say("open it", (folder / "index.html").resolve().as_uri())
    if len(page) > LARGE_PAGE * 1e6:
        log.warning(
            "the page has %.0f MB, which takes a browser a while: limit=… makes a smaller one",
            len(page) / 1e6,
        )


def write_figures(folder: Path, figures: Iterable[tuple[str, Figure]]) -> None:
    """Pictures by name; those of an earlier time, which may have drawn more, go."""
    for old in folder.glob("[0-9]*.png"):
        old.unlink()
    folder.mkdir(exist_ok=True)
    drawn = 0
    for name, figure in figures:
        figure.savefig(folder / f"{name}.png")
        drawn += 1
    if drawn:
        say("heat maps", f"{os.path.relpath(folder)} ({drawn})")
