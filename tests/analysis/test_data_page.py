"""The page is well-formed whatever the texts, needs nothing else, and draws and tells the right numbers."""

import functools
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from attendo.analysis import Report, as_plain, data_page, report
from attendo.analysis.charts import WIDTH, Bins, histogram, length_bins, lying_bars, ratio_bins, round_above
from attendo.analysis.markup import element, page
from attendo.analysis.tables import prefixed, tables
from attendo.data import LengthPolicy, Preparation, PreparedData, SplitPolicy
from attendo.tokenization import train_whitespace
from small_runs import Rows, classifier, transformer

VOID = {"meta", "br"}
SPACES = functools.partial(train_whitespace, lowercase=False, minimum_count=1, maximum_size=None)


class Reader(HTMLParser):
    """Reads a page as a browser does, and insists that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.text.append(data)

    def all_text(self) -> str:
        return " ".join(" ".join(self.text).split())


def prepared(
    folder: Path, rows: Mapping[str, Sequence[tuple[str, str]]], maximum: int | None = None
) -> PreparedData:
    roles = ("text", "label") if rows["train"][0][1] in "ab" else ("source", "target")
    splits = SplitPolicy(validation_fraction=0.0, folds=None, fold=None, split_seed=0)
    source = Rows(roles, rows)
    lengths = LengthPolicy(maximum, "truncate")
    return Preparation(source, splits, lengths, None, None, folder).train({"joint": SPACES})


def reported(data: PreparedData) -> Report:
    model = classifier(data) if data.labels else transformer(data)
    return report(
        "some <data>", data, model, lambda split, rows: [f"{split.name}.tsv:{row + 1}" for row in rows]
    )


def svgs(text: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


# --------------------------------------------------------------------------------------------- the whole page
NASTY = "<script>alert('x')</script> & \"quoted\" </td></svg> ]]> &amp;"


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Report:
    rows = [(f"{NASTY} {n} " + "long " * (n * 9), "ab"[n % 2]) for n in range(30)]
    test = [*rows[:3], (f"\x00\x1b\x85 \u202e unknown{NASTY}", "a"), (rows[5][0], "a")]
    return reported(
        prepared(tmp_path_factory.mktemp("cache"), {"train": [*rows, (rows[1][0], "a")], "test": test})
    )


def test_the_page_is_one_file_of_closed_elements_without_links_or_scripts(nasty: Report) -> None:
    text = data_page(nasty, f"attendo inspect data.name='{NASTY}'")
    reader = Reader(text)
    names = {name for name, _ in reader.tags}
    assert {"html", "body", "svg", "table", "details"} < names
    assert not {"script", "link", "img", "iframe", "a"} & names
    assert not any(
        name.startswith(("src", "href", "on")) for _, attributes in reader.tags for name in attributes
    )
    assert "http" not in text and "url(" not in text and "@import" not in text
    assert text.startswith("<!doctype html>")
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [
        a for _, a in reader.tags
    ]


def test_texts_are_shown_as_they_are(nasty: Report) -> None:
    text = data_page(nasty, "attendo inspect")
    assert "<script" not in text
    shown = Reader(text).all_text()
    assert NASTY in shown
    assert "some <data>" in shown
    assert "␀␛\N{REPLACEMENT CHARACTER}" in shown


def test_everything_has_its_place_on_the_page(nasty: Report) -> None:
    shown = Reader(data_page(nasty, "attendo inspect")).all_text()
    for expected in (
        "Worth a look", *nasty.findings, "Length", "Classes", "Longest (train)", "Oddest (test)",
        "Vocabulary", "Contradictory (train)", "Repeated (train)", "Also in training (test)",
        "also at train.tsv:1", "Unknown words", "Model: SelfAttentiveClassifier", "FLOPs per token",
        "train.tsv:30 · b · 268 tokens",
    ):  # fmt: skip
        assert " ".join(expected.split()) in shown, expected


@pytest.mark.parametrize("kind", ["texts", "pairs"])
def test_the_drawings_are_well_formed_and_inside_their_frames(kind, request) -> None:
    text = data_page(reported(request.getfixturevalue(kind)), "attendo inspect")
    drawings = svgs(text)
    assert len(drawings) == {"texts": 2, "pairs": 3}[kind]
    for drawing in drawings:
        width, height = map(float, drawing.attrib["viewBox"].split()[2:])
        for part in drawing.iter():
            for name, value in part.attrib.items():
                if name in ("x", "x1", "x2"):
                    assert 0 <= float(value) <= width
                elif name in ("y", "y1", "y2"):
                    assert 0 <= float(value) <= height
                elif name in ("width", "height"):
                    assert float(value) >= 0


def test_the_numbers_can_be_read_by_programs(pairs: PreparedData) -> None:
    found = reported(pairs)
    plain = json.loads(json.dumps(as_plain(found)))
    source = pairs.splits["train"].ids.columns["source"].lengths.tolist()
    tokens = plain["splits"]["train"]["texts"]["source"]["tokens"]
    assert tokens["sum"] == sum(source) and tokens["max"] == max(source)
    assert tokens["median"] == sorted(source)[len(source) // 2] == np.median(source)
    assert plain["model"]["parameters"] == sum(p.numel() for p in transformer(pairs).parameters())
    assert plain["splits"]["train"]["in_training"] == {}
    assert len(plain["examples"]) == len(found.galleries)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=15)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=6))
def test_any_text_makes_a_well_formed_page(tmp_path_factory, texts: list[str]) -> None:
    kept = [text.strip() or "x" for text in texts]
    rows = {"train": [(text, "a") for text in kept] + [("good", "b")], "test": [(text, "b") for text in kept]}
    text = data_page(reported(prepared(tmp_path_factory.mktemp("cache"), rows)), kept[0])
    Reader(text)
    svgs(text)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_goes_into_an_element_comes_out_of_the_page(words: str, more: str) -> None:
    reader = Reader(page("title", element("p", {"title": words}, words, element("br"), more, words)))
    expected = element("p", {}, words).text or ""
    assert dict(reader.tags[-2][1])["title"] == expected.replace("\r\n", "\n")
    assert "".join(reader.text).startswith(expected.replace("\r", ""))


# ------------------------------------------------------------------------------------------------- the charts
def lengths() -> st.SearchStrategy[dict[str, np.ndarray]]:
    values = st.lists(st.integers(1, 100_000), min_size=1, max_size=50).map(np.array)
    return st.fixed_dictionaries({"train": values}, optional={"test": values})


@settings(max_examples=40)
@given(lengths())
def test_length_bins_are_whole_few_and_cover_most_rows(series) -> None:
    bins = length_bins(series)
    assert 2 <= len(bins.edges) <= 36
    assert (bins.edges == bins.edges.round()).all()
    assert len(set(np.diff(bins.edges))) == 1
    for values in series.values():
        assert values.min() >= bins.edges[0]
    high = max(np.quantile(values, 0.99) for values in series.values())
    assert bins.edges[-1] > high
    is_open = any("≥" in label for label in bins.labels.values())
    assert is_open == any(values.max() >= bins.edges[-1 - is_open] for values in series.values())


@settings(max_examples=40)
@given(lengths())
@example({"train": np.array([43600, 50000])})
def test_labels_at_the_axis_do_not_touch(series) -> None:
    (drawing,) = histogram("t", "u", series, length_bins(series)).iter("svg")
    labels = [t for t in drawing.iter("text") if t.attrib["text-anchor"] == "middle"]
    places = sorted((float(t.attrib["x"]), 3.2 * len(t.text or "")) for t in labels)
    assert places
    for (left, half), (right, other) in itertools.pairwise(places):
        assert left + half <= right - other
    assert places[0][0] >= places[0][1] - 0.1 and places[-1][0] + places[-1][1] <= WIDTH + 0.1


def test_a_histogram_draws_the_share_of_every_bin() -> None:
    series = {"train": np.array([1, 1, 2, 9]), "test": np.array([2, 2, 3, 3])}
    bins = Bins(np.array([0.0, 2.0, 4.0, 6.0]), {})
    (drawing,) = histogram("t", "u", series, bins).iter("svg")
    train, test = drawing.iter("polygon")
    heights = [[float(point.split(",")[1]) for point in p.attrib["points"].split()] for p in (train, test)]
    base = heights[0][0]
    shares = [[round(base - down, 3) for down in row[1:-1:2]] for row in heights]
    unit = shares[1][1]  # all of them
    np.testing.assert_allclose(np.array(shares) / unit, [[0.5, 0.25, 0.25], [0, 1, 0]], atol=0.01)


def test_lying_bars_are_as_long_as_their_shares() -> None:
    series = {"train": np.array([0.5, 0.25, 0.25]), "test": np.array([0.0, 0.5, 0.5])}
    (drawing,) = lying_bars("t", "u", ["a", "b" * 99, "c"], series).iter("svg")
    widths = [float(bar.attrib["width"]) for bar in drawing.iter("rect")]
    np.testing.assert_allclose(np.array(widths) / widths[0], [1, 0, 0.5, 1, 0.5, 1], atol=0.01)
    assert "b" * 99 in [part.text for part in drawing.iter("title")]


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=50))
def test_ratio_bins_have_the_usual_ratios_inside(ratios) -> None:
    series = {"train": np.log2(ratios)}
    bins = ratio_bins(series)
    assert bins.edges[0] < np.median(series["train"]) < bins.edges[-1]
    assert len(bins.edges) <= 40


@given(st.floats(1e-6, 1e6))
def test_round_numbers_are_round_and_not_far_above(value: float) -> None:
    found = round_above(value)
    assert value * (1 - 1e-9) <= found <= 2.5 * value * (1 + 1e-9)
    assert f"{found:.0e}"[0] in "125"


@pytest.mark.parametrize(("value", "text"), [
    (0.0, "0"), (12.3, "12.3"), (999.0, "999"), (999.9, "1 k"), (1000.0, "1 k"), (45_670.0, "45.7 k"),
    (999_900.0, "1 M"), (1.5e6, "1.5 M"), (2.25e12, "2.25 T"),
])  # fmt: skip
def test_large_numbers_have_three_digits(value: float, text: str) -> None:
    assert prefixed(value) == text


def test_tables_are_rectangular(nasty: Report) -> None:
    for table in tables(nasty):
        assert {len(row) for row in table.rows} == {len(table.columns)}, table.title
