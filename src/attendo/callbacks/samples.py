"""A few validation examples as text in TensorBoard."""

import html
import re
from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger


class Samples(pl.Callback):
    """After every validation, what the model says of the same few rows (our tasks' ``records``), as a table.

    Args:
        count: rows, spread evenly over the split.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.sanity_checking or not trainer.is_global_zero or not pl_module.records:
            return
        table = markdown(spread(pl_module.records, self.count))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_text("validation/samples", table, trainer.global_step)


def spread(records: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """``count`` records at even distances; the same ones for the same split."""
    count = min(count, len(records))
    return [records[number * len(records) // count] for number in range(count)]


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """A Markdown table with a line per record and a column per plain value."""
    names = [name for name, value in records[0].items() if isinstance(value, str | int | float)]
    lines = [names, ["---"] * len(names)] + [[cell(record[name]) for name in names] for record in records]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    """Text that Markdown shows as it is, on one line."""
    text = html.escape(" ".join(str(value).split()), quote=False)  # <unk> would pass for a tag
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|])", r"\\\1", text)
