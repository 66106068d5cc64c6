"""The translators' page in a real browser: what is seen, pressed and said."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest

from attendo.analysis.alignment_page import LEVELS, alignment_page, quantised
from attendo.analysis.explained_pairs import ExplainedPair
from browser import NEEDS_BROWSER, Asked, Dumped
from explanations import HOSTILE, Reader
from made_up_pairs import pair, pair_explanations

pytestmark = NEEDS_BROWSER

SOURCE, TARGET = ["▁the", "▁or", "ange", "▁hat"], ["▁der", "▁Hut", "▁oran", "ge", "farben"]


@pytest.fixture
def told(dumped: Dumped) -> Asked:
    """What a script of the test's, run when the page is ready, has put into ``answer``."""

    def tell(examples: Sequence[ExplainedPair], script: str, fragment: str = "") -> object:
        waiting = f"""const timer = setInterval(() => {{
          if (!("isReady" in document.body.dataset)) return;
          clearInterval(timer);
          let answer = {{}};
          {script}
          const place = document.createElement("pre");
          place.textContent = JSON.stringify(answer);
          document.body.replaceChildren(place);
        }}, 5);
        const shown = () => {{
          const {{ made }} = document.querySelector(".matrix");
          return [made.rows, made.columns, [...made.weights], made.generate];
        }};"""
        page = dumped(alignment_page(pair_explanations(examples)), fragment, waiting)
        answers = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
        assert answers, page[-3000:]
        return json.loads("".join(Reader(f"<pre>{answers[0]}</pre>").texts["pre"]))

    return tell


def rounded(weights: np.ndarray) -> np.ndarray:
    return (quantised(weights) / LEVELS) ** 2


def test_every_kind_layer_and_head_shows_its_own_weights(told: Asked) -> None:
    one = pair(np.random.default_rng(1), SOURCE, TARGET, copies=True)
    views = ["encoder 1 2", "decoder 2 3", "cross 1 mean", "cross mean mean", "copy 1 1"]
    answer = told(
        [pair(np.random.default_rng(2), ["▁an"], ["▁ein"], copies=True), one],
        f"""for (const wanted of {views}) {{
          const [kind, layer, head] = wanted.split(" ");
          set("kind", kind); set("layer", layer); set("head", head);
          answer[wanted] = shown();
        }}""",
        "#text=2",
    )
    assert isinstance(answer, dict)
    source, target = (["the", "or", "ange", "hat", "<eos>"], ["der", "Hut", "oran", "ge", "farben", "<eos>"])
    for view, (rows, columns, weights, generate) in answer.items():
        kind, *numbers = view.split()
        chosen = tuple(slice(None) if n == "mean" else slice(int(n) - 1, int(n)) for n in numbers)
        expected = rounded(one.maps[kind])[chosen].mean(axis=(0, 1))
        np.testing.assert_allclose(np.reshape(weights, expected.shape), expected, atol=1e-9)
        assert rows == (source if kind == "encoder" else target)
        assert columns == (["<bos>", *target[:-1]] if kind == "decoder" else source)
        assert (generate is None) == (kind == "encoder")


def test_by_words_pieces_are_summed_and_averaged(told: Asked) -> None:
    one = pair(np.random.default_rng(1), SOURCE, TARGET, copies=True)
    answer = told(
        [one],
        """set("unit", "words");
        for (const kind of ["cross", "decoder"]) { set("kind", kind); answer[kind] = shown(); }
        answer.links = matrixOf(TEXTS[0], { ...view, kind: "cross" }).links;
        answer.tokens = matrixOf(TEXTS[0], { ...view, kind: "cross", unit: "tokens" }).links;""",
    )
    assert isinstance(answer, dict)
    rows, columns, weights, generate = answer["cross"]
    assert (rows, columns) == (["der", "Hut", "orangefarben", "<eos>"], ["the", "orange", "hat", "<eos>"])
    token = rounded(one.maps["cross"])[0].mean(axis=0)
    by_source = np.stack([token[:, 0], token[:, 1] + token[:, 2], token[:, 3], token[:, 4]], axis=1)
    expected = np.stack([by_source[0], by_source[1], by_source[2:5].mean(axis=0), by_source[5]])
    np.testing.assert_allclose(np.reshape(weights, (4, 4)), expected, atol=1e-9)
    assert generate[2] == pytest.approx(one.generate[2:5].mean(), abs=1e-4)
    rows, columns, weights, _ = answer["decoder"]
    assert columns == ["<bos>", "der", "Hut", "orangefarben"]
    np.testing.assert_allclose(np.reshape(weights, (4, 4)).sum(axis=1), 1, atol=0.1)
    assert answer["links"] == [[target, 1, source, 1] for source, target in one.links]
    spans = {0: [0, 1], 1: [1, 1], 2: [2, 3]}, {0: [0, 1], 1: [1, 2], 2: [3, 1]}
    assert answer["tokens"] == [[*spans[0][target], *spans[1][source]] for source, target in one.links]


