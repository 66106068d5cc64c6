"""The page of `attendo explain` for classifiers."""

import base64
from typing import Any
from xml.etree.ElementTree import tostring

import numpy as np

from attendo.analysis.data_page import tabulated
from attendo.analysis.explained import Explained, Explanations, Look
from attendo.analysis.script_page import script_page

SCRIPTS = ("shown.js", "attention_data.js", "attention_cards.js", "attention.js")


def attention_page(found: Explanations) -> str:
    """The whole page."""
    tables = "".join(tostring(tabulated(table), encoding="unicode", method="html") for table in found.tables)
    folded = f"<details><summary>Does attention mean anything here?</summary>{tables}</details>"
    return script_page(
        "attention.html",
        ["attention.css"],
        SCRIPTS,
        found.title,
        found.facts,
        plain(found),
        {"tables": tables and folded},
    )


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
