"""The tables of a report: the same on the terminal and on the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attendo.analysis.cost import TRAINING, Cost
from attendo.analysis.examples import length_ratios, role_name
from attendo.analysis.findings import many_classes, percent, unknown_share
from attendo.analysis.report import Report, UnknownWords, spread
from attendo.data.statistics import SplitStatistics, Statistics, tokens_per_word

NOTHING = "–"
LONGEST_WORD = 20  # characters
TOKENS = (("mean", "mean"), ("median", "median"), ("95th percentile", "p95"), ("longest", "max"))
PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Table:
    """Cells as text; the first column names the row, the others are numbers.

    Attributes:
        note: what to know about it, below.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def tables(found: Report) -> list[Table]:
    """All tables but that of the model."""
    numbers = found.numbers
    roles = numbers.splits["train"].texts
    shown = [row_table(numbers), *(text_table(numbers, role) for role in roles)]
    shown += [class_table(numbers)] if numbers.labels else []
    return [*shown, vocabulary_table(numbers), *unknown_tables(found)]


def row_table(numbers: Statistics) -> Table:
    splits = list(numbers.splits.values())
    rows = [
        ["rows", *(f"{split.rows:,}" for split in splits)],
        ["over data.max_length", *(count(split.too_long, split) for split in splits)],
    ]
    for what in splits[0].repeated:
        rows.append(
            [f"{role_name(what)} repeated", *(count(len(split.repeated[what]), split) for split in splits)]
        )
    for what in splits[0].repeated:
        rows.append([f"{role_name(what)} also in train", *(known(split, what) for split in splits)])
    if numbers.labels:
        kinds = "different sets of labels" if numbers.is_multilabel else "several labels"
        what = f"{splits[0].example} with {kinds}"
        rows.append([what, *(count(len(split.contradictory), split) for split in splits)])
    if splits[0].example == "pair":
        rows.append(["same on both sides", *(count(len(split.copied), split) for split in splits)])
    if "source" in splits[0].texts:
        rows.append(["target ÷ source characters", *(median_ratio(split) for split in splits)])
    note = "Texts are the same if they differ in case and white space only; repeated: as an earlier row."
    return Table("Rows", ["", *numbers.splits], rows, note)


def count(number: int, split: SplitStatistics) -> str:
    return f"{number:,} ({percent(number / split.rows)})" if number and split.rows else f"{number:,}"


def known(split: SplitStatistics, what: str) -> str:
    return count(len(split.in_training[what]), split) if split.in_training else NOTHING


def median_ratio(split: SplitStatistics) -> str:
    return f"{np.median(length_ratios(split)):.2f}" if split.rows else NOTHING


def text_table(numbers: Statistics, role: str) -> Table:
    splits = list(numbers.splits.values())
    texts = [split.texts[role] for split in splits]
    tokens = [spread(text.tokens) for text in texts]
    rows = [["all tokens", *(f"{text.tokens.sum():,}" for text in texts)]]
    for name, key in TOKENS:
        rows.append([f"tokens, {name}", *(NOTHING if t is None else short(t[key]) for t in tokens)])
    rows += [
        ["words, mean", *(average(text.words) for text in texts)],
        ["characters, mean", *(average(text.characters) for text in texts)],
        ["tokens per word", *(decimals(tokens_per_word(s.texts[role], s.too_long)) for s in splits)],
        ["unknown tokens", *(percent(unknown_share(text)) for text in texts)],
        ["rows with unknown", *(count(int((s.texts[role].unknown > 0).sum()), s) for s in splits)],
        ["rows without token", *(count(len(s.texts[role].without_tokens), s) for s in splits)],
    ]
    note = (
        "Mean, median, percentile and longest are of a row. Tokens: as encoded, cut at data.max_length. "
        "Words: what stands between spaces, and every character of scripts without spaces."
    )
    return Table(role_name(role).capitalize(), ["", *numbers.splits], rows, note)


def class_table(numbers: Statistics) -> Table:
    """Classes or labels, the most frequent in training first."""
    splits = [split for split in numbers.splits.values() if split.class_counts is not None]
    counts = [split.class_counts for split in splits if split.class_counts is not None]
    order = np.argsort(-counts[0], kind="stable").tolist()
    rows = [
        [
            numbers.labels[i],
            *(count(int(column[i]), split) for column, split in zip(counts, splits, strict=True)),
        ]
        for i in order
    ]
    note = several_labels(splits) if numbers.is_multilabel else baseline(numbers, splits, order[0])
    return Table(many_classes(numbers).capitalize(), ["", *numbers.splits], rows, note)


