"""The rows worth reading before training: longest and oddest ones, repetitions, contradictions, leaks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attendo.data import PreparedData, Split
from attendo.data.labels import Labels, label_groups
from attendo.data.statistics import Fingerprints, SplitStatistics, Statistics, token_oddness
from attendo.data.tables import Rows

Places = Callable[[Split, Rows], Sequence[str]]  # file and line of some of a split's rows

SHOWN = 5
ALWAYS_OPEN = ("Contradictory", "Also in training")
TEXTS_SHOWN = 3  # that are repeated, contradictory or known from training


@dataclass(frozen=True)
class Example:
    """One row.

    Attributes:
        where: its file and line.
        texts: role → raw text.
        label: its class, or its labels; None for source and target.
        note: what is remarkable about it.
    """

    where: str
    texts: Mapping[str, str]
    label: str | None
    note: str


@dataclass(frozen=True)
class Gallery:
    """Examples of one kind, from one split.

    Attributes:
        is_open: worth showing at once.
    """

    title: str
    explanation: str
    is_open: bool
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Choice:
    """Rows of a split that are to be shown, with a note for each."""

    title: str
    explanation: str
    rows: Rows
    notes: Sequence[str]


def galleries(data: PreparedData, numbers: Statistics, places: Places) -> list[Gallery]:
    """Examples of every split that has rows.

    Args:
        places: says where rows come from. It may have to read the source, so it is asked few times.
    """
    shown = []
    for name, split in data.splits.items():
        choices = [choice for choice in choices_of(data, numbers, split, places) if len(choice.rows)]
        rows = np.unique(np.concatenate([np.empty(0, np.int64), *[choice.rows for choice in choices]]))
        where = dict(zip(rows.tolist(), places(split, rows), strict=True))
        for choice in choices:
            examples = tuple(examples_of(data, split, choice, where))
            is_open = name == "train" or choice.title in ALWAYS_OPEN
            shown.append(Gallery(f"{choice.title} ({name})", choice.explanation, is_open, examples))
    return shown


def examples_of(
    data: PreparedData, split: Split, choice: Choice, where: Mapping[int, str]
) -> Iterator[Example]:
    texts = {role: split.raw(role, choice.rows) for role in split.ids.columns}
    for place, row in enumerate(choice.rows.tolist()):
        label = None if split.labels is None else shown_label(split.labels, row, data.labels)
        sides = {role: column[place] for role, column in texts.items()}
        yield Example(where[row], sides, label, choice.notes[place])


def shown_label(labels: Labels, row: int, names: Sequence[str]) -> str:
    """A row's class, or its labels."""
    if labels.ndim == 1:
        return names[int(labels[row])]
    return ", ".join(names[i] for i in np.flatnonzero(labels[row]).tolist()) or "no label"


def role_name(role: str) -> str:
    """A role in a sentence."""
    return "second text" if role == "text_b" else role


def choices_of(data: PreparedData, numbers: Statistics, split: Split, places: Places) -> Iterator[Choice]:
    own, train = numbers.splits[split.name], numbers.splits["train"]
    yield longest(data, split, own)
    yield oddest_pairs(own) if "source" in own.texts else oddest_texts(split, own, train)
    yield contradictory(split, own)
    yield repeated(own)
    if own.in_training:
        yield in_training(own, train, lambda rows: places(data.splits["train"], rows))
    copied = own.copied[:TEXTS_SHOWN]
    yield Choice("The same on both sides", "", copied, [""] * len(copied))


# ------------------------------------------------------------------------------------------ long and odd ones
def longest(data: PreparedData, split: Split, own: SplitStatistics) -> Choice:
    """By tokens as encoded; among rows that were cut to the same length, by characters."""
    tokens = np.sum([text.tokens for text in own.texts.values()], axis=0)
    characters = np.sum([text.characters for text in own.texts.values()], axis=0)
    rows = np.lexsort((-characters, -tokens))[:SHOWN]
    sides = [(role, f"{role_name(role)} " if len(own.texts) == 2 else "") for role in own.texts]
    whole = {role: data.tokenizers[role].encode_batch(split.raw(role, rows)) for role in own.texts}
    notes = [
        ", ".join(length(side, len(whole[role][i]), int(own.texts[role].tokens[row])) for role, side in sides)
        for i, row in enumerate(rows.tolist())
    ]
    return Choice("Longest", "", rows, notes)


