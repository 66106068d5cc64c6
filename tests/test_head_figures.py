"""Matrices of attention show what they are given, whatever it is, and never warn."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from attendo.figures import head_grid, token_matrix


def drawn(figure: Figure) -> None:
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (3, 7), (60, 4)])
def test_every_token_stands_beside_its_weights(queries: int, keys: int) -> None:
    weights = np.random.default_rng(1).dirichlet(np.ones(keys), queries)
    rows, columns = ([f"{name}{n}" for n in range(count)] for name, count in (("r", queries), ("c", keys)))
    page = token_matrix(weights, rows, columns, "a title").axes[0]
    (image,) = page.images
    np.testing.assert_array_equal(image.get_array(), weights)
    left, right, bottom, top = image.get_extent()
    placed = {text.get_text(): text.get_position() for text in page.texts}
    for number, row in enumerate(rows):
        assert placed[row][1] == pytest.approx(top + (bottom - top) * (number + 0.5) / queries)
    for number, column in enumerate(columns):
        assert placed[column][0] == pytest.approx(left + (right - left) * (number + 0.5) / keys)
    assert f"darkest {weights.max():.2f} · a title" in placed


def test_nothing_overlaps_and_nothing_leaves_the_page() -> None:
    figure = token_matrix(np.full((5, 6), 1 / 6), ["W" * 30] * 5, ["▁" + "W" * 30] * 6, "title " * 30)
    drawn(figure)
    page = figure.axes[0]
    boxes = [text.get_window_extent() for text in page.texts]
    width, height = figure.canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    area = page.images[0].get_window_extent().padded(-1)
    assert not any(box.overlaps(area) for box in boxes)
    assert {text.get_text() for text in page.texts if text.get_text()[0] == "W"} == {"W" * 19 + "…"}


def test_what_is_left_out_of_a_long_text_is_told() -> None:
    page = token_matrix(np.full((4, 300), 1 / 300), list("abcd"), ["x"] * 300, most_tokens=50).axes[0]
    assert page.images[0].get_array().shape == (4, 50)
    assert any("the first 50 of 300 columns" in text.get_text() for text in page.texts)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=5), st.text(max_size=100))
def test_any_text_is_drawn_without_a_warning(tokens: list[str], title: str) -> None:
    drawn(token_matrix(np.zeros((len(tokens), len(tokens))), tokens, tokens, title))


def test_the_heads_stand_in_lines_of_their_layers() -> None:
    weights = np.random.default_rng(1).dirichlet(np.ones(5), (2, 3, 4))
    figure = head_grid(weights, "$title$")
    drawn(figure)
    images = figure.axes[0].images
    np.testing.assert_array_equal([image.get_array() for image in images], weights.reshape(6, 4, 5))
    corners = [(image.get_extent()[3], image.get_extent()[0]) for image in images]  # top, left
    assert corners == sorted(corners) and len(set(corners)) == 6
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"layer 1", "layer 2", "head 1", "head 3", "$title$"} <= set(texts)
