"""Charts of a few splits beside each other, as SVG. One unit is a pixel of a phone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from attendo.analysis.markup import element

Series = Mapping[str, NDArray[Any]]  # split → values of its rows; or → a share for each bar

WIDTH, HEIGHT = 360.0, 180.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 10.0, 8.0, 22.0  # around the plot
MOST_BINS = 32
TICK_DISTANCE = 48.0
NAME_WIDTH = 118.0  # of bars that lie
BAR = 7.0
LONGEST_NAME = 17


@dataclass(frozen=True)
class Bins:
    """Where a histogram is cut.

    Attributes:
        edges: ascending; one more than bins.
        labels: value → how it is written at the axis.
    """

    edges: NDArray[np.float64]
    labels: Mapping[float, str]


def histogram(title: str, unit: str, series: Series, bins: Bins) -> Element:
    """The share of each split's rows in every bin, as outlines that lie over each other.

    The last bin has all that is larger, and the first all that is smaller.
    """
    shares = {name: shares_of(values, bins.edges) for name, values in series.items() if len(values)}
    highest = top_of_axis(shares)
    first, last = float(bins.edges[0]), float(bins.edges[-1])

    def x(value: float) -> float:
        return LEFT + (value - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    parts = [*grid(highest), *ticks(bins, x)]
    for name, share in shares.items():
        points = [(x(first), y(0.0, highest))]
        for left, right, height in zip(bins.edges[:-1], bins.edges[1:], share, strict=True):
            points += [(x(left), y(height, highest)), (x(right), y(height, highest))]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in [*points, (x(last), y(0.0, highest))])
        parts.append(element("polygon", {"class": f"area {name}", "points": path}))
    return figure(title, f"{unit}; share of the rows in %", list(shares), HEIGHT, parts)


def bars(title: str, unit: str, names: Sequence[str], series: Series) -> Element:
    """Shares of few kinds of rows, in standing bars: one for each split, side by side."""
    highest = top_of_axis(series)
    room = (WIDTH - LEFT - RIGHT) / len(names)
    width = 0.8 * room / max(1, len(series))
    parts = grid(highest)
    for place, name in enumerate(names):
        middle = LEFT + (place + 0.5) * room
        parts.append(text(name, middle, HEIGHT - BOTTOM + 14, "middle"))
        for number, (split, share) in enumerate(series.items()):
            top = y(float(share[place]), highest)
            start = middle + (number - len(series) / 2) * width
            parts.append(bar(split, start, top, width - 1, y(0.0, highest) - top))
    return figure(title, f"{unit}; share of the rows in %", list(series), HEIGHT, parts)


def lying_bars(title: str, unit: str, names: Sequence[str], series: Series) -> Element:
    """Shares of many kinds of rows, in lying bars with their names before them."""
    highest = top_of_axis(series)
    room = BAR * len(series) + 8
    height = TOP + room * len(names) + 18
    parts = []
    for share in halves(highest):
        across = NAME_WIDTH + share / highest * (WIDTH - NAME_WIDTH - 16)
        parts += [
            line(across, TOP, across, height - 18),
            text(in_percent(share), across, height - 5, "middle"),
        ]
    for place, name in enumerate(names):
        top = TOP + place * room
        label = text(shortened(name), NAME_WIDTH - 6, top + (room - 8) / 2 + 4, "end", "name")
        label.append(element("title", {}, name))
        parts.append(label)
        for number, (split, shares) in enumerate(series.items()):
            length = float(shares[place]) / highest * (WIDTH - NAME_WIDTH - 16)
            parts.append(bar(split, NAME_WIDTH, top + number * BAR, length, BAR - 1))
    return figure(title, f"{unit} in %", list(series), height, parts)


# ------------------------------------------------------------------------------------------------------- bins
def length_bins(series: Series) -> Bins:
    """Bins of whole numbers, as far as 99 % of the rows of every split go; the last one has the rest."""
    filled = [values for values in series.values() if len(values)]
    low = int(min((values.min() for values in filled), default=0))
    high = int(max((np.quantile(values, 0.99) for values in filled), default=1))
    if low == high:  # a single bar says more with some room beside it
        low, high = low - 1, high + 1
    step = max(1, int(round_above((high - low + 1) / MOST_BINS)))
    start = low // step * step
    edges = start + step * np.arange((high - start) // step + 2, dtype=np.float64)
    rest = any(values.max() >= edges[-1] for values in filled)
    distance = tick_step(float(edges[-1] - edges[0]), step)
    labels = {float(value): f"{value:,.0f}" for value in edges[:-1] if value % distance == 0}
    if rest:
        edges = np.append(edges, edges[-1] + step)
        labels[float(edges[-2])] = f"≥ {edges[-2]:,.0f}"
    return Bins(edges, labels)


def ratio_bins(series: Series) -> Bins:
    """Bins of log₂ ratios, an eighth of an octave wide; the first and the last one have the rest."""
    filled = [values for values in series.values() if len(values)]
    low = math.floor(min((np.quantile(values, 0.005) for values in filled), default=0.0) - 0.25)
    high = math.ceil(max((np.quantile(values, 0.995) for values in filled), default=0.0) + 0.25)
    step = 2.0 ** math.ceil(math.log2((high - low) / MOST_BINS))
    labels = {float(octave): f"{2.0**octave:g} ×" for octave in range(low, high + 1)}
    return Bins(np.arange(low, high + step / 2, step), labels)


def shares_of(values: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of the values in every bin."""
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    shares: NDArray[np.float64] = np.bincount(places, minlength=len(edges) - 1) / len(values)
    return shares


