"""The page in a real browser: what keys and controls do."""

import json

from attendo.analysis.explained import Explained
from browser import NEEDS_BROWSER, Asked
from explanations import explanations

pytestmark = NEEDS_BROWSER


def test_filters_and_orders_are_those_of_a_plain_loop(many: list[Explained], asked: Asked) -> None:
    views = [
        {"filter": "right"},
        {"filter": "unknown"},
        {"filter": "wrong", "sort": "surest"},
        {"sort": "least", "predicted": "neg"},
        {"truth": "pos", "predicted": "neg"},
        {"low": "60", "high": "80", "sort": "surest"},
        {"find": "  BA\u0308R "},  # decomposed
        {"find": "no such words"},
        {"low": "90", "high": "10"},
    ]

    def wanted(view: dict[str, str]) -> list[int]:
        status = {"right": True, "wrong": False, "unknown": None}
        low, high = (float(view.get(name, usual)) / 100 for name, usual in (("low", 0), ("high", 100)))
        kept = [
            number
            for number, one in enumerate(many)
            if ("filter" not in view or one.is_right is status[view["filter"]])
            and ("predicted" not in view or view["predicted"] in one.predicted)
            and ("truth" not in view or view["truth"] in (one.truth or ()))
            and ((low, high) == (0, 1) or (one.confidence is not None and low <= one.confidence <= high))
            and (
                "Bär" in one.looks[0].text
                if "BA" in view.get("find", "")
                else "such" not in view.get("find", "")
            )
        ]
        sign = {"position": 0, "surest": -1, "least": 1}[view.get("sort", "position")]
        last = [sign != 0 and many[number].confidence is None for number in range(len(many))]
        return sorted(kept, key=lambda number: (last[number], sign * (many[number].confidence or 0), number))

    script = f"""answer = {json.dumps(views)}.map((changed) => {{
      byId("reset").click();
      for (const [name, value] of Object.entries(changed)) set(name, value);
      return [wanted, wanted.length ? Number(view.text) - 1 : null, numbers().length, location.hash];
    }});"""
    answers = asked(explanations(many), script)
    assert isinstance(answers, list)
    for view, (found, current, shown, address) in zip(views, answers, strict=True):
        expected = wanted(view)
        assert found == expected, view
        assert shown == min(50, len(expected))
        assert current in (expected or [None])
        assert all(f"{name}=" in address for name in view)


def test_keys_walk_through_texts_pages_and_hops(many: list[Explained], asked: Asked) -> None:
    answer = asked(
        explanations(many),
        """answer = [];
        const focused = () => document.activeElement.id || document.activeElement.className;
        const note = (what) => answer.push(
          [what, view.text, numbers()[0], view.hop, view.shading, view.filter, focused()]);
        press("j"); note("j");
        press("ArrowDown"); note("down");
        press("k"); note("k");
        press("End"); note("end");
        press("k"); note("k");
        press("Home"); note("home");
        press("ArrowUp"); note("up");
        press("h"); note("h");
        press("H"); press("H"); note("HH");
        press("s"); note("s");
        press("ArrowRight"); note("right");
        press("Escape"); note("escape");
        press("w"); note("w");
        press("w");
        press("/"); note("/");
        press("j"); note("j while typing");
        press("Escape"); note("escape");
        press("?"); answer.push(byId("help").open);
        press("j"); answer.push(view.text);
        """,
    )
    wrong = next(str(number + 1) for number, one in enumerate(many) if one.is_right is False)
    assert isinstance(answer, list)
    *_, is_open, still = answer
    assert is_open is True
    assert answer[:-2] == [
        ["j", "2", 0, "mean", "relative", "all", "card"],
        ["down", "3", 0, "mean", "relative", "all", "card"],
        ["k", "2", 0, "mean", "relative", "all", "card"],
        ["end", "120", 100, "mean", "relative", "all", "card"],
        ["k", "119", 100, "mean", "relative", "all", "card"],
        ["home", "1", 0, "mean", "relative", "all", "card"],
        ["up", "1", 0, "mean", "relative", "all", "card"],
        ["h", "1", 0, "1", "relative", "all", "card"],
        ["HH", "1", 0, "all", "relative", "all", "card"],
        ["s", "1", 0, "all", "absolute", "all", "card"],
        ["right", "1", 0, "all", "absolute", "all", "t"],
        ["escape", "1", 0, "all", "absolute", "all", "card"],
        ["w", wrong, int(wrong) - 1, "all", "absolute", "wrong", "card"],
        ["/", wrong, 0, "all", "absolute", "all", "find"],
        ["j while typing", wrong, 0, "all", "absolute", "all", "find"],
        ["escape", wrong, 0, "all", "absolute", "all", "card"],
    ]
    assert still == wrong


def test_an_address_that_makes_no_sense_shows_everything(many: list[Explained], asked: Asked) -> None:
    fragment = (
        "#filter=nonsense&hop=99&low=abc&high=-1&sort=x&shading=&text=9999&predicted=%E0%A4%A&nothing=1"
    )
    assert asked(explanations(many), "answer = [view, wanted.length];", fragment) == [
        {
            "filter": "all", "predicted": "", "truth": "", "low": "0", "high": "100", "find": "",
            "sort": "position", "hop": "mean", "shading": "relative", "text": "1",
        },
        120,
    ]  # fmt: skip