def length(side: str, whole: int, kept: int) -> str:
    return f"{side}{whole:,} tokens" + (f", cut to {kept:,}" if whole > kept else "")


def oddest_texts(split: Split, own: SplitStatistics, train: SplitStatistics) -> Choice:
    scores = np.max([token_oddness(split, role, train.texts[role].counts) for role in own.texts], axis=0)
    unknown = np.max([text.unknown / np.maximum(text.tokens, 1) for text in own.texts.values()], axis=0)
    rows = np.argsort(-scores, kind="stable")[:SHOWN]
    notes = [f"oddness {scores[row]:.1f}, {unknown[row]:.0%} unknown" for row in rows.tolist()]
    explanation = (
        "Texts whose tokens are rarer in training than chance would have it: other languages, markup, lists, "
        "noise. Oddness 0 is usual, 2 is odd; unknown tokens count as the rarest."
    )
    return Choice("Oddest", explanation, rows, notes)


def oddest_pairs(own: SplitStatistics) -> Choice:
    ratios = length_ratios(own)
    usual = usual_ratio(own)
    factors = np.exp(np.abs(np.log(ratios / usual)))
    rows = np.argsort(-factors, kind="stable")[:SHOWN]
    notes = [
        f"target {factors[row]:.1f} times {'longer' if ratios[row] > usual else 'shorter'} than usual"
        for row in rows.tolist()
    ]
    explanation = (
        "Pairs whose lengths are farthest from the usual ratio, which is "
        f"{usual:.2f} target characters per source character: often wrong alignments or missing text."
    )
    return Choice("Oddest", explanation, rows, notes)


def length_ratios(own: SplitStatistics) -> NDArray[np.float64]:
    """Target characters per source character of each row; no text is empty."""
    ratios: NDArray[np.float64] = own.texts["target"].characters / own.texts["source"].characters
    return ratios


def usual_ratio(own: SplitStatistics) -> float:
    """The median of the ratios."""
    return float(np.median(length_ratios(own))) if own.rows else 1.0


# ------------------------------------------------------------------------------------------------- same texts
def contradictory(split: Split, own: SplitStatistics) -> Choice:
    """The first few such texts, each with a row of its first label and one of another."""
    rows: list[int] = []
    if split.labels is not None and len(own.contradictory):
        prints = own.prints[own.example][own.contradictory]
        labels = label_groups(split.labels)[own.contradictory]
        for text in list(dict.fromkeys(prints.tolist()))[:TEXTS_SHOWN]:
            here = np.flatnonzero(prints == text)
            other = here[labels[here] != labels[here[0]]][0]
            rows += own.contradictory[[here[0], other]].tolist()
    explanation = f"The same {own.example}, apart from case and white space, with different labels."
    return Choice("Contradictory", explanation, np.array(rows, np.int64), [""] * len(rows))


def repeated(own: SplitStatistics) -> Choice:
    """The first few texts (or whole pairs) that occur again, each with its first repetition."""
    what = own.example
    prints, again = own.prints[what], own.repeated[what]
    _, places = np.unique(prints[again], return_index=True)
    again = again[np.sort(places)[:TEXTS_SHOWN]]
    rows = np.array([row for later in again for row in (first_row(prints, prints[later]), later)], np.int64)
    explanation = f"The same {what}, apart from case and white space."
    return Choice("Repeated", explanation, rows, [""] * len(rows))


def in_training(
    own: SplitStatistics, train: SplitStatistics, places: Callable[[Rows], Sequence[str]]
) -> Choice:
    what = own.question
    rows = own.in_training[what][:TEXTS_SHOWN]
    theirs = np.array([first_row(train.prints[what], own.prints[what][row]) for row in rows], np.int64)
    notes = [f"also at {where}" for where in places(theirs)] if len(rows) else []
    explanation = f"The same {what}, apart from case and white space, as in a training row."
    return Choice("Also in training", explanation, rows, notes)


def first_row(prints: Fingerprints, wanted: np.int64) -> int:
    return int(np.flatnonzero(prints == wanted)[0])