def tick_step(span: float, step: int) -> int:
    """A round distance between labels that leaves room for them."""
    fitting = (WIDTH - LEFT - RIGHT) / TICK_DISTANCE
    return max(step, int(round_above(span / fitting)))


def round_above(value: float, digits: Sequence[int] = (1, 2, 5, 10)) -> float:
    """The smallest of 1, 2, 5, 10, 20, … (and 0.5, 0.2, 0.1, …) that is not below."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * digit for digit in digits if power * digit >= value * (1 - 1e-9))


def top_of_axis(series: Series) -> float:
    """A round share that no share exceeds."""
    highest = max((float(share.max()) for share in series.values() if len(share)), default=1.0)
    return min(1.0, round_above(highest, (1, 2, 3, 4, 6, 8, 10)))


# ------------------------------------------------------------------------------------------------------ parts
def figure(title: str, unit: str, splits: Sequence[str], height: float, parts: Sequence[Element]) -> Element:
    """Title, colours and axes around a drawing."""
    drawing = element(
        "svg", {"viewBox": f"0 0 {WIDTH:g} {height:g}", "role": "img", "aria-label": title}, *parts
    )
    keys = [element("span", {"class": f"key {split}"}, split) for split in splits]
    return element(
        "figure",
        {},
        element("figcaption", {}, title),
        element("div", {}, *keys),
        drawing,
        element("p", {"class": "soft"}, unit),
    )


def y(share: float, highest: float) -> float:
    return HEIGHT - BOTTOM - share / highest * (HEIGHT - TOP - BOTTOM)


def grid(highest: float) -> list[Element]:
    """Horizontal lines with their values in per cent."""
    lines = []
    for share in halves(highest):
        down = y(share, highest)
        lines += [line(LEFT, down, WIDTH - RIGHT, down), text(in_percent(share), LEFT - 5, down + 4, "end")]
    return lines


def halves(highest: float) -> list[float]:
    return [0.0, highest / 2, highest]


def in_percent(share: float) -> str:
    return f"{100 * share:.4g}"


def ticks(bins: Bins, x: Any) -> list[Element]:
    """Values below the axis. One that would touch the last, which says where the rest is, is left out."""
    rest = max((value for value, label in bins.labels.items() if label.startswith("≥")), default=math.inf)
    room = min(tick_ends(bins.labels[rest], x(rest))) if rest < math.inf else WIDTH + 1.0
    marks = []
    for value, label in bins.labels.items():
        across, down = x(value), HEIGHT - BOTTOM
        if value == rest or (across < WIDTH and max(tick_ends(label, across)) < room):
            marks += [line(across, down, across, down + 4), tick_label(label, across, down + 16)]
    return marks


def tick_ends(label: str, across: float) -> tuple[float, float]:
    """Where a label at a value begins and ends: inside the picture."""
    half = 3.2 * len(label)  # about half of its width
    middle = min(max(across, half), WIDTH - half)
    return middle - half, middle + half


def tick_label(label: str, across: float, down: float) -> Element:
    return text(label, sum(tick_ends(label, across)) / 2, down, "middle")


def text(words: str, across: float, down: float, anchor: str, kind: str = "") -> Element:
    place = {"x": f"{across:.1f}", "y": f"{down:.1f}", "text-anchor": anchor}
    return element("text", {**place, "class": kind} if kind else place, words)


def line(left: float, top: float, right: float, bottom: float) -> Element:
    ends = {"x1": f"{left:.1f}", "y1": f"{top:.1f}", "x2": f"{right:.1f}", "y2": f"{bottom:.1f}"}
    return element("line", {"class": "axis", **ends})


def bar(split: str, left: float, top: float, width: float, height: float) -> Element:
    size = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    return element("rect", {"class": f"bar {split}", **size})


def shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
