"""What the numbers of prepared data say that is worth acting on, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attendo.analysis.examples import length_ratios, role_name, usual_ratio
from attendo.data import PreparedData
from attendo.data.statistics import SplitStatistics, Statistics, TextStatistics, statistics, tokens_per_word

SMALL_CLASS = 10  # training rows
IMBALANCE = 10.0  # times as many rows in the largest class as in the smallest
SMALL_SPLIT = 200  # rows to validate or test on
UNKNOWN = 0.05  # share of tokens
WORDS = 1.5  # tokens per word; tokens of more are pieces of words or letters
UNSEEN = 0.2  # share of the vocabulary
TOO_LONG = 0.01  # share of rows
REPEATED = 0.01  # share of rows
COPIED = 0.01  # share of pairs
MISALIGNED = 8.0  # times between a pair's length ratio and the usual one
LENGTHS = 1.5  # between the mean lengths of two splits
CLASS_SHARES = 0.1  # difference between two splits
NAMED = 5  # classes in one sentence
SEPARATORS = "|;,"  # that labels of one row often have between
LONGEST_NAME = 24  # characters of a class's name
SUMMARIZED = 4  # findings before a training


def summary(data: PreparedData) -> list[str]:
    """A few lines for the log before a training: sizes, classes, and the first findings."""
    numbers = statistics(data)
    found = findings(numbers)
    lines = [f"{name:10} {split_line(split)}" for name, split in numbers.splits.items()]
    sizes = ", ".join(
        f"{' + '.join(map(role_name, part.roles))} {part.size:,}" for part in numbers.vocabularies
    )
    lines.append(f"{'vocabulary':10} {sizes}")
    if numbers.labels:
        lines.append(f"{many_classes(numbers):10} {class_line(numbers)}")
    lines += [f"{'look at':10} {sentence}" for sentence in found[:SUMMARIZED]]
    rest = len(found) - SUMMARIZED
    return lines + ([f"{'':10} and {rest} more: attendo inspect with the same words"] if rest > 0 else [])


def split_line(split: SplitStatistics) -> str:
    sides = [f"{role_name(role)} {side_line(text)}" for role, text in split.texts.items()]
    cut = [f"{split.too_long:,} longer than data.max_length"] if split.too_long else []
    return ", ".join([f"{split.rows:>9,} rows", *sides, *cut])


def side_line(text: TextStatistics) -> str:
    return f"{mean(text.tokens):.1f} tokens ({percent(unknown_share(text))} unknown)"


def class_line(numbers: Statistics) -> str:
    counts = numbers.splits["train"].class_counts
    assert counts is not None
    rows = numbers.splits["train"].rows
    shares = [f"{name} {percent(n / rows)}" for name, n in zip(numbers.labels, counts, strict=True)]
    return ", ".join(shares[:20]) + (f", … ({len(shares)} in all)" if len(shares) > 20 else "")


def findings(numbers: Statistics) -> list[str]:
    """Everything remarkable, the most harmful first; thresholds are the constants above."""
    return [sentence for check in CHECKS for sentence in check(numbers)]


# ------------------------------------------------------------------------------------------------- same texts
def leaks(numbers: Statistics) -> Iterator[str]:
    for split in held_out(numbers):
        what = split.question
        known = len(split.in_training[what])
        if not known:
            continue
        both = (
            f", {len(split.in_training['pair']):,} of them with the same target" if what == "source" else ""
        )
        yield f"{some_of(known, split, what + 's')} also occur in train{both}"


def skipped_rows(numbers: Statistics) -> Iterator[str]:
    if numbers.skipped:
        first = numbers.skipped[0]
        several = counted(len(numbers.skipped), "bad row was", "bad rows were")
        yield f"{several} left out (data.on_error=skip), the first at {first.where}: {first.problem}"


def contradictory_labels(numbers: Statistics) -> Iterator[str]:
    shares = {name: len(s.contradictory) / max(1, s.rows) for name, s in numbers.splits.items()}
    if max(shares.values()) > 0:
        what, other = (
            numbers.splits["train"].example,
            "other labels" if numbers.is_multilabel else "another label",
        )
        yield f"{each(shares)} of the rows have a {what} that has {other} elsewhere in the split"


def repetitions(numbers: Statistics) -> Iterator[str]:
    what = numbers.splits["train"].example
    shares = {name: len(s.repeated[what]) / max(1, s.rows) for name, s in numbers.splits.items()}
    if max(shares.values()) > REPEATED:
        yield f"{each(shares)} of the rows repeat the {what} of an earlier row"


def copies(numbers: Statistics) -> Iterator[str]:
    shares = {name: len(split.copied) / max(1, split.rows) for name, split in numbers.splits.items()}
    if max(shares.values()) > COPIED:
        yield f"{each(shares)} of the pairs have the same text on both sides"


# ---------------------------------------------------------------------------------------------------- classes
def label_sets(numbers: Statistics) -> Iterator[str]:
    """Labels that data.label_separator should divide, or does not."""
    per_row = [s.labels_per_row for s in numbers.splits.values() if s.labels_per_row is not None]
    if numbers.is_multilabel and max(int(counts.max(initial=0)) for counts in per_row) < 2:
        yield "no row has more than one label: is data.label_separator what stands between the labels?"
    for separator in () if numbers.is_multilabel else SEPARATORS:
        parts = {part.strip() for name in numbers.labels for part in name.split(separator)}
        several = [name for name in numbers.labels if separator in name]
        if several and len(parts) < len(numbers.labels):
            yield (
                f"classes such as {quoted(several[0])} look like several labels each: with "
                f"data.label_separator={separator!r} model.head=multilabel, there would be {len(parts):,} "
                f"labels in place of {len(numbers.labels):,} classes"
            )


def one_class(numbers: Statistics) -> str:
    return "label" if numbers.is_multilabel else "class"


def many_classes(numbers: Statistics) -> str:
    return "labels" if numbers.is_multilabel else "classes"


def small_classes(numbers: Statistics) -> Iterator[str]:
    counts = numbers.splits["train"].class_counts
    if counts is None:
        return
    small = [i for i in np.argsort(counts, kind="stable").tolist() if counts[i] < SMALL_CLASS]
    if small:
        shown = listed([f"{quoted(numbers.labels[i])} ({counts[i]})" for i in small])
        several = counted(len(small), one_class(numbers), many_classes(numbers))
        yield f"{several} with fewer than {SMALL_CLASS} rows in train: {shown}"


def empty_classes(numbers: Statistics) -> Iterator[str]:
    for split in held_out(numbers):
        if split.class_counts is not None and split.rows:
            empty = [quoted(numbers.labels[i]) for i in np.flatnonzero(split.class_counts == 0)]
            several = counted(len(empty), one_class(numbers), many_classes(numbers))
            if empty:
                yield f"{several} without a row in {split.name}: {listed(empty)}"


def imbalance(numbers: Statistics) -> Iterator[str]:
    counts = numbers.splits["train"].class_counts
    if counts is not None and counts.max() >= IMBALANCE * max(1, counts.min()):
        largest, smallest = (quoted(numbers.labels[int(i)]) for i in (counts.argmax(), counts.argmin()))
        times = f"{counts.max() / max(1, counts.min()):.0f} times"
        yield (
            f"{one_class(numbers)} {largest} has {times} as many rows in train as {smallest}: accuracy hides "
            f"the small {many_classes(numbers)}, monitor.metric=validation/macro_f1 does not"
        )


def class_shift(numbers: Statistics) -> Iterator[str]:
    train = numbers.splits["train"].class_counts
    for split in held_out(numbers):
        if train is None or split.class_counts is None or split.rows < SMALL_SPLIT:
            continue
        expected = train / numbers.splits["train"].rows
        differences = split.class_counts / split.rows - expected
        widest = int(np.abs(differences).argmax())
        if abs(differences[widest]) > CLASS_SHARES:
            ours, theirs = split.class_counts[widest] / split.rows, expected[widest]
            verb = "has" if numbers.is_multilabel else "is"
            name = f"{one_class(numbers)} {quoted(numbers.labels[widest])}"
            yield f"{name} {verb} {percent(ours)} of {split.name}, but {percent(theirs)} of train"


# --------------------------------------------------------------------------------------------- words, lengths
def unknown_tokens(numbers: Statistics) -> Iterator[str]:
    train = numbers.splits["train"]
    for role, text in train.texts.items():
        shares = {name: unknown_share(split.texts[role]) for name, split in numbers.splits.items()}
        are_words = (tokens_per_word(text, train.too_long) or 1.0) < WORDS
        advice = "try tokenizer=bpe, or a lower tokenizer.minimum_count"
        if not are_words:
            advice = "tokenizer=bpe tokenizer.byte_fallback=true would know them"
        if max(shares.values()) > UNKNOWN:
            side = "" if role == "text" and len(train.texts) == 1 else f"{role_name(role)} "
            yield f"{each(shares)} of the {side}tokens are unknown: {advice}"


def texts_without_tokens(numbers: Statistics) -> Iterator[str]:
    for split in numbers.splits.values():
        for role, text in split.texts.items():
            if count := len(text.without_tokens):
                yield f"{some_of(count, split, role_name(role) + 's')} have no token at all"


def unseen_vocabulary(numbers: Statistics) -> Iterator[str]:
    for vocabulary in numbers.vocabularies:
        if len(vocabulary.unseen) > UNSEEN * vocabulary.size:
            roles = " and ".join(map(role_name, vocabulary.roles))
            yield (
                f"{len(vocabulary.unseen):,} of the {vocabulary.size:,} tokens of the {roles} "
                "vocabulary never occur in train, and will not be learned"
            )


def long_texts(numbers: Statistics) -> Iterator[str]:
    shares = {name: split.too_long / max(1, split.rows) for name, split in numbers.splits.items()}
    if max(shares.values()) > TOO_LONG:
        yield f"{each(shares)} of the rows are longer than data.max_length, and were cut or left out"


def other_lengths(numbers: Statistics) -> Iterator[str]:
    for split in held_out(numbers):
        for role, text in split.texts.items():
            ours, usual = mean(text.tokens), mean(numbers.splits["train"].texts[role].tokens)
            if split.rows and max(ours / usual, usual / ours) > LENGTHS:
                yield f"{role_name(role)}s have {ours:.1f} tokens in {split.name}, but {usual:.1f} in train"


def misalignment(numbers: Statistics) -> Iterator[str]:
    for split in numbers.splits.values():
        if "source" not in split.texts or not split.rows:
            continue
        factors = np.exp(np.abs(np.log(length_ratios(split) / usual_ratio(split))))
        if odd := int((factors > MISALIGNED).sum()):
            yield (
                f"{some_of(odd, split, 'pairs')} have lengths more than {MISALIGNED:.0f} times off the usual "
                "ratio: are the sides aligned?"
            )


def small_splits(numbers: Statistics) -> Iterator[str]:
    for split in held_out(numbers):
        if split.rows < SMALL_SPLIT:
            margin = 98 / max(1, split.rows) ** 0.5  # 1.96 · √(¼ / n), in points
            yield (
                f"{split.name} has only {counted(split.rows, 'row', 'rows')}: an accuracy on it is uncertain "
                f"by up to ±{margin:.0f} points (95 %)"
            )


CHECKS = (
    skipped_rows, label_sets, leaks, contradictory_labels, texts_without_tokens, unknown_tokens, misalignment,
    small_classes, empty_classes, imbalance, class_shift, long_texts, other_lengths, repetitions, copies,
    small_splits, unseen_vocabulary,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ words
def held_out(numbers: Statistics) -> list[SplitStatistics]:
    return [split for name, split in numbers.splits.items() if name != "train"]


def mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 0.0


def unknown_share(text: TextStatistics) -> float:
    return float(text.unknown.sum() / max(1, text.tokens.sum()))


def some_of(count: int, split: SplitStatistics, what: str) -> str:
    """Such as "12 of the 1,821 test texts (0.7 %)"."""
    return f"{count:,} of the {split.rows:,} {split.name} {what} ({percent(count / max(1, split.rows))})"


def each(shares: Mapping[str, float]) -> str:
    """Such as "5.5 % (train) and 8.9 % (test)"."""
    *first, last = [f"{percent(share)} ({split})" for split, share in shares.items()]
    return f"{', '.join(first)} and {last}" if first else last


def percent(share: float) -> str:
    """With one decimal, and never 0.0 for what is not nothing."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def quoted(name: str) -> str:
    return repr(name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…")


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
