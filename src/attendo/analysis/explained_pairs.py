"""Where a sequence-to-sequence model looked in some texts, and what that says of their words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from attendo.analysis.alignment import Links, Origin, Words, pharaoh, spelled
from attendo.models.transformer.head_entropy import HeadEntropy

KINDS = {
    "encoder": ("encoder self-attention", "source", "source"),
    "decoder": ("decoder self-attention", "target", "target so far"),
    "cross": ("cross-attention", "target", "source"),
    "copy": ("copy attention", "target", "source"),
}  # name → title, rows, columns
# kind → weights; sizes differ between the kinds
Maps: TypeAlias = Mapping[str, Float[np.ndarray, "_layer _head _query _key"]]

DIGITS = 5  # of a written weight, after the point


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a pair.

    Attributes:
        text: as it was given, or as the model made it.
        tokens: what the model read or wrote of it, EOS among them; none of an empty text.
        words: places of the tokens of each word, without EOS.
    """

    text: str
    tokens: Sequence[str]
    words: Words

    @property
    def spelled(self) -> list[str]:
        """The words as text."""
        return spelled(self.tokens, self.words)


@dataclass(frozen=True, eq=False)
class ExplainedPair:
    """A source text and a target text.

    Attributes:
        where: its place, such as ``texts.txt:17``.
        source, target: both sides.
        is_own: whether the target is the model's own answer rather than a given text.
        reference: a given target, where the model's own is explained.
        log_probability: mean over the target's tokens; None for an empty pair.
        maps: a key of KINDS → weights; row t of the target's side belongs to the place that predicts token t.
        links: the alignment of the words.
        generate: p_gen of every target token, of a model that copies.
        origins: where every target word came from, of a model that copies.
    """

    where: str
    source: Side
    target: Side
    is_own: bool
    reference: str | None
    log_probability: float | None
    maps: Maps
    links: Links
    generate: Float[np.ndarray, " target"] | None = None
    origins: Sequence[Origin] = ()


@dataclass(frozen=True)
class View:
    """Some of a model's attention.

    Attributes:
        kind: a key of KINDS.
        layer, head: from 1; None: the mean over all.
    """

    kind: str
    layer: int | None
    head: int | None

    def of(self, maps: Maps) -> Float[np.ndarray, "query key"]:
        """The weights that are meant."""
        chosen = [
            slice(None) if number is None else slice(number - 1, number) for number in (self.layer, self.head)
        ]
        weights: Float[np.ndarray, "query key"] = maps[self.kind][tuple(chosen)].mean(axis=(0, 1))
        return weights

    def __str__(self) -> str:
        if self.kind == "copy":
            return KINDS["copy"][0]
        layer = "mean of the layers" if self.layer is None else f"layer {self.layer}"
        head = "mean of the heads" if self.head is None else f"head {self.head}"
        return f"{KINDS[self.kind][0]}, {layer}, {head}"


@dataclass(frozen=True, eq=False)
class PairExplanations:
    """All that `attendo explain` shows of a translator.

    Attributes:
        title: what was explained.
        facts: sentences about it: the model, the input, what was left out.
        examples: in the order of the input.
        entropy: kind → how widely its heads look, over all examples.
        aligned_by: the attention that words are aligned by.
    """

    title: str
    facts: Sequence[str]
    examples: Sequence[ExplainedPair]
    entropy: Mapping[str, HeadEntropy]
    aligned_by: View


def record(pair: ExplainedPair) -> dict[str, Any]:
    """A pair in plain containers. Weights are [layer][head][row][column]; of copying, [row][column]."""
    attention = {kind: written(weights) for kind, weights in pair.maps.items()}
    plain: dict[str, Any] = {
        "where": pair.where,
        "source": pair.source.text,
        "target": pair.target.text,
        "is_own": pair.is_own,
        "reference": pair.reference,
        "log_probability": pair.log_probability,
        "source_tokens": list(pair.source.tokens),
        "target_tokens": list(pair.target.tokens),
        "source_words": pair.source.spelled,
        "target_words": pair.target.spelled,
        "alignment": pharaoh(pair.links),
        "attention": attention,
    }
    if "copy" in attention:
        attention["copy"] = attention["copy"][0][0]
    if pair.generate is not None:
        plain["p_gen"] = written(pair.generate)
        plain["origins"] = [asdict(origin) for origin in pair.origins]
    return plain


def written(values: Float[np.ndarray, "*any"]) -> Any:
    """Rounded, so that a number has not twice the digits that fp32 knows."""
    return np.round(values.astype(np.float64), DIGITS).tolist()
