"""Made-up explanations for the tests of the page, and what is in a page."""

import base64
import json
from collections.abc import Sequence
from html.parser import HTMLParser

import numpy as np

from attendo.analysis.explained import Explained, Explanations, Look

VOID = {"meta", "br", "input"}
HOSTILE = (
    "</script><script>window.hacked=1</script>",
    "<!--<script>",
    "<img src=x onerror=window.hacked=1>",
    "&lt;b&gt; & &amp; \"double\" 'single' `back`",
    "<PAD> <unk> <s> ${1} {{x}} $title \\u003c \\",
    "javascript:alert(1)",
    "]]> --> </title></style>",
)


class Reader(HTMLParser):
    """Reads a page as a browser does, and insists that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}  # name of the element → what is directly in it
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data

    @property
    def data(self) -> dict:
        """What the page's script reads."""
        (place,) = [n for n, attributes in enumerate(self.named("script")) if attributes.get("id") == "data"]
        return json.loads(self.texts["script"][place])

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def weights_in(look: dict) -> np.ndarray:
    """The weights that a look in a page holds, (hop, token)."""
    numbers = np.frombuffer(base64.b64decode(look["weights"]), "<f4")
    return numbers.reshape(look["hops"], len(look["tokens"]))


def soft(generator: np.random.Generator, hops: int, time: int) -> np.ndarray:
    raised = np.exp(2 * generator.standard_normal((hops, time)))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def looked(generator: np.random.Generator, tokens: Sequence[str], hops: int = 3) -> Look:
    weights = soft(generator, hops, len(tokens)) if tokens else np.zeros((0, 0), np.float32)
    return Look(" ".join(tokens), list(tokens), weights)


def example(
    looks: Sequence[Look], probability: float | None = 0.75, truth: str | None = "pos", where: str = "x:1"
) -> Explained:
    """A text that is "pos" with some probability, or that is empty."""
    if probability is None:
        return Explained(where, looks, (), None, {}, None if truth is None else (truth,))
    probabilities = {"neg": 1 - probability, "pos": probability}
    best = max(probabilities, key=probabilities.__getitem__)
    known = None if truth is None else (truth,)
    return Explained(where, looks, (best,), probabilities[best], probabilities, known)


def explanations(examples: Sequence[Explained], title: str = "made up") -> Explanations:
    return Explanations(title, ["a fact"], ["neg", "pos"], False, examples)
