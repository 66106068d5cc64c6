"""Pictures of what a classifier does: arrays in, matplotlib figures out."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from attendo.figures.drawing import (
    COLOUR_BAR,
    COLOURS,
    SINE,
    colour_bar,
    columns_of,
    frame,
    inches,
    name_label,
    page_of,
    percent,
    slanted,
    style,
    token_label,
)
from attendo.metrics.calibration import confidence_bins
from attendo.metrics.classification import Labels, Probabilities

CELL_WIDTH = 0.3  # inches
COSINE = 0.5
TOKENS_PER_ROW = 40
LONGEST_NAME = 28  # columns of text that are shown
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
    widths = [[0.0 if is_upright else inches(token, 8) for token in part] for part in parts]
    under = [0.35 if is_upright else 0.2 + SINE * max(part) for part in widths]
    overhang = [COSINE * width - CELL_WIDTH * place for part in widths for place, width in enumerate(part)]
    left = max(0.55, *overhang)
    band = hops * float(np.clip(2.0 / hops, 0.08, 0.3))
    figure, page = page_of(
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
        frame(page, left, right, top, top + band)
        _token_labels(page, part, left, top + band + 0.05, is_upright)
        _hop_labels(page, hops, left, top, band)
        top += band + below
    page.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))  # images moved them
    left_out = f"the first {len(shown):,} of {time:,} tokens" if len(shown) < time else ""
    heading = "  ·  ".join(filter(None, [left_out, title]))
    page.text(left, 0.25, name_label(heading, int(11 * (figure.get_figwidth() - left))), **style(10))
    colour_bar(figure, image, 0.4, "weight")
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
    widest = max(inches(name, 8) for name in names)
    room = max(0.3, 0.15 + widest)
    figure, page = page_of(room + max(side, 3.2) + COLOUR_BAR, 0.6 + side + 0.2 + SINE * widest)
    image = page.imshow(
        shares, cmap=COLOURS, vmin=0.0, vmax=1.0, extent=(room, room + side, 0.6 + side, 0.6), aspect="auto"
    )
    frame(page, room, room + side, 0.6, 0.6 + side)
    middles = cell * (np.arange(classes) + 0.5)
    for name, middle in zip(names, middles, strict=True):
        page.text(room - 0.06, 0.6 + middle, name, ha="right", va="center", **style(8))
        slanted(page, room + middle, 0.66 + side, name, 8)
    if classes <= MOST_NUMBERED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            share = shares[row, column]
            text = f"{counts[row, column]:,}\n{percent(share)}"
            colour = "white" if share > 0.55 else "black"
            x, y = room + middles[column], 0.6 + middles[row]
            page.text(x, y, text, ha="center", va="center", color=colour, **style(size))
    page.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))
    right = np.trace(counts) / max(counts.sum(), 1)
    page.text(room, 0.4, f"rows: truth, columns: predicted  ·  {percent(right)} right", **style(10))
    colour_bar(figure, image, 0.6, "share of the row")
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


def _token_labels(page: Axes, tokens: Sequence[str], left: float, y: float, is_upright: bool) -> None:
    for number, token in enumerate(tokens):
        x = left + CELL_WIDTH * (number + 0.5)
        if is_upright:
            page.text(x, y, token, ha="center", va="top", **style(9))
        else:
            slanted(page, x, y, token, 8)


def _hop_labels(page: Axes, hops: int, left: float, top: float, band: float) -> None:
    """Numbers from 1 at the left, as many as fit."""
    height = band / hops
    every = int(np.ceil(0.14 / height))
    for hop in range(0, hops, every):
        page.text(left - 0.06, top + height * (hop + 0.5), str(hop + 1), ha="right", va="center", **style(7))
    page.text(left - 0.43, top + band / 2, "hop", rotation=90, ha="center", va="center", **style(8))
