"""The page holds exactly what it is given, as data, and needs nothing but itself."""

import base64
import hashlib
import json
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from attendo.analysis import Table
from attendo.analysis.attention_page import SCRIPTS, attention_page
from attendo.analysis.explained import Explained, Explanations, Look, record
from attendo.analysis.script_page import template
from explanations import HOSTILE, Reader, example, explanations, looked, weights_in

ANY_TEXT = st.text(max_size=12)  # half surrogate pairs, too


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(1)


@settings(deadline=None, max_examples=40)
@given(st.lists(ANY_TEXT, min_size=1, max_size=5), ANY_TEXT, st.data())
def test_any_text_and_any_weights_come_back_out_of_the_page(tokens, text, data) -> None:
    values = st.floats(0, 1, width=32)
    weights = data.draw(arrays.arrays(np.float32, (2, len(tokens)), elements=values))
    found = explanations([example([Look(text, tokens, weights)], where=text)], title="t")
    (read,) = Reader(attention_page(found).encode().decode()).data["texts"]
    assert read["where"] == read["looks"][0]["text"] == text
    assert read["looks"][0]["tokens"] == tokens
    np.testing.assert_array_equal(weights_in(read["looks"][0]), weights)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text: str, generator: np.random.Generator) -> None:
    harmless = Reader(attention_page(explanations([example([looked(generator, ["a"])])])))
    made = explanations([example([looked(generator, [text, *text.split()])], where=text)], title=text)
    table = Table(text, [text, "x"], [[text, text]], text)
    found = Explanations(text, [text], ["neg", "pos"], False, made.examples, [table])
    reader = Reader(attention_page(found))
    for tag in ("script", "img", "b", "style", "title"):
        assert len(reader.named(tag)) == len(harmless.named(tag))
    assert reader.texts["title"] == reader.texts["h1"] == [text]
    assert text in reader.texts["td"][0].replace("\N{NO-BREAK SPACE}", " ")
    assert reader.data["texts"][0]["looks"][0]["tokens"][0] == text


def test_a_label_may_be_anything_too(generator: np.random.Generator) -> None:
    labels = ["</script>", "<!--"]
    one = Explained(
        "x", [looked(generator, ["a"])], labels[:1], 0.9, dict(zip(labels, (0.9, 0.1), strict=True)), None
    )
    reader = Reader(attention_page(Explanations("t", [], labels, False, [one])))
    assert reader.data["labels"] == labels
    assert len(reader.named("script")) == 2


def test_the_page_needs_nothing_from_elsewhere(generator: np.random.Generator) -> None:
    text = attention_page(explanations([example([looked(generator, ["a"])])]))
    attributes = [attribute for _, those in Reader(text).tags for attribute in those]
    assert not {"src", "href", "srcset", "action"} & set(attributes)
    assert not re.search(r"url\(|@import|https?:|fetch\(|import\(|XMLHttp", text)


def test_the_policy_lets_the_pages_own_script_and_style_run_and_no_other(generator) -> None:
    reader = Reader(attention_page(explanations([example([looked(generator, ["a"])])])))
    (policy,) = [m["content"] for m in reader.named("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for name, text in (("style", reader.texts["style"][0]), ("script", reader.texts["script"][1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_every_element_that_the_script_asks_for_is_in_the_page() -> None:
    script = "".join(map(template, SCRIPTS))
    asked = set(re.findall(r'(?:byId|getElementById)\("([\w-]+)"\)', script))
    there = set(re.findall(r'\bid="([\w-]+)"', template("attention.html")))
    usual = re.search(r"const USUAL = \{(.*?)\};", script, re.DOTALL)
    assert usual is not None
    controls = set(re.findall(r"(\w+):", usual.group(1))) - {"text"}
    assert len(asked) > 10 and len(controls) > 8
    assert asked | controls <= there


def test_no_script_makes_markup_of_a_string() -> None:
    script = "".join(map(template, SCRIPTS))
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
        assert word not in script


def test_the_templates_are_files_of_the_package() -> None:
    names = {file.name for file in files("attendo.analysis").joinpath("templates").iterdir()}
    assert {*SCRIPTS, "attention.css", "attention.html"} <= names


def test_what_is_right_depends_on_truth_and_prediction(generator: np.random.Generator) -> None:
    looks = [looked(generator, ["a"])]
    cases = [
        (0.9, "pos", True),
        (0.9, "neg", False),
        (0.2, "neg", True),
        (0.9, None, None),
        (None, "pos", None),
    ]
    made = [example(looks, probability, truth) for probability, truth, _ in cases]
    read = Reader(attention_page(explanations(made))).data["texts"]
    assert (
        [one.is_right for one in made] == [text["isRight"] for text in read] == [right for *_, right in cases]
    )


def test_several_labels_are_right_if_they_are_the_same_set(generator: np.random.Generator) -> None:
    def labelled(predicted: tuple[str, ...], truth: tuple[str, ...] | None) -> Explained:
        shares = dict.fromkeys("abc", 0.5)
        return Explained("x", [looked(generator, ["t"])], predicted, 0.5, shares, truth)

    assert labelled(("a", "b"), ("b", "a")).is_right is True
    assert labelled((), ()).is_right is True
    assert labelled(("a",), ("a", "b")).is_right is False
    assert labelled((), None).is_right is None
    assert record(labelled(("a", "b"), ()), is_multilabel=True)["predicted"] == ["a", "b"]
    assert record(labelled((), ()), is_multilabel=True)["label"] == []
    assert record(labelled(("a",), None), is_multilabel=True)["label"] is None


def test_a_record_has_the_weights_as_they_are(generator: np.random.Generator) -> None:
    both = [looked(generator, ["a", "b"]), looked(generator, ["c"])]
    read = json.loads(json.dumps(record(example(both, truth=None), is_multilabel=False)))
    np.testing.assert_array_equal(np.array(read["weights"], np.float32), both[0].weights)
    np.testing.assert_array_equal(np.array(read["weights_b"], np.float32), both[1].weights)
    assert (read["tokens"], read["tokens_b"], read["text_b"]) == (["a", "b"], ["c"], "c")
    assert (read["label"], read["predicted"]) == (None, "pos")
    empty = record(example([looked(generator, [])], None, "neg"), is_multilabel=False)
    assert (empty["label"], empty["predicted"], empty["probabilities"]) == ("neg", None, None)
