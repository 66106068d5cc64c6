"""The translators' page holds what it is given, small, as data, and needs nothing but itself."""

import base64
import json
import re
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendo.analysis.alignment_page import LEVELS, SCRIPTS, STYLES, alignment_page, quantised
from attendo.analysis.explained_pairs import View, record
from attendo.analysis.script_page import policy_hash, template
from explanations import HOSTILE, Reader
from made_up_pairs import pair, pair_explanations


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(1)


def unpacked(page: str) -> list[dict[str, np.ndarray]]:
    """The weights of every text of a page, by kind: read as the page says that they are laid out."""
    data = Reader(page).data
    levels = np.frombuffer(zlib.decompress(base64.b64decode(data["weights"])), np.uint8)
    found, place = [], 0
    for text in data["texts"]:
        maps = {}
        source, target = (len(text[side]["tokens"]) for side in ("source", "target"))
        for kind in data["kinds"]:
            rows = source if kind["name"] == "encoder" else target
            columns = target if kind["name"] == "decoder" else source
            weights = np.zeros((kind["layers"], kind["heads"], rows, columns))
            for head in weights.reshape(kind["layers"] * kind["heads"], rows, columns):
                for row in range(rows):
                    seen = row + 1 if kind["name"] == "decoder" else columns
                    head[row, :seen] = (levels[place : place + seen] / LEVELS) ** 2
                    place += seen
            maps[kind["name"]] = weights
        found.append(maps)
    assert place == len(levels)
    return found


def test_weights_come_back_out_of_the_page_rounded(generator: np.random.Generator) -> None:
    made = [
        pair(generator, ["▁a", "b", "▁c"], ["▁x"], copies=True),
        pair(generator, [], ["▁x"]),
        pair(generator, ["▁a"], ["▁x", "y", "▁z", "u"], copies=True),
    ]
    for one, maps in zip(made, unpacked(alignment_page(pair_explanations(made))), strict=True):
        for kind, weights in one.maps.items():
            assert np.abs(maps[kind] - weights).max() < 0.5 / LEVELS * 2 + 1e-5
    np.testing.assert_array_equal(maps["decoder"], np.tril(maps["decoder"]))


@given(st.floats(0, 1))
def test_small_weights_are_rounded_by_less(weight: float) -> None:
    step = 0.5 / LEVELS
    back = (quantised(np.array([weight])).item() / LEVELS) ** 2
    assert abs(back - weight) <= 2 * np.sqrt(weight) * step + step**2 + 1e-12
    assert quantised(np.array([0.0, 1.0])).tolist() == [0, LEVELS]


def test_two_hundred_long_texts_fit_into_ten_megabytes() -> None:
    generator = np.random.default_rng(2)
    made = [pair(generator, ["▁w"] * 30, ["▁w"] * 30) for _ in range(10)]
    page = alignment_page(pair_explanations(made))
    weights = len(Reader(page).data["weights"])
    many = 16 / 6 * 20  # 4 layers of 4 heads instead of 2 of 3, and 200 texts
    assert weights * many + (len(page) - weights) * 20 < 10e6


@settings(deadline=None, max_examples=25)
@given(st.lists(st.text(max_size=9), min_size=1, max_size=4), st.text(max_size=9))
def test_any_text_comes_back_out_of_the_page(tokens: list[str], text: str) -> None:
    one = pair(np.random.default_rng(0), tokens, tokens[::-1], where=text, copies=True, reference=text)
    page = alignment_page(pair_explanations([one], title="t")).encode().decode()
    (read,) = Reader(page).data["texts"]
    assert (read["where"], read["reference"]) == (text, text)
    assert read["source"]["tokens"] == [*tokens, "<eos>"]
    assert read["inputs"] == ["<bos>", *tokens[::-1]]
    assert read["source"]["words"] == sorted(read["source"]["words"])
    assert max(read["source"]["words"]) == len(one.source.words)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text: str, generator: np.random.Generator) -> None:
    harmless = Reader(alignment_page(pair_explanations([pair(generator, ["a"], ["b"])])))
    one = pair(generator, [text, *text.split()], [text], where=text, copies=True, reference=text)
    reader = Reader(alignment_page(pair_explanations([one], title=text)))
    for tag in ("script", "img", "b", "style", "title"):
        assert len(reader.named(tag)) == len(harmless.named(tag))
    assert reader.texts["title"] == reader.texts["h1"] == [text]
    assert reader.data["texts"][0]["source"]["tokens"][0] == text


def test_the_page_needs_nothing_from_elsewhere_and_lets_no_other_script_run(
    generator: np.random.Generator,
) -> None:
    page = alignment_page(pair_explanations([pair(generator, ["a"], ["b"])]))
    reader = Reader(page)
    attributes = [attribute for _, those in reader.tags for attribute in those]
    assert not {"src", "href", "srcset", "action"} & set(attributes)
    assert not re.search(r"url\(|@import|https?:|fetch\(|import\(|XMLHttp", page)
    (policy,) = [m["content"] for m in reader.named("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert policy_hash(reader.texts["style"][0]) in policy
    assert policy_hash(reader.texts["script"][1]) in policy


def test_every_element_that_the_script_asks_for_is_in_the_page() -> None:
    script = "".join(map(template, SCRIPTS))
    asked = set(re.findall(r'(?:byId|getElementById)\("([\w-]+)"\)', script))
    there = set(re.findall(r'\bid="([\w-]+)"', template("alignment.html")))
    usual = re.search(r"const USUAL = \{(.*?)\};", script, re.DOTALL)
    assert usual is not None
    controls = set(re.findall(r"(\w+):", usual.group(1))) - {"text"}
    assert len(asked) > 10 and len(controls) == 7
    assert asked | controls <= there
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
        assert word not in script
    assert all(map(template, STYLES))


def test_a_record_has_the_weights_and_what_follows_from_them(generator: np.random.Generator) -> None:
    one = pair(generator, ["▁a", "b", "▁c"], ["▁x", "▁y"], copies=True, reference="r")
    read = json.loads(json.dumps(record(one)))
    for kind in ("encoder", "decoder", "cross"):
        np.testing.assert_allclose(np.array(read["attention"][kind]), one.maps[kind], atol=5.1e-6)
    np.testing.assert_allclose(np.array(read["attention"]["copy"]), one.maps["copy"][0, 0], atol=5.1e-6)
    assert (read["source_words"], read["target_words"]) == (["ab", "c"], ["x", "y"])
    assert read["alignment"].count("-") == 2 and [origin["word"] for origin in read["origins"]] == ["x", "y"]
    assert len(read["p_gen"]) == 3 and read["is_own"] and read["reference"] == "r"
    empty = record(pair(generator, [], ["▁x"]))
    assert (empty["source_tokens"], empty["attention"], empty["log_probability"]) == ([], {}, None)


def test_a_view_is_a_head_or_a_mean(generator: np.random.Generator) -> None:
    maps = pair(generator, ["a", "b"], ["x"]).maps
    np.testing.assert_array_equal(View("cross", 2, 3).of(maps), maps["cross"][1, 2])
    np.testing.assert_allclose(View("cross", 2, None).of(maps), maps["cross"][1].mean(axis=0))
    np.testing.assert_allclose(View("encoder", None, None).of(maps), maps["encoder"].mean(axis=(0, 1)))
    assert str(View("cross", 2, None)) == "cross-attention, layer 2, mean of the heads"
