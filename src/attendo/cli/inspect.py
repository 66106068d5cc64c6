"""attendo inspect"""

import logging
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich import box, get_console
from rich.table import Table as RichTable
from rich.text import Text

from attendo.analysis import Report, Table, as_plain, data_page, model_table, report, tables
from attendo.checkpoint import build_model
from attendo.cli.building import build_preparation, build_tokenizer_trainers, use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.job import job
from attendo.cli.rehearsal import rehearse
from attendo.cli.run_folder import write_json

log = logging.getLogger(__name__)

ROWS_PRINTED = 14  # of a table; the page has all


@hydra.main(version_base="1.3", config_path=CONF, config_name="inspect")
@job
def main(config: DictConfig) -> None:
    words = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    assert isinstance(words, list)
    inspect(check(config), shlex.join(["attendo", "inspect", *map(str, words)]))


def inspect(config: Mapping[str, Any], command: str) -> Report:
    """Prints what there is to know of data and model, and writes data.html and data.json.

    Args:
        config: of conf/inspect.yaml, checked and resolved.
        command: what was typed, for the page.
    """
    use_threads(config["threads"])
    preparation = build_preparation(config["data"])
    trainers = build_tokenizer_trainers(config)
    rehearse(config, preparation.source.roles, trainers)
    data = preparation.train(trainers)
    model = build_model(config["model"], data.tokenizers, data.labels)
    found = report(config["data"]["name"], data, model, preparation.places)
    show(found)
    folder = Path(config["run_dir"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data.html").write_text(data_page(found, command), encoding="utf-8")
    write_json(folder / "data.json", as_plain(found))
    log.info("%-10s %s", "page", os.path.relpath(folder / "data.html"))
    log.info("%-10s %s", "numbers", os.path.relpath(folder / "data.json"))
    return found


# ----------------------------------------------------------------------------------------------- the terminal
def show(found: Report) -> None:
    console = get_console()
    for table in [*tables(found), model_table(found.cost)]:
        console.print(printed(table))
        if table.note:
            console.print(Text(table.note, style="dim"))
        console.print()
    log.info("Worth a look" if found.findings else "Nothing odd was found.")
    for sentence in found.findings:
        log.info("- %s", sentence)
    log.info("")


def printed(table: Table) -> RichTable:
    """The table with the first of its rows."""
    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(Text(column), justify="right" if number else "left", no_wrap=number > 0)
    for row in table.rows[:ROWS_PRINTED]:
        drawn.add_row(*(Text(cell) for cell in row))
    if len(table.rows) > ROWS_PRINTED:
        drawn.add_row(f"and {len(table.rows) - ROWS_PRINTED:,} more")
    return drawn
