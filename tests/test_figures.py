"""Figures show what they are given, whatever it is, and never warn."""

import io
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from attendo.figures import attention_map, columns_of, confusion_matrix, percent, reliability_diagram
from attendo.metrics import confidence_bins

NASTY = [
    "$",
    "$x$",
    "$\\frac{",
    "a_b^c",
    "\\",
    "",
    " ",
    "\n",
    "\t",
    "\x00",
    "\ud7ff",
    "\uffff",
    "<b>",
    "&amp;",
]
SCRIPTS = [
    "好",
    "電影",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "ไทย",
    "한국어",
    "👍🏽",
    "e\u0301",
    "\u202eevil",
    "\u200d",
    "\U0001f9ff",
]


def drawn(figure: Figure) -> np.ndarray:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("L"))


def texts_of(figure: Figure) -> list[str]:
    return [text.get_text() for area in figure.axes for text in area.texts]


def cells_of(figure: Figure) -> np.ndarray:
    """The cells of the maps of a figure, side by side."""
    return np.concatenate([np.asarray(image.get_array()) for image in figure.axes[0].images], axis=1)


@pytest.mark.parametrize("hops", [1, 3, 30])
@pytest.mark.parametrize("time", [1, 39, 40, 41, 200])
def test_every_token_stands_under_its_weights(hops, time):
    weights = np.random.default_rng(1).dirichlet(np.ones(time), hops)
    tokens = [f"t{number}" for number in range(time)]
    figure = attention_map(weights, tokens, "a title")
    np.testing.assert_array_equal(cells_of(figure), weights)
    page = figure.axes[0]
    placed = {text.get_text(): text.get_position() for text in page.texts}
    lefts = [image.get_extent() for image in page.images]
    for number, token in enumerate(tokens):
        left, right, bottom, _ = lefts[number // 40]
        columns = min(40, time - number // 40 * 40)
        assert placed[token][0] == pytest.approx(left + (right - left) * (number % 40 + 0.5) / columns)
        assert placed[token][1] == pytest.approx(bottom + 0.05)
    assert "a title" in placed


def test_nothing_overlaps_and_nothing_leaves_the_page():
    """Labels of the widest letters, in several rows."""
    time = 90
    weights = np.full((5, time), 1 / time)
    figure = attention_map(weights, ["WWWWWWWWWWWWWWWWWWWW"] * time)
    drawn(figure)
    page = figure.axes[0]
    boxes = [text.get_window_extent() for text in page.texts]
    maps = [image.get_window_extent() for image in page.images]
    width, height = figure.canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    tokens = [box for box, text in zip(boxes, page.texts, strict=True) if text.get_text().startswith("W")]
    assert not any(box.overlaps(area) for box in tokens for area in maps)


def test_tokens_and_names_of_any_script_are_drawn_without_a_warning():
    tokens = NASTY + SCRIPTS
    names = [f"{token}{number}" for number, token in enumerate(tokens)]
    drawn(attention_map(np.full((2, len(tokens)), 0.1), tokens, " ".join(tokens)))
    drawn(confusion_matrix(np.eye(len(names), dtype=int), names))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.text(max_size=200))
def test_any_text_is_drawn_without_a_warning(tokens, title):
    drawn(attention_map(np.full((1, len(tokens)), 0.1), tokens, title))


def test_formulas_stay_text_and_white_space_shows():
    shown = texts_of(attention_map(np.full((1, 4), 0.25), ["$x^2$", " ", "\n", "\\alpha"], "costs $5 or $6"))
    assert {"$x^2$", "\u2423", "\u21b5", "\\alpha", "costs $5 or $6"} <= set(shown)


def test_long_tokens_and_texts_are_cut_and_say_so():
    figure = attention_map(np.full((1, 3000), 1 / 3000), ["x" * 50] * 3000, most_tokens=100)
    shown = texts_of(figure)
    assert shown.count("x" * 19 + "…") == 100 and cells_of(figure).shape == (1, 100)
    assert "the first 100 of 3,000 tokens" in shown


@pytest.mark.parametrize("value", [0.0, 0.2])
def test_constant_weights_are_drawn_alike(value):
    picture = drawn(attention_map(np.full((3, 8), value), list("abcdefgh")))
    assert picture.shape[0] > 50


def test_darker_is_more():
    weights = np.array([[0.0, 0.3, 0.7]])
    figure = attention_map(weights, ["a", "b", "c"])
    picture = drawn(figure)
    (image,) = figure.axes[0].images
    box, height = image.get_window_extent(), picture.shape[0]
    row = picture[int(height - (box.y0 + box.y1) / 2)]
    shades = [int(row[int(box.x0 + box.width * (column + 0.5) / 3)]) for column in range(3)]
    assert shades == sorted(shades, reverse=True) and len(set(shades)) == 3


@pytest.mark.parametrize("classes", [2, 12, 13, 50, 51, 120])
def test_a_confusion_matrix_shows_counts_and_shares_of_rows(classes):
    counts = np.random.default_rng(1).integers(0, 3, (classes, classes))
    counts[0] = 0
    counts[1, 0], counts[1, 1:] = 1234, 0
    names = [f"name {number}" for number in range(classes)]
    figure = confusion_matrix(counts, names)
    (image,) = figure.axes[0].images
    shares = np.asarray(image.get_array())
    assert shares[1, 0] == 1.0 and not shares[0].any()
    sums = counts.sum(axis=1)
    np.testing.assert_allclose(shares[sums > 0].sum(axis=1), 1.0)
    shown = texts_of(figure)
    assert all(shown.count(name) == 2 for name in names)
    assert ("1,234\n100 %" in shown) == (classes <= 50)
    assert max(drawn(figure).shape) < 3000


def test_the_names_of_many_classes_do_not_overlap():
    figure = confusion_matrix(np.eye(50, dtype=int), [f"a long name of class {n}" for n in range(50)])
    drawn(figure)
    rows = [t for t in figure.axes[0].texts if t.get_rotation() == 0 and t.get_text().startswith("a long")]
    boxes = sorted((t.get_window_extent() for t in rows), key=lambda box: box.y0)
    assert len(boxes) == 50
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.997, ">99 %"), (1.0, "100 %")]
)
def test_only_everything_is_100_percent(share, shown):
    assert percent(share) == shown


def test_a_reliability_diagram_has_the_bars_and_the_error_of_its_bins():
    generator = np.random.default_rng(1)
    table = generator.dirichlet(np.ones(3), 200)
    labels = generator.integers(3, size=200)
    bins, flat = confidence_bins(table, labels), np.full((200, 3), 1 / 3)
    figure = reliability_diagram(table, labels, flat)
    before, after, counts_before, counts_after = figure.axes
    has = bins.counts > 0
    assert [bar.get_height() for bar in before.patches] == pytest.approx(list(bins.accuracy[has]))
    assert [bar.get_height() for bar in counts_before.patches] == list(bins.counts)
    assert f"{bins.error:.3f}" in before.get_title()
    assert len(after.patches) == 1 and counts_after.get_xlabel() == "after temperature scaling"
    assert len(reliability_diagram(table, generator.random((200, 3)) < 0.5).axes) == 2
    drawn(figure)
    drawn(reliability_diagram(table[:1], labels[:1]))


def test_ideographs_are_twice_as_wide():
    assert columns_of("ab") == 2 and columns_of("电影") == 4 and unicodedata.east_asian_width("ａ") == "F"