def test_the_canvas_is_as_dark_as_the_weights_say(told: Asked) -> None:
    one = pair(np.random.default_rng(4), SOURCE, TARGET)
    answer = told(
        [one],
        """set("head", "2");
        for (const shading of ["relative", "absolute"]) {
          set("shading", shading);
          const box = document.querySelector(".matrix"), canvas = box.querySelector("canvas");
          const pen = canvas.getContext("2d"), cell = box.size * devicePixelRatio;
          const middle = (n) => Math.floor(cell * (n + .5));
          answer[shading] = box.made.rows.map((_, y) => box.made.columns.map((_, x) =>
            pen.getImageData(middle(x), middle(y), 1, 1).data[3] / 255));
        }""",
    )
    assert isinstance(answer, dict)
    weights = rounded(one.maps["cross"][0, 1])
    np.testing.assert_allclose(answer["absolute"], weights, atol=0.01)
    np.testing.assert_allclose(answer["relative"], weights / weights.max(axis=1, keepdims=True), atol=0.01)


def test_keys_go_from_text_to_text_head_to_head_and_cell_to_cell(told: Asked) -> None:
    generator = np.random.default_rng(5)
    many = [pair(generator, ["▁a", "▁b"], ["▁c"], f"x:{n}") for n in range(3)]
    answer = told(
        many,
        """const box = () => document.querySelector(".matrix");
        press("j"); press("j"); press("k");
        answer.text = view.text;
        press("h"); press("l");
        answer.head = [view.layer, view.head];
        box().focus();
        press("ArrowDown"); press("ArrowDown"); press("ArrowRight");
        answer.said = byId("said").textContent;
        answer.tip = byId("tip").hidden;
        press("a");
        answer.kind = [view.kind, view.layer, document.activeElement === box()];
        press("s"); press("w");
        answer.address = location.hash;
        press("?");
        answer.help = byId("help").open;""",
    )
    assert isinstance(answer, dict)
    assert (answer["text"], answer["head"], answer["tip"], answer["help"]) == ("2", ["2", "1"], False, True)
    weight = rounded(many[1].maps["cross"][1, 0])[1, 1]
    assert answer["said"].startswith("<eos> → b")
    assert float(answer["said"].split("\n")[0].split()[-1]) == pytest.approx(weight, abs=5e-4)
    assert "layer 2, head 1" in answer["said"] and "row 2 of 2, column 2 of 3" in answer["said"]
    assert answer["kind"] == ["encoder", "2", True]
    assert answer["address"] == "#kind=encoder&layer=2&head=1&shading=absolute&text=2"


def test_clicks_choose_a_head_and_a_text_and_find_leaves_out_the_others(told: Asked) -> None:
    generator = np.random.default_rng(6)
    many = [pair(generator, [f"▁w{n}"], ["▁c"], copies=True, reference=f"r{n}") for n in range(12)]
    answer = told(
        many,
        """document.querySelector('#overview [data-kind="decoder"][data-layer="2"][data-head="3"]').click();
        answer.chosen = [view.kind, view.layer, view.head, document.activeElement.textContent];
        document.querySelector('.thumbnails [data-layer="1"][data-head="1"]').click();
        answer.small = [view.kind, view.layer, view.head];
        document.querySelectorAll(".entry")[4].click();
        answer.text = view.text;
        set("find", "R11");
        answer.found = [...document.querySelectorAll(".entry")].map((one) => Number(one.dataset.number));
        answer.shown = view.text;
        set("find", "nowhere");
        answer.nothing = byId("text").textContent;
        byId("reset").click();
        set("sort", "least");
        answer.order = wanted;
        answer.origins = document.querySelectorAll(".origins tr").length;""",
    )
    assert isinstance(answer, dict)
    share = pair_explanations(many).entropy["decoder"].share[1, 2]
    assert answer["chosen"] == ["decoder", "2", "3", f"{share:.2f}"]
    assert answer["small"] == ["decoder", "1", "1"]
    assert (answer["text"], answer["found"], answer["shown"]) == ("5", [11], "12")
    assert "No text fits" in answer["nothing"]
    assert answer["order"] == sorted(range(12), key=lambda n: many[n].log_probability)
    assert answer["origins"] == 2


def test_hostile_and_right_to_left_texts_are_shown_and_do_nothing(told: Asked) -> None:
    generator = np.random.default_rng(0)
    made = [pair(generator, [text, "مرحبا"], [text, "\u202eevil"], where=text) for text in HOSTILE]
    answer = told(
        made,
        """answer.labels = TEXTS.map((_, number) => { choose(number); return shown()[0]; });
        answer.hacked = typeof window.hacked;
        answer.children = byId("text").querySelectorAll("img, script, style, b").length;
        const labels = [...document.querySelectorAll(".matrix .row, .matrix .column")];
        answer.isolated = labels.length > 0 && labels.every((one) => one.tagName === "BDI");""",
    )
    assert answer == {
        "labels": [[text, "⟨U+202E⟩evil", "<eos>"] for text in HOSTILE],
        "hacked": "undefined",
        "children": 0,
        "isolated": True,
    }


def test_the_page_runs_under_its_own_policy_and_shows_what_its_address_asks_for(dumped: Dumped) -> None:
    generator = np.random.default_rng(7)
    many = [pair(generator, ["▁a", "▁b"], ["▁c"], f"x:{n}") for n in range(4)]
    many[2] = pair(generator, [], ["▁c"], "x:2")
    page = alignment_page(pair_explanations(many))
    shown = dumped(page, "#text=2&kind=encoder&layer=2&head=mean")
    assert "encoder self-attention: source ↓ source →" in shown and ">x:1<" in shown
    shown = dumped(page, "#text=3&layer=7&kind=copy")  # the model has neither
    assert "(empty: nothing to look at)" in shown and ">x:2<" in shown
