"""The rows of a run's own data that ``attendo explain`` looks at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attendo.checkpoint import check_safe
from attendo.cli.building import build_preparation
from attendo.cli.evaluate import with_overrides
from attendo.cli.text_input import Example
from attendo.data.tables import Rows
from attendo.predictor import Classifier, Translator

Settings = Mapping[str, Any]


def own_examples(
    config: Settings, predictor: Classifier | Translator, limit: int
) -> tuple[list[Example], int]:
    """Some rows of a split of the run's own data, and how many it has.

    Raises:
        ValueError: there is no such split.
    """
    contents, name = predictor.trained.contents, config["split"]
    check_safe(contents.config["data"]["source"], config["trust"], "data.source")  # the rest is not built
    kept = dict.fromkeys(("test", "columns", "tokens_per_micro_batch"))
    changed = {**kept, "on_error": config["on_error"], "cache_dir": config["cache_dir"]}
    settings = with_overrides(contents.config, {"split": name, "data": changed})
    preparation = build_preparation(settings["data"])
    if name == "test" and not preparation.source.has(name) and preparation.splits.folds is None:
        raise ValueError("split=test: the run's data has no test split; give split=validation")
    split = preparation.evaluate(name, dict(contents.tokenizers), contents.labels).splits[name]
    rows = evenly_spaced(len(split), limit)
    sides = zip(*(split.raw(role, rows) for role in split.ids.columns), strict=True)
    truths = [None] * len(rows) if split.labels is None else named(split.labels[rows], contents.labels)
    places = [f"{name} row {row + 1:,}" for row in rows.tolist()]
    return [Example(*each) for each in zip(places, sides, truths, strict=True)], len(split)


def named(codes: np.ndarray, labels: Sequence[str]) -> list[tuple[str, ...] | None]:
    return [truth_of(code, labels) for code in codes]


def truth_of(code: Any, labels: Sequence[str]) -> tuple[str, ...]:
    """Classes of a row: of a number, or of a truth value for every label."""
    codes = [int(code)] if np.ndim(code) == 0 else np.flatnonzero(code).tolist()
    return tuple(labels[place] for place in codes)


def evenly_spaced(count: int, limit: int | None) -> Rows:
    """Numbers of rows from first to last: files are often sorted by class."""
    if limit is None or limit >= count:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, limit).round().astype(np.int64)
