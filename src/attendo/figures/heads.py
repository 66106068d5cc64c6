"""Pictures of where the heads of a sequence-to-sequence model look."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from attendo.figures.drawing import (
    COLOURS,
    SINE,
    frame,
    inches,
    name_label,
    page_of,
    slanted_up,
    style,
    token_label,
)

CELL = 0.2  # inches
MARGIN = 0.1
COSINE = 0.5
TITLE = 0.35
SMALL = 1.1  # inches of a head among all


def token_matrix(
    weights: Float[np.ndarray, "query key"],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    most_tokens: int = 100,
) -> Figure:
    """Draw what each row's token gives to each column's: white for 0, darker for more.

    Args:
        weights: of every query (row) to every key (column).
        rows, columns: their tokens.
        title: what stands above it.
        most_tokens: of either side; further ones are left out, and the title says so.
    """
    assert weights.shape == (len(rows), len(columns)), (
        f"{weights.shape} weights for {len(rows)} × {len(columns)}"
    )
    left_out = [
        f"the first {most_tokens:,} of {len(tokens):,} {name}"
        for name, tokens in (("rows", rows), ("columns", columns))
        if len(tokens) > most_tokens
    ]
    weights = weights[:most_tokens, :most_tokens]
    down, across = ([piece_label(token) for token in side[:most_tokens]] for side in (rows, columns))
    widths = [inches(token, 8) for token in across]
    left = 0.15 + max(inches(token, 8) for token in down)
    top = TITLE + 0.15 + SINE * max(widths)
    wide, high = CELL * len(across), CELL * len(down)
    overhang = max(COSINE * width - CELL * (len(across) - place) for place, width in enumerate(widths))
    figure, page = page_of(left + max(wide + max(overhang, 0.0), 2.5) + MARGIN, top + high + MARGIN)
    darkest = float(weights.max())
    page.imshow(
        weights,
        cmap=COLOURS,
        vmin=0.0,
        vmax=darkest or 1.0,
        extent=(left, left + wide, top + high, top),
        interpolation="nearest",
        aspect="auto",
    )
    frame(page, left, left + wide, top, top + high)
    for number, token in enumerate(down):
        page.text(left - 0.06, top + CELL * (number + 0.5), token, ha="right", va="center", **style(8))
    for number, token in enumerate(across):
        slanted_up(page, left + CELL * (number + 0.5), top - 0.05, token, 8)
    page.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))  # the image moved them
    heading = "  ·  ".join(filter(None, [f"darkest {darkest:.2f}", *left_out, title]))
    page.text(MARGIN, 0.22, name_label(heading, int(13 * figure.get_figwidth())), **style(10))
    return figure


def head_grid(weights: Float[np.ndarray, "layer head query key"], title: str = "") -> Figure:
    """Draw every head's matrix small, a line a layer; each darkest where it looks most."""
    layers, heads = weights.shape[:2]
    step = SMALL + 0.12
    left, top = 0.55, TITLE + 0.25
    figure, page = page_of(left + heads * step + MARGIN, top + layers * step + MARGIN)
    for layer in range(layers):
        y = top + layer * step
        page.text(
            left - 0.08, y + SMALL / 2, f"layer {layer + 1}", ha="right", va="center", rotation=90, **style(8)
        )
        for head in range(heads):
            x = left + head * step
            one = weights[layer, head]
            extent = (x, x + SMALL, y + SMALL, y)
            page.imshow(
                one, cmap=COLOURS, vmin=0.0, vmax=float(one.max()) or 1.0, extent=extent, aspect="auto"
            )
            frame(page, x, x + SMALL, y, y + SMALL)
    for head in range(heads):
        page.text(left + head * step + SMALL / 2, top - 0.08, f"head {head + 1}", ha="center", **style(8))
    page.set(xlim=(0, figure.get_figwidth()), ylim=(figure.get_figheight(), 0))
    page.text(MARGIN, 0.22, name_label(title, int(13 * figure.get_figwidth())), **style(10))
    return figure


def piece_label(token: str) -> str:
    """A token as a label, without the sign that subword tokenizers write for the space before it."""
    return token_label(token.removeprefix("▁") or token)
