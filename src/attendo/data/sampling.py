"""Balanced sampling: every class equally often in an epoch, whatever the numbers of its rows."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Sampling = Literal["natural", "balanced"]


class BalancedOrder:
    """Draws an epoch of rows, as many of each class (to within one).

    Rows of a class are drawn in whole permutations, so that each is drawn as often as the others, to within
    one: a rare class's several times, and of a frequent class a random part, another one in every epoch.

    Args:
        classes: class of every row.
        costs: of every row; an epoch costs about as much as all rows together.
        least: rows that an epoch has at any rate.
    """

    def __init__(self, classes: NDArray[np.int64], costs: NDArray[np.int32], least: int) -> None:
        by_class = np.argsort(classes, kind="stable").astype(np.int32)
        ends = np.cumsum(np.bincount(classes))[:-1]
        self.groups = [rows for rows in np.split(by_class, ends) if len(rows)]
        mean_cost = np.mean([costs[rows].mean() for rows in self.groups])
        self.count = max(least, round(float(costs.sum() / mean_cost)))

    def draw(self, generator: np.random.Generator) -> NDArray[np.int32]:
        """The rows of an epoch, shuffled."""
        shares = np.full(len(self.groups), self.count // len(self.groups))
        shares[generator.permutation(len(self.groups))[: self.count % len(self.groups)]] += 1
        drawn = [permutations(rows, int(n), generator) for rows, n in zip(self.groups, shares, strict=True)]
        return generator.permutation(np.concatenate(drawn))


def permutations(rows: NDArray[np.int32], count: int, generator: np.random.Generator) -> NDArray[np.int32]:
    """The first ``count`` rows of as many permutations of them as it takes."""
    rounds = -(-count // len(rows))
    return generator.permuted(np.tile(rows, (rounds, 1)), axis=1).reshape(-1)[:count]
