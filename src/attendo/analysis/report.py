"""All that `attendo inspect` says about data and model, ready to be shown as tables, page or JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from attendo.analysis.cost import Cost, cost
from attendo.analysis.examples import Gallery, Places, galleries, length_ratios
from attendo.analysis.findings import findings, mean, unknown_share
from attendo.data import PreparedData
from attendo.data.statistics import (
    SplitStatistics,
    Statistics,
    VocabularyStatistics,
    statistics,
    tokens_per_word,
    unknown_words,
)

MOST_FREQUENT = 20  # unknown words
UNSEEN_NAMED = 100  # tokens of the vocabulary


@dataclass(frozen=True)
class UnknownWords:
    """What the vocabulary lacks.

    Attributes:
        distinct: different ones.
        most_frequent: the most frequent ones, and how often they occur.
        step: n, if only every n-th row with unknown tokens was looked at.
    """

    distinct: int
    most_frequent: Sequence[tuple[str, int]]
    step: int


@dataclass(frozen=True)
class Report:
    """What there is to say.

    Attributes:
        unknown: (split, role) → unknown words, where there are any.
    """

    name: str
    findings: Sequence[str]
    numbers: Statistics
    unknown: Mapping[tuple[str, str], UnknownWords]
    galleries: Sequence[Gallery]
    cost: Cost


def report(name: str, data: PreparedData, model: nn.Module, places: Places) -> Report:
    """Everything about some data and a model for it.

    Args:
        places: says which file and line rows come from.
    """
    numbers = statistics(data)
    return Report(
        name=name,
        findings=findings(numbers),
        numbers=numbers,
        unknown=all_unknown_words(data, numbers),
        galleries=galleries(data, numbers, places),
        cost=cost(model, usual_lengths(numbers)),
    )


def all_unknown_words(data: PreparedData, numbers: Statistics) -> dict[tuple[str, str], UnknownWords]:
    found = {}
    for name, split in numbers.splits.items():
        for role, text in split.texts.items():
            counts, step = unknown_words(data.splits[name], role, data.tokenizers[role], text.unknown)
            if counts:
                frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_FREQUENT]
                found[name, role] = UnknownWords(len(counts), frequent, step)
    return found


def usual_lengths(numbers: Statistics) -> dict[str, int]:
    """Role → mean tokens of the training texts; of source and target, with EOS."""
    texts = numbers.splits["train"].texts
    end = "source" in texts
    return {role: max(1, round(mean(text.tokens) + end)) for role, text in texts.items()}


# ------------------------------------------------------------------------------------------------------- JSON
def as_plain(found: Report) -> dict[str, Any]:
    """The report in plain containers, for a file that programs read."""
    return {
        "name": found.name,
        "findings": list(found.findings),
        "splits": {name: plain_split(found, split) for name, split in found.numbers.splits.items()},
        "skipped": [asdict(row) for row in found.numbers.skipped],
        "vocabularies": [plain_vocabulary(one) for one in found.numbers.vocabularies],
        "model": plain_cost(found.cost),
        "examples": [asdict(gallery) for gallery in found.galleries],
    }


def plain_split(found: Report, split: SplitStatistics) -> dict[str, Any]:
    counts = split.class_counts
    facts: dict[str, Any] = {
        "rows": split.rows,
        "too_long": split.too_long,
        "repeated": {what: len(rows) for what, rows in split.repeated.items()},
        "in_training": {what: len(rows) for what, rows in split.in_training.items()},
        "texts": {role: plain_text(found, split, role) for role in split.texts},
    }
    if counts is not None:
        facts["classes"] = dict(zip(found.numbers.labels, counts.tolist(), strict=True))
        facts["contradictory"] = len(split.contradictory)
    if split.labels_per_row is not None:
        facts["labels_per_row"] = spread(split.labels_per_row)
    if split.example == "pair":
        facts["copied"] = len(split.copied)
    if "source" in split.texts:
        facts["length_ratio"] = spread(length_ratios(split))
    return facts


def plain_text(found: Report, split: SplitStatistics, role: str) -> dict[str, Any]:
    text, unknown = split.texts[role], found.unknown.get((split.name, role))
    return {
        "tokens": spread(text.tokens),
        "characters": spread(text.characters),
        "words": spread(text.words),
        "tokens_per_word": tokens_per_word(text, split.too_long),
        "unknown_tokens": int(text.unknown.sum()),
        "unknown_share": unknown_share(text),
        "rows_with_unknown": int((text.unknown > 0).sum()),
        "rows_without_tokens": len(text.without_tokens),
        "unknown_words": None if unknown is None else asdict(unknown),
    }


def spread(values: NDArray[Any]) -> dict[str, int | float] | None:
    """Sum, mean, median, 95th percentile and largest of some numbers."""
    if len(values) == 0:
        return None
    median, most = np.quantile(values, [0.5, 0.95]).tolist()
    total, largest = values.sum().item(), values.max().item()
    return {"sum": total, "mean": total / len(values), "median": median, "p95": most, "max": largest}


def plain_vocabulary(vocabulary: VocabularyStatistics) -> dict[str, Any]:
    return {
        "roles": list(vocabulary.roles),
        "size": vocabulary.size,
        "unseen": len(vocabulary.unseen),
        "unseen_tokens": list(vocabulary.unseen[:UNSEEN_NAMED]),
    }


def plain_cost(found: Cost) -> dict[str, Any]:
    return {
        "name": found.model,
        "parameters": found.parameters,
        "flops_per_token": found.flops_per_token,
        "tokens": dict(found.lengths),
        "parts": [asdict(part) for part in found.parts],
    }
