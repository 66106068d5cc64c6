"""Loggers; those of a resumed run go on with its curves: nothing twice, nothing missing."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from attendo.cli.building import build


def build_loggers(config: Mapping[str, Any], steps_done: int | None) -> list[Logger]:
    """The loggers of the ``logger`` group; null switches one off.

    Args:
        config: checked and resolved.
        steps_done: optimizer steps of the checkpoint that the run goes on from; None from the start. What was
            logged after it will be logged again, so TensorBoard is told to forget it.
    """
    nodes = {name: node for name, node in (config["logger"] or {}).items() if node is not None}
    for name, node in nodes.items():
        if steps_done is not None and issubclass(get_class(node["_target_"]), TensorBoardLogger):
            nodes[name] = {**node, "purge_step": steps_done}
    return [build(node, f"logger.{name}") for name, node in nodes.items()]


@rank_zero_only
def carry_over(loggers: Sequence[Logger], steps_done: int) -> None:
    """Lightning's CSV logger begins with an empty file: it is given the lines of the old one up to a step."""
    for logger in loggers:
        if not isinstance(logger, CSVLogger):
            continue
        file = Path(logger.log_dir) / "metrics.csv"
        old = file.parent.with_name(f".{file.parent.name}_before_resuming.csv")
        if file.is_file() and not old.is_file():  # it is there if we were stopped here the last time
            os.replace(file, old)
        if not old.is_file():
            continue
        with open(old, encoding="utf-8", newline="") as lines:
            rows = [{name: value for name, value in row.items() if value} for row in csv.DictReader(lines)]
        for left in file.parent.iterdir():
            left.unlink()
        for row in rows:
            step = int(row.pop("step"))
            if step < steps_done:
                logger.log_metrics(row, step)  # type: ignore[arg-type]
        logger.save()
        old.unlink()