def baseline(numbers: Statistics, splits: Sequence[SplitStatistics], largest: int) -> str:
    shares = ", ".join(
        f"{percent(int(split.class_counts[largest]) / max(1, split.rows))} of {split.name}"
        for split in splits
        if split.class_counts is not None
    )
    return f"Always to answer {numbers.labels[largest]!r} is right for {shares}."


def several_labels(splits: Sequence[SplitStatistics]) -> str:
    """How many labels rows have."""
    found = [
        f"{counts.mean():.2f} in {split.name} (at most {counts.max()}, "
        f"none in {count(int((counts == 0).sum()), split)})"
        for split in splits
        if (counts := split.labels_per_row) is not None and split.rows
    ]
    return f"Labels of a row, in the mean: {', '.join(found)}."


def vocabulary_table(numbers: Statistics) -> Table:
    vocabularies = numbers.vocabularies
    rows = [
        ["tokens", *(f"{vocabulary.size:,}" for vocabulary in vocabularies)],
        [
            "never read in training",
            *(f"{len(v.unseen):,} ({percent(len(v.unseen) / v.size)})" for v in vocabularies),
        ],
    ]
    return Table("Vocabulary", ["", *(" + ".join(map(role_name, v.roles)) for v in vocabularies)], rows)


def unknown_tables(found: Report) -> list[Table]:
    """The most frequent unknown words of every split, beside each other."""
    shown = []
    for role in found.numbers.splits["train"].texts:
        columns = [found.unknown.get((split, role)) for split in found.numbers.splits]
        longest = max((len(words.most_frequent) for words in columns if words), default=0)
        if not longest:
            continue
        rows = [["different ones", *(f"{words.distinct:,}" if words else "0" for words in columns)]]
        rows += [[f"{rank + 1}.", *(ranked(words, rank) for words in columns)] for rank in range(longest)]
        steps = {split: words.step for (split, other), words in found.unknown.items() if other == role}
        looked = [
            f"{split}: only every {step}. row was looked at" for split, step in steps.items() if step > 1
        ]
        title = "Unknown words" if role == "text" else f"{role.capitalize()}: unknown words"
        shown.append(Table(title, ["", *found.numbers.splits], rows, "; ".join(looked)))
    return shown


def ranked(words: UnknownWords | None, rank: int) -> str:
    if words is None or rank >= len(words.most_frequent):
        return ""
    word, times = words.most_frequent[rank]
    return f"{word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD - 1] + '…'} ({times:,})"


def model_table(found: Cost) -> Table:
    rows = [
        [
            part.name,
            f"{part.parameters:,}",
            share(part.parameters, found.parameters),
            prefixed(part.flops / found.tokens),
            share(part.flops, found.flops),
        ]
        for part in found.parts
    ]
    rows.append([
        "all", f"{found.parameters:,}", share(1, 1), prefixed(found.flops_per_token), share(1, 1)
    ])  # fmt: skip
    sentence = " and ".join(f"{length} {role}" for role, length in found.lengths.items())
    note = (
        f"Forward, for a row of mean length ({sentence.replace(' text', '')} tokens); a multiplication and "
        f"an addition are two FLOPs, and only matrix products count. Training takes about {TRAINING} times "
        f"as many: {prefixed(TRAINING * found.flops_per_token)} per token."
    )
    columns = ["", "parameters", "share", "FLOPs per token", "share"]
    return Table(f"Model: {found.model}", columns, rows, note)


# ------------------------------------------------------------------------------------------------------ cells
def share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else NOTHING


def prefixed(value: float) -> str:
    """Three digits and a prefix: 1.25 M."""
    rounded = float(f"{value:.3g}")
    for size, prefix in PREFIXES:
        if rounded >= size:
            return f"{rounded / size:.3g} {prefix}"
    return f"{rounded:.3g}"


def short(value: int | float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def decimals(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def average(values: NDArray[Any]) -> str:
    return f"{values.mean():,.1f}" if len(values) else NOTHING
