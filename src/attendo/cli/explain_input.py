"""Which texts ``attendo explain`` looks at."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attendo.cli.explain_rows import evenly_spaced, own_examples
from attendo.cli.text_input import STANDARD_INPUT, Example
from attendo.data.sources.rows import BadRow
from attendo.predictor import Classifier, Translator
from attendo.predictor.reader import Reader

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]

OWN_ROWS = 200


def name_of(config: Settings) -> str:
    """What is explained: the name of a file, or that of a split."""
    if config["input"] is None:
        return str(config["split"])
    return STANDARD_INPUT if config["input"] == "-" else Path(config["input"]).name


def own_rows(config: Settings, predictor: Classifier | Translator) -> tuple[list[Example], list[str]]:
    """Rows of the run's own data, and what to know about the choice."""
    limit = OWN_ROWS if config["limit"] is None else config["limit"]
    examples, total = own_examples(config, predictor, limit)
    return examples, [fact(len(examples), total, f"{config['split']} rows")]


def some_of(config: Settings, rows: Iterable[Example | BadRow]) -> tuple[list[Example], list[str]]:
    """Rows of an input, and what to know about the choice."""
    good, bad = good_and_bad(rows, config["on_error"] == "skip")
    if bad:
        log.warning("bad lines, left out: %s, the first of them %s", f"{len(bad):,}", bad[0].error)
    if not good:
        raise ValueError(f"input={config['input']}: has no texts")
    examples = [good[place] for place in evenly_spaced(len(good), config["limit"])]
    return examples, [fact(len(examples), len(good), f"texts of {name_of(config)}")]


def fact(chosen: int, total: int, what: str) -> str:
    if chosen == total:
        return f"all {total:,} {what}"
    left_out = f"{chosen:,} of the {total:,} {what}, evenly spread"
    log.info("%s; limit=%s explains all", left_out, total)
    return left_out


def good_and_bad(rows: Iterable[Example | BadRow], skips: bool) -> tuple[list[Example], list[BadRow]]:
    """Raises ValueError at the first bad row, unless it ``skips``."""
    good, bad = [], []
    for row in rows:
        if isinstance(row, Example):
            good.append(row)
        elif skips:
            bad.append(row)
        else:
            raise row.error
    return good, bad


def cut_off(readers: Sequence[Reader]) -> list[str]:
    """A fact about texts whose ends were not read, if there are some."""
    if not (cut := sum(reader.cut for reader in readers)):
        return []
    told = f"{cut:,} texts had more tokens than the model reads: their ends were left out"
    log.warning("%s", told)
    return [told]
