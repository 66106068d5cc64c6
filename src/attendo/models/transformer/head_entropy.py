"""How widely each head spreads its attention."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class HeadEntropy:
    """Entropy of the heads of one kind of attention, means over all rows that had a choice.

    Attributes:
        nats: -Σ w ln w.
        share: the same, as a share of the entropy of equal weights: 0 for one token alone, 1 for all equally.
        rows: how many there were; with 0 of them the means are 0.
    """

    nats: Float[np.ndarray, "layer head"]
    share: Float[np.ndarray, "layer head"]
    rows: int


def head_entropy(
    maps: Iterable[Float[np.ndarray, "layer head _query _key"]], is_causal: bool = False
) -> HeadEntropy:
    """Means over all queries of several texts; a query that sees one token only has no choice.

    Args:
        maps: of every text, without padding; as many layers and heads in each.
        is_causal: query t sees the keys up to t.
    """
    nats, shares, rows = [], [], 0
    for weights in maps:
        queries, keys = weights.shape[-2:]
        places = np.arange(1, queries + 1) if is_causal else np.full(queries, keys)
        has_choice = places > 1
        entropy = row_entropy(weights[..., has_choice, :])
        nats.append(entropy.sum(axis=-1))
        shares.append((entropy / np.log(places[has_choice])).sum(axis=-1))
        rows += int(has_choice.sum())
    total, share = (np.sum(each, axis=0) / max(rows, 1) for each in (nats, shares))
    return HeadEntropy(total, share, rows)


def row_entropy(weights: Float[np.ndarray, "*any key"]) -> Float[np.ndarray, "*any"]:
    """-Σ w ln w, with 0 ln 0 = 0."""
    weights = weights.astype(np.float64)
    entropy: Float[np.ndarray, "*any"] = -(weights * np.log(np.where(weights > 0, weights, 1))).sum(axis=-1)
    return entropy
