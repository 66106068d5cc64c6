"""The page in a real browser: what is seen."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from attendo.analysis.attention_page import attention_page
from attendo.analysis.explained import Explained, Explanations, Look
from browser import NEEDS_BROWSER, Asked, Dumped
from explanations import HOSTILE, Reader, example, explanations, looked, soft

pytestmark = NEEDS_BROWSER


def shares(weights: Sequence[float] | np.ndarray) -> list[float]:
    """Shading relative to the strongest, as the page rounds it."""
    return [round(float(weight), 3) for weight in np.asarray(weights) / np.max(weights)]


# ------------------------------------------------------------------------------------------ as it is, unaided
def test_the_page_runs_under_its_own_policy_and_shows_what_its_address_asks_for(
    many: list[Explained], dumped: Dumped
) -> None:
    wrong = [number for number, one in enumerate(many) if one.is_right is False]
    page = dumped(attention_page(explanations(many)), f"#filter=wrong&hop=2&text={wrong[2] + 1}")
    cards = [a for a in Reader(page[page.index("<main") : page.index("</main>") + 7]).named("article")]
    assert [int(card["data-number"] or -1) for card in cards] == wrong
    assert [n for n, card in zip(wrong, cards, strict=True) if "aria-current" in card] == [wrong[2]]
    assert page.count(">✗ wrong<") == len(wrong)


def test_hostile_texts_are_shown_and_do_nothing(asked: Asked) -> None:
    generator = np.random.default_rng(0)
    made = [example([looked(generator, [text, "<PAD>", *text.split()])], where=text) for text in HOSTILE]
    answer = asked(
        explanations(made, title=HOSTILE[0]),
        """answer = {
          hacked: typeof window.hacked,
          title: document.title,
          children: byId("cards").querySelectorAll("img, script, style, b b").length,
          texts: [...document.querySelectorAll(".card")].map((one) => tokens(one).map((t) => t.textContent)),
          given: document.querySelector(".original").textContent,
        };""",
    )
    assert answer == {
        "hacked": "undefined",
        "title": HOSTILE[0],
        "children": 0,
        "texts": [[text, "<PAD>", *text.split()] for text in HOSTILE],
        "given": made[0].looks[0].text,
    }


# ------------------------------------------------------------------------------------------------ the weights
def test_shades_and_exact_weights_are_those_of_the_hop_that_is_chosen(asked: Asked) -> None:
    look = looked(np.random.default_rng(5), ["the", "film", "was", "good"])
    answer = asked(
        explanations([example([look])]),
        """answer = {};
        const card = () => document.querySelector(".card");
        for (const hop of ["mean", "2", "all"]) { set("hop", hop); answer[hop] = shades(card()); }
        set("hop", "3");
        set("shading", "absolute");
        answer.absolute = shades(card());
        card().focus();
        press("ArrowRight"); press("ArrowRight");
        answer.said = byId("said").textContent;
        answer.tip = byId("tip").hidden ? "" : byId("tip").textContent;
        set("hop", "mean");
        tokens(card())[3].dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
        answer.hovered = byId("tip").textContent;
        """,
    )
    assert isinstance(answer, dict)
    mean = look.weights.astype(np.float64).mean(axis=0)
    assert answer["mean"] == pytest.approx(shares(mean), abs=1e-3)
    assert answer["2"] == pytest.approx(shares(look.weights[1]), abs=1e-3)
    assert answer["all"] == pytest.approx([s for row in look.weights for s in shares(row)], abs=1e-3)
    assert answer["absolute"] == pytest.approx(look.weights[2].tolist(), abs=1e-3)
    assert answer["said"] == answer["tip"]
    found = re.fullmatch(r"film  (\S+)\nhop 3, token 2 of 4\nmost in hop (\d): (\S+)", answer["said"])
    assert found, answer["said"]
    assert np.float32(found[1]) == look.weights[2, 1]  # every bit of it
    assert int(found[2]) == look.weights[:, 1].argmax() + 1
    assert np.float32(found[3]) == look.weights[:, 1].max()
    assert answer["hovered"].startswith("good  ")
    assert float(answer["hovered"].split()[1]) == pytest.approx(mean[3], rel=1e-6)


def test_constant_weights_single_tokens_zeros_and_empty_texts(asked: Asked) -> None:
    def look(weights: list[list[float]]) -> Look:
        tokens = [f"w{number}" for number in range(len(weights[0]))]
        return Look(" ".join(tokens), tokens, np.array(weights, np.float32))

    looks = [
        look([[0.25] * 4] * 2), look([[1.0]] * 2), look([[0.0, 0.75, 0.25, 0.0]] * 2), look([[0.0, 0.0]] * 2),
        Look("", [], np.zeros((0, 0), np.float32)),
    ]  # fmt: skip
    made = [example([one], 0.9 if one.tokens else None) for one in looks]
    answer = asked(
        explanations(made),
        """answer = [...Array(5).keys()].map((number) => {
          choose(number);
          const card = cardOf(number), notes = [...card.querySelectorAll("p.soft")].map((p) => p.textContent);
          const amount = (what) => card.querySelectorAll(what).length;
          return [shades(card), amount(".none"), amount(".most button"), notes.join(" ").slice(0, 24)];
        });""",
    )
    assert answer == [
        [[0.25] * 4, 0, 4, "All tokens get the same "],
        [[1.0], 0, 1, "One token: it gets all a"],
        [[0.0, 1.0, 0.333, 0.0], 2, 2, ""],
        [[0.0, 0.0], 2, 0, "All tokens get the same "],
        [[], 0, 0, "(empty: nothing to read)"],
    ]


def test_scripts_keep_their_direction_and_their_signs(asked: Asked) -> None:
    generator = np.random.default_rng(2)
    texts = [
        ["هذا", "الفيلم", "رائع", "New", "York"],
        list("这部电影很好"),
        ["▁un", "believ", "able", "▁film"],
        list("a bad"),
        ["e", "\u0301", "x\u202ey", "\t", "", "\u3000", "\x00"],
        ["the", "film"],
    ]
    made = [example([looked(generator, tokens)]) for tokens in texts]
    answer = asked(
        explanations(made),
        """const cards = [...document.querySelectorAll(".card")];
        const lines = cards.map((card) => card.querySelector(".line"));
        cards[0].focus();
        press("ArrowLeft"); press("ArrowLeft");
        answer = {
          directions: lines.map((line) => getComputedStyle(line).direction),
          texts: lines.map((line) => line.textContent),
          second: byId("said").textContent.split(" ")[0],
          rightmost: tokens(cards[0]).map((token) => token.getBoundingClientRect().left),
        };""",
    )
    assert isinstance(answer, dict)
    assert answer["directions"] == ["rtl", *["ltr"] * 5]
    assert answer["texts"] == [
        "هذا الفيلم رائع New York", "这部电影很好", "unbelievable film", "a␣bad",
        "e ◌\u0301 x⟨U+202E⟩y ⇥ ∅ ␣ ⟨U+0000⟩", "the film",
    ]  # fmt: skip
    assert answer["second"] == "الفيلم"  # the left arrow goes on where lines run to the left
    first, second, third, new, york = answer["rightmost"]
    assert first > second > third > york > new  # a name in Latin letters keeps its own order


# ------------------------------------------------------------------------------------ large, and of two sides
def test_a_document_of_ten_thousand_tokens_among_a_thousand_texts(asked: Asked) -> None:
    generator = np.random.default_rng(4)
    tokens = [f"w{number}" for number in range(10_000)]
    weights = soft(generator, 30, 10_000)
    weights[:, 7_777] = 0.5
    long = example([Look(" ".join(tokens), tokens, weights)])
    made = [long, *(example([looked(generator, ["a", "few", "words"], 30)]) for _ in range(999))]
    answer = asked(
        explanations(made),
        """const places = () => tokens(cardOf(0)).map((token) => token.place);
        answer = { open: places().length };
        set("hop", "all");
        answer.all = [places().length, Math.max(...places())];
        document.querySelector(".most button[data-place]").click();
        answer.jumped = [document.activeElement.place, Math.min(...places()), Math.max(...places())];
        answer.told = byId("said").textContent.split(" ")[0];
        [...document.querySelectorAll("button[data-part]")].at(-1).click();
        answer.later = Math.min(...places());
        press("j");
        answer.closed = [Math.min(...places()), Math.max(...places())];
        answer.elements = document.querySelectorAll("*").length;
        set("hop", "mean");
        choose(0);
        document.querySelectorAll(".strip span")[10].click();
        answer.strip = document.activeElement.place;
        """,
    )
    mean = weights.astype(np.float64).mean(axis=0)
    start, end = 10_000 * 10 // 150, 10_000 * 11 // 150
    assert (
        answer
        == {
            "open": 10_000,
            "all": [12_000, 399],
            "jumped": [7_777, 7_600, 7_999],
            "told": "w7777",
            "later": 8_000,
            "closed": [7_677, 7_876],  # the surroundings of the strongest
            "elements": pytest.approx(2_000, abs=1_000),
            "strip": start + int(mean[start:end].argmax()),
        }
    )


def test_pairs_and_several_labels(asked: Asked) -> None:
    generator = np.random.default_rng(6)
    pair = [looked(generator, ["one", "two"]), looked(generator, ["three"])]
    shown = dict(zip("abcde", (0.9, 0.6, 0.3, 0.2, 0.05), strict=True))
    made = [
        Explained("x:1", pair, ("a", "b"), 0.6, shown, ("a", "e")),
        Explained("x:2", pair, (), 0.6, dict.fromkeys("abcde", 0.4), ()),
    ]
    answer = asked(
        Explanations("t", [], list("abcde"), True, made),
        """press("j");
        answer = [...document.querySelectorAll(".card")].map((card) => ({
          sides: [...card.querySelectorAll(".line")].map((line) => line.textContent),
          roles: [...card.querySelectorAll("p.role")].map((role) => role.textContent),
          heading: card.querySelector("h3").innerText.replace(/\\s+/g, " "),
          bars: [...card.querySelectorAll(".bars li")].map((li) => li.innerText.replace(/\\s+/g, " ")),
          halves: card.querySelectorAll(".half").length,
        }));""",
    )
    assert isinstance(answer, list)
    first, second = answer
    assert first["sides"] == second["sides"] == ["one two", "three"]
    assert first["roles"] == ["first text", "second text"]
    assert "wrong predicted a, b 60.0 % truth a, e" in first["heading"]
    assert "right predicted none 60.0 % truth none" in second["heading"]
    assert first["bars"] == ["a ◂ truth 90.0 %", "b 60.0 %", "c 30.0 %", "e ◂ truth 5.0 %", "and 1 more"]
    assert first["halves"] == 4 and second["halves"] == 5
