"""The page of `attendo inspect`: one HTML file that needs no other, and no network."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from attendo.analysis.charts import bars, histogram, length_bins, lying_bars, ratio_bins
from attendo.analysis.examples import Example, Gallery, length_ratios, role_name
from attendo.analysis.findings import many_classes
from attendo.analysis.markup import element, page
from attendo.analysis.report import Report
from attendo.analysis.tables import Table, model_table, tables
from attendo.data.statistics import Counts, Statistics

CLASSES_DRAWN = 20
ROWS_OPEN = 30  # of a table; the rest of a longer one is folded away
SHOWN = 300  # characters of a text; the rest is folded away
MOST_SHOWN = 20_000  # characters
UNKNOWN_SHARES = {"none": 0.0, "≤ 5 %": 0.05, "≤ 10 %": 0.1, "≤ 20 %": 0.2, "≤ 50 %": 0.5, "more": 1.0}


def data_page(found: Report, command: str) -> str:
    """The whole page.

    Args:
        command: what was typed to make it.
    """
    columns = [tabulated(table) for table in tables(found)]
    examples = [gallery(one) for one in found.galleries]
    return page(
        f"{found.name}: data and model",
        element("h1", {}, found.name),
        element("p", {"class": "soft"}, command),
        element("h2", {}, "Worth a look"),
        element("ul", {"class": "findings"}, *sentences(found)),
        element("h2", {}, "Distributions"),
        element("div", {"class": "grid"}, *charts(found.numbers)),
        element("h2", {}, "Numbers"),
        element("div", {"class": "columns"}, *columns, tabulated(model_table(found.cost))),
        element("h2", {}, "Rows to read"),
        *examples,
    )


def sentences(found: Report) -> list[Element]:
    words = found.findings or ["Nothing: no leaks, no contradictions, no small classes, few unknown words."]
    return [element("li", {}, sentence) for sentence in words]


# ----------------------------------------------------------------------------------------------------- charts
def charts(numbers: Statistics) -> Iterator[Element]:
    splits = numbers.splits
    for role in splits["train"].texts:
        title = titled(numbers, role, "length")
        tokens = {name: split.texts[role].tokens for name, split in splits.items()}
        yield histogram(title, "tokens per row", tokens, length_bins(tokens))
    if "source" in splits["train"].texts:
        ratios = {name: np.log2(length_ratios(split)) for name, split in splits.items()}
        yield histogram("Length ratio", "target characters ÷ source characters", ratios, ratio_bins(ratios))
    if numbers.labels:
        yield class_chart(numbers)
    for role in splits["train"].texts:
        if any(split.texts[role].unknown.any() for split in splits.values()):
            yield unknown_chart(numbers, role)


def titled(numbers: Statistics, role: str, what: str) -> str:
    """Such as "Length", or where there are two texts "Source: length"."""
    is_alone = len(numbers.splits["train"].texts) == 1
    return (what if is_alone else f"{role_name(role)}: {what}").capitalize()


def class_chart(numbers: Statistics) -> Element:
    counts = {name: s.class_counts for name, s in numbers.splits.items() if s.class_counts is not None}
    shares = {name: column / max(1, numbers.splits[name].rows) for name, column in counts.items()}
    order = np.argsort(-counts["train"], kind="stable")[:CLASSES_DRAWN]
    what = many_classes(numbers)
    title = what.capitalize()
    if len(numbers.labels) > CLASSES_DRAWN:
        title = f"The {CLASSES_DRAWN} largest of {len(numbers.labels):,} {what}"
    drawn = {name: share[order] for name, share in shares.items()}
    return lying_bars(title, "share of the split's rows", [numbers.labels[i] for i in order], drawn)


def unknown_chart(numbers: Statistics, role: str) -> Element:
    series = {
        name: unknown_shares(split.texts[role].unknown, split.texts[role].tokens)
        for name, split in numbers.splits.items()
        if split.rows
    }
    return bars(
        titled(numbers, role, "unknown words"),
        "share of unknown tokens in a row",
        list(UNKNOWN_SHARES),
        series,
    )


def unknown_shares(unknown: Counts, tokens: Counts) -> NDArray[np.float64]:
    """The share of the rows in every kind of UNKNOWN_SHARES."""
    kinds = np.searchsorted(list(UNKNOWN_SHARES.values()), unknown / np.maximum(tokens, 1))
    shares: NDArray[np.float64] = np.bincount(kinds, minlength=len(UNKNOWN_SHARES)) / len(tokens)
    return shares


# ----------------------------------------------------------------------------------------------------- tables
def tabulated(table: Table) -> Element:
    head = element("tr", {}, *(element("th", {}, column) for column in table.columns))
    rows = [element("tr", {}, *map(table_cell, row)) for row in table.rows]
    shown = element("div", {"class": "wide"}, element("table", {}, head, *rows[:ROWS_OPEN]))
    parts = [element("h3", {}, table.title), shown]
    if rest := rows[ROWS_OPEN:]:
        folded = element("div", {"class": "wide"}, element("table", {}, *rest))
        parts.append(element("details", {}, element("summary", {}, f"{len(rest):,} more"), folded))
    if table.note:
        parts.append(element("p", {"class": "soft"}, table.note))
    return element("section", {}, *parts)


def table_cell(text: str) -> Element:
    """On a phone "12 (3.4 %)" may go onto two lines, but not three."""
    return element("td", {"dir": "auto"}, text.replace(" %", "\N{NO-BREAK SPACE}%"))


# --------------------------------------------------------------------------------------------------- examples
def gallery(shown: Gallery) -> Element:
    cards = [card(example) for example in shown.examples]
    open_or_not = {"open": "open"} if shown.is_open else {}
    explanation = [element("p", {"class": "soft"}, shown.explanation)] if shown.explanation else []
    return element("details", open_or_not, element("summary", {}, shown.title), *explanation, *cards)


def card(example: Example) -> Element:
    facts = " · ".join(fact for fact in (example.where, example.label, example.note) if fact)
    is_alone = len(example.texts) == 1
    texts = [folded_text("" if is_alone else role_name(role), text) for role, text in example.texts.items()]
    return element("div", {"class": "card"}, element("p", {"class": "soft"}, facts), *texts)


def folded_text(role: str, text: str) -> Element:
    """A text with its role; of a long one the beginning, and the rest to unfold."""
    name = [element("span", {"class": "role"}, f"{role}: ")] if role else []
    whole = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]} … ({len(text):,} characters)"
    if len(text) <= SHOWN:
        return element("p", {"dir": "auto"}, *name, whole)
    summary = element("summary", {"dir": "auto"}, *name, f"{text[:SHOWN]}…")
    return element("details", {}, summary, element("p", {"dir": "auto"}, whole))
