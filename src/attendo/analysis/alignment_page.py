"""The page of `attendo explain` for translators: as `attention_page`, with matrices of every head.

The weights of all texts travel as one piece: √w in 127 steps, a byte each, packed by zlib. So small weights
are as exact as large ones, and 200 texts of 30 words with 3 × 16 heads take less than 10 MB.
"""

import base64
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from attendo.analysis.alignment import Words
from attendo.analysis.explained_pairs import KINDS, ExplainedPair, PairExplanations, Side
from attendo.analysis.script_page import script_page
from attendo.tokenization import BOS, SPECIAL_TOKENS

SCRIPTS = ("shown.js", "alignment_data.js", "alignment_matrix.js", "alignment.js")
STYLES = ("attention.css", "alignment.css")
LEVELS = 127


def alignment_page(found: PairExplanations) -> str:
    """The whole page."""
    return script_page("alignment.html", STYLES, SCRIPTS, found.title, found.facts, plain(found))


def plain(found: PairExplanations) -> dict[str, Any]:
    """What the script reads."""
    kinds = [kind for kind in KINDS if kind in found.entropy]
    packed = np.concatenate([np.empty(0, np.uint8), *levels(found.examples, kinds)])
    view = found.aligned_by
    return {
        "kinds": [plain_kind(kind, found) for kind in kinds],
        "view": {
            "kind": view.kind,
            "layer": str(view.layer or "mean"),
            "head": str(view.head or "mean"),
        },
        "levels": LEVELS,
        "weights": base64.b64encode(zlib.compress(packed.tobytes(), 9)).decode(),
        "texts": [plain_pair(pair) for pair in found.examples],
    }


def plain_kind(kind: str, found: PairExplanations) -> dict[str, Any]:
    title, rows, columns = KINDS[kind]
    entropy = found.entropy[kind]
    layers, heads = entropy.nats.shape
    return {
        "name": kind,
        "title": title,
        "rows": rows,
        "columns": columns,
        "layers": layers,
        "heads": heads,
        "share": np.round(entropy.share, 4).tolist(),
        "nats": np.round(entropy.nats, 4).tolist(),
    }


def levels(examples: Sequence[ExplainedPair], kinds: Sequence[str]) -> Iterator[UInt8[np.ndarray, " weight"]]:
    """The weights of pair after pair, kind after kind, head after head; of the decoder, no later tokens."""
    for pair in examples:
        for kind in kinds:
            if kind in pair.maps:
                weights = pair.maps[kind]
                if kind == "decoder":
                    weights = weights[..., *np.tril_indices(weights.shape[-1])]
                yield quantised(weights).ravel()


def quantised(weights: Float[np.ndarray, "*any"]) -> UInt8[np.ndarray, "*any"]:
    steps: UInt8[np.ndarray, "*any"] = np.round(LEVELS * np.sqrt(weights.clip(0, 1))).astype(np.uint8)
    return steps


def plain_pair(pair: ExplainedPair) -> dict[str, Any]:
    return {
        "where": pair.where,
        "source": plain_side(pair.source),
        "target": plain_side(pair.target),
        "inputs": [SPECIAL_TOKENS[BOS], *pair.target.tokens[:-1]] if pair.target.tokens else [],
        "isOwn": pair.is_own,
        "reference": pair.reference,
        "score": None if pair.log_probability is None else round(pair.log_probability, 5),
        "links": [list(link) for link in pair.links],
        "generate": None if pair.generate is None else np.round(pair.generate, 4).tolist(),
        "origins": [
            {
                "word": origin.word,
                "generate": round(origin.generate, 4),
                "source": origin.source,
                "weight": round(origin.weight, 4),
                "isUnknown": origin.is_unknown,
            }
            for origin in pair.origins
        ],
    }


def plain_side(side: Side) -> dict[str, Any]:
    return {"text": side.text, "tokens": list(side.tokens), "words": numbers(side.words, len(side.tokens))}


def numbers(words: Words, tokens: int) -> list[int]:
    """The number of each token's word; EOS is one more."""
    found = [number for number, word in enumerate(words) for _ in word]
    return [*found, *range(len(words), len(words) + tokens - len(found))]
