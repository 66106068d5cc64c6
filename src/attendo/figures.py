"""Pictures of what a classifier does: arrays in, matplotlib figures out, without a window or global state.

Text shows as it is, in any script: never as a formula, and what no font of this machine can draw is a box.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.image import AxesImage

from attendo.metrics.calibration import confidence_bins
from attendo.metrics.classification import Labels, Probabilities

FONTS = (  # looked for in this order; the first comes with matplotlib
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti TC",
    "Noto Sans KR",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Leelawadee UI",
    "Arial Unicode MS",
    "Unifont",
)
BOX = "\u25a1"
WHITE_SPACE = str.maketrans({" ": "\u2423", "\u3000": "\u2423", "\n": "\u21b5", "\t": "\u21e5"})
COLOURS = "Blues"

CELL_WIDTH, COLOUR_BAR = 0.3, 0.9  # inches
SLANT = 60  # degrees
COSINE, SINE = 0.5, 0.87
TOKENS_PER_ROW = 40
LONGEST_TOKEN, LONGEST_NAME = 20, 28  # columns of text that are shown
MOST_LARGE, MOST_NUMBERED = 12, 50  # classes of a confusion matrix with such cells


def attention_map(
    weights: Float[np.ndarray, "hop time"], tokens: Sequence[str], title: str = "", most_tokens: int = 1000
) -> Figure:
    """Draw hops × tokens, darker for more attention; long texts go on in further rows of 40 tokens.

    Args:
        weights: of every hop to every token.
        tokens: as many.
        title: what stands above it.
        most_tokens: further ones are left out, and the title says so.
    """
    hops, time = weights.shape
    assert len(tokens) == time > 0, f"{len(tokens)} tokens for {time} weights"
    shown = [token_label(token) for token in tokens[:most_tokens]]
    parts = [shown[start : start + TOKENS_PER_ROW] for start in range(0, len(shown), TOKENS_PER_ROW)]
    is_upright = max(map(columns_of, shown)) <= 2
    widths = [[0.0 if is_upright else _inches(token, 8) for token in part] for part in parts]
    under = [0.35 if is_upright else 0.2 + SINE * max(part) for part in widths]
    overhang = [COSINE * width - CELL_WIDTH * place for part in widths for place, width in enumerate(part)]
    left = max(0.55, *overhang)
    band = hops * float(np.clip(2.0 / hops, 0.08, 0.3))
    figure, page = _page(
        width=left + max(3.0, CELL_WIDTH * len(parts[0])) + COLOUR_BAR,
        height=0.45 + len(parts) * band + sum(under),
    )
    top, highest = 0.4, float(weights.max()) or 1.0
    for number, (part, below) in enumerate(zip(parts, under, strict=True)):
        start = number * TOKENS_PER_ROW
        right = left + CELL_WIDTH * len(part)
        image = page.imshow(
            weights[:, start : start + len(part)],
            cmap=COLOURS,
            vmin=0.0,
            vmax=highest,
            extent=(left, right, top + band, top),
            interpolation="nearest",
            aspect="auto",
        )
        _frame(page, left, right, top, top + band)
        _token_labels(page, part, left, top + band + 0.05, is_upright)
        _hop_labels(page, hops, left, top, band)
        top += band + below
    page.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))  # images moved them
    left_out = f"the first {len(shown):,} of {time:,} tokens" if len(shown) < time else ""
    heading = "  ·  ".join(filter(None, [left_out, title]))
    page.text(left, 0.25, name_label(heading, int(11 * (figure.get_figwidth() - left))), **_style(10))
    _colour_bar(figure, image, 0.4, "weight")
    return figure


def confusion_matrix(counts: Int[np.ndarray, "truth guess"], labels: Sequence[str]) -> Figure:
    """Draw how many items of each class (row) were taken for each class (column).

    Darker cells have more of their row. Up to 50 classes they hold counts and percentages of the row.
    """
    classes = len(labels)
    assert counts.shape == (classes, classes), f"{counts.shape} counts for {classes} labels"
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cell, size = (0.8, 8) if classes <= MOST_LARGE else (0.42, 6) if classes <= MOST_NUMBERED else (0.16, 0)
    side = cell * classes
    names = [name_label(name, LONGEST_NAME) for name in labels]
    widest = max(_inches(name, 8) for name in names)
    room = max(0.3, 0.15 + widest)
    figure, page = _page(room + max(side, 3.2) + COLOUR_BAR, 0.6 + side + 0.2 + SINE * widest)
    image = page.imshow(
        shares, cmap=COLOURS, vmin=0.0, vmax=1.0, extent=(room, room + side, 0.6 + side, 0.6), aspect="auto"
    )
    _frame(page, room, room + side, 0.6, 0.6 + side)
    middles = cell * (np.arange(classes) + 0.5)
    for name, middle in zip(names, middles, strict=True):
        page.text(room - 0.06, 0.6 + middle, name, ha="right", va="center", **_style(8))
        _slanted(page, room + middle, 0.66 + side, name, 8)
    if classes <= MOST_NUMBERED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            share = shares[row, column]
            text = f"{counts[row, column]:,}\n{percent(share)}"
            colour = "white" if share > 0.55 else "black"
            x, y = room + middles[column], 0.6 + middles[row]
            page.text(x, y, text, ha="center", va="center", color=colour, **_style(size))
    page.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))
    right = np.trace(counts) / max(counts.sum(), 1)
    page.text(room, 0.4, f"rows: truth, columns: predicted  ·  {percent(right)} right", **_style(10))
    _colour_bar(figure, image, 0.6, "share of the row")
    return figure


def reliability_diagram(
    probabilities: Probabilities, labels: Labels, calibrated: Probabilities | None = None
) -> Figure:
    """Draw accuracy against confidence in 15 bins, and the decisions in each (Guo et al. 2017, fig. 1).

    Args:
        probabilities: of every class; with several labels per item, of every label by itself.
        labels: the right classes, or a table of yes and no.
        calibrated: probabilities after temperature scaling, drawn beside the others.
    """
    tables = {"confidence": probabilities}
    if calibrated is not None:
        tables = {"before temperature scaling": probabilities, "after temperature scaling": calibrated}
    figure = Figure(figsize=(0.6 + 4.2 * len(tables), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(tables), squeeze=False, sharex=True, height_ratios=(3, 1))
    for (name, table), (upper, lower) in zip(tables.items(), grid.T, strict=True):
        bins = confidence_bins(table, labels)
        edges = np.linspace(0, 1, len(bins.counts) + 1)
        middles, width = (edges[1:] + edges[:-1]) / 2, edges[1]
        has = bins.counts > 0
        upper.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="perfect")
        upper.bar(middles[has], bins.accuracy[has], width, edgecolor="white", label="accuracy")
        upper.plot(bins.confidence[has], bins.accuracy[has], "o", color="black", markersize=3)
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
        upper.set_title(f"expected calibration error {bins.error:.3f}", fontsize=10)
        lower.bar(middles, bins.counts, width, color="grey", edgecolor="white")
        lower.set(ylabel="decisions", xlabel=name)
        upper.legend(loc="upper left", fontsize=8, frameon=False)
    return figure


def token_label(token: str) -> str:
    """A token as a label: white space made visible, cut where it is long."""
    return _drawable(_cut(token.translate(WHITE_SPACE), LONGEST_TOKEN))


def name_label(name: str, longest: int) -> str:
    """A name or a sentence as a label on one line."""
    return _drawable(_cut(" ".join(name.split()), longest))


def columns_of(text: str) -> int:
    """The width of a text, in letters: ideographs and the like are twice as wide."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def percent(share: float) -> str:
    """A share as a percentage that is 0 or 100 only where nothing or everything is meant."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def _cut(text: str, longest: int) -> str:
    if columns_of(text) <= longest:
        return text
    kept = text[: longest - 1]
    while columns_of(kept) > longest - 1:
        kept = kept[:-1]
    return kept + "…"


def _drawable(text: str) -> str:
    """What a font here has no picture of becomes a box, before matplotlib warns of it."""
    letters = _fonts_and_letters()[1]
    return "".join(letter if ord(letter) in letters and letter.isprintable() else BOX for letter in text)


@cache
def _fonts_and_letters() -> tuple[list[str], set[int]]:
    """The fonts of this machine that are used, and all they can draw."""
    installed = set(fontManager.get_font_names())
    fonts = [font for font in FONTS if font in installed]
    tables = [get_font(findfont(FontProperties(family=font))).get_charmap() for font in fonts]
    return fonts, {letter for table in tables for letter in table}


def _style(size: int) -> dict[str, Any]:
    return {"family": _fonts_and_letters()[0], "fontsize": size, "parse_math": False}


def _inches(text: str, size: int) -> float:
    font = FontProperties(family=_fonts_and_letters()[0], size=size)
    width, _, _ = _ruler().get_text_width_height_descent(text, font, ismath=False)  # type: ignore[no-untyped-call]
    return float(width) / 72


@cache
def _ruler() -> RendererAgg:
    """It measures text in points."""
    return RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]


def _page(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure, and axes over all of it that count inches from its upper left corner."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_axis_off()
    return figure, page


def _frame(page: Axes, left: float, right: float, top: float, bottom: float) -> None:
    page.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="grey", linewidth=0.6)


def _slanted(page: Axes, x: float, y: float, text: str, size: int) -> None:
    """Text that ends at a point."""
    page.text(x, y, text, rotation=SLANT, ha="right", va="top", rotation_mode="anchor", **_style(size))


def _token_labels(page: Axes, tokens: Sequence[str], left: float, y: float, is_upright: bool) -> None:
    for number, token in enumerate(tokens):
        x = left + CELL_WIDTH * (number + 0.5)
        if is_upright:
            page.text(x, y, token, ha="center", va="top", **_style(9))
        else:
            _slanted(page, x, y, token, 8)


def _hop_labels(page: Axes, hops: int, left: float, top: float, band: float) -> None:
    """Numbers from 1 at the left, as many as fit."""
    height = band / hops
    every = int(np.ceil(0.14 / height))
    for hop in range(0, hops, every):
        page.text(left - 0.06, top + height * (hop + 0.5), str(hop + 1), ha="right", va="center", **_style(7))
    page.text(left - 0.43, top + band / 2, "hop", rotation=90, ha="center", va="center", **_style(8))


def _colour_bar(figure: Figure, image: AxesImage, top: float, label: str) -> None:
    """At the right of the page."""
    width, height = figure.get_size_inches()
    length = min(2.0, height - top - 0.2)
    place = ((width - 0.7) / width, 1 - (top + length) / height, 0.12 / width, length / height)
    area = figure.add_axes(place)
    figure.colorbar(image, cax=area).set_label(label, fontsize=8)
    area.tick_params(labelsize=7)
