"""The page of `attendo explain`: one HTML file that needs no other, and no network.

Texts travel as data: JSON in a script element, which the page's own script reads and shows as text, never as
markup. A content security policy lets no other script run.
"""

import base64
import hashlib
import html
import json
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any
from xml.etree.ElementTree import tostring

import numpy as np

from attendo.analysis.data_page import tabulated
from attendo.analysis.explained import Explained, Explanations, Look

SCRIPTS = ("attention_data.js", "attention_cards.js", "attention.js")


def attention_page(found: Explanations) -> str:
    """The whole page."""
    style, script = template("attention.css"), "\n".join(map(template, SCRIPTS))
    tables = "".join(tostring(tabulated(table), encoding="unicode", method="html") for table in found.tables)
    return Template(template("attention.html")).substitute(
        title=html.escape(found.title),
        facts="".join(f"<p>{html.escape(fact)}</p>" for fact in found.facts),
        tables=tables and f"<details><summary>Does attention mean anything here?</summary>{tables}</details>",
        style=style,
        script=script,
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
        data=as_script_data(plain(found)),
    )


@cache
def template(name: str) -> str:
    return files("attendo.analysis").joinpath("templates", name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """How a content security policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_script_data(value: object) -> str:
    """JSON that nothing in it can end: without "<" there is neither a tag nor a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # half surrogate pairs, which UTF-8 cannot hold, become JSON's own escapes
    return text.replace("<", "\\u003c").encode(errors="backslashreplace").decode()


def plain(found: Explanations) -> dict[str, Any]:
    """What the script reads; classes are numbers."""
    codes = {label: code for code, label in enumerate(found.labels)}
    return {
        "labels": list(found.labels),
        "isMultilabel": found.is_multilabel,
        "texts": [plain_example(example, codes) for example in found.examples],
    }


def plain_example(example: Explained, codes: dict[str, int]) -> dict[str, Any]:
    truth = example.truth
    return {
        "where": example.where,
        "looks": [plain_look(look) for look in example.looks],
        "predicted": [codes[label] for label in example.predicted],
        "truth": None if truth is None else [codes[label] for label in truth],
        "isRight": example.is_right,
        "confidence": example.confidence,
        "probabilities": [round(example.probabilities[label], 7) for label in codes if example.probabilities],
    }


def plain_look(look: Look) -> dict[str, Any]:
    """Weights go as the bytes of their fp32 values: a third of their digits, read ten times as fast."""
    weights = np.ascontiguousarray(look.weights, "<f4")
    return {
        "text": look.text,
        "tokens": list(look.tokens),
        "hops": len(weights),
        "weights": base64.b64encode(weights.tobytes()).decode(),
    }
