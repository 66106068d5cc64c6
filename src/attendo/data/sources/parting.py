"""Where two files of unequal length stop being parallel, judged by the lengths of their lines."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST_MISSING = 50  # lines
MOST_WORK = 20_000_000  # pairs of lines to compare: half a gigabyte
WINDOW = 50  # lines that have to look parallel, all along before the place and after it
PARALLEL = 0.7  # they do where they are less than this as unlike as pairs by chance
EVIDENCE = 8.0  # log-likelihood by which every place outside the answer is worse
WIDEST = 20  # lines of an answer

Numbers = NDArray[np.float64]


def parting(first: Sequence[int], second: Sequence[int]) -> tuple[int, int] | None:
    """Lines (1-based, first and last) among which the longer file has the first one that the other lacks.

    A line and its translation have lengths in about the same ratio everywhere (Gale and Church 1993). Lines
    are taken to lack in the shorter file only: in those places where it makes the rest agree best.

    Args:
        first, second: characters of each line; not as many lines in one as in the other.

    Returns:
        None where lengths do not tell: few lines, too many missing ones, lengths that agree no better than by
        chance, or far apart places that are about as good.
    """
    short, long = (np.log1p(np.asarray(lengths, float)) for lengths in sorted((first, second), key=len))
    missing = len(long) - len(short)
    if len(short) < WINDOW or missing > MOST_MISSING or (missing + 1) * len(short) > MOST_WORK:
        return None
    ratio = np.median(long) - np.median(short)
    by_chance = np.abs(np.roll(long[missing:], len(short) // 2) - short - ratio).mean()
    unlike = [np.abs(long[skipped : skipped + len(short)] - short - ratio) for skipped in range(missing + 1)]
    costs = costs_by_place(unlike)
    place = int(costs.argmin())
    scale = costs[place] / len(short)  # of a Laplace distribution of the logarithm of the ratio
    near = np.flatnonzero(costs - costs[place] <= EVIDENCE * scale)
    after = min((part[place : place + WINDOW] for part in unlike[1:]), key=np.sum)
    if (
        near[-1] - near[0] >= WIDEST
        or least_alike(np.append(unlike[0][:place], after)) > PARALLEL * by_chance
    ):
        return None
    return int(near[0]) + 1, int(near[-1]) + 1


def costs_by_place(unlike: Sequence[Numbers]) -> Numbers:
    """What the best alignment costs whose first missing line comes after 0, 1, 2 … lines of the shorter file.

    Args:
        unlike: number of skipped lines of the longer file → how unlike each pair of lines is.
    """
    sums = [np.append(0.0, np.cumsum(pairs)) for pairs in unlike]
    rest = sums[-1][-1] - sums[-1]  # cost from each place on, when all missing lines lie before it
    for before in sums[-2:0:-1]:
        rest = np.minimum.accumulate((before + rest)[::-1])[::-1] - before
    costs: Numbers = sums[0] + rest
    return costs


def least_alike(unlike: Numbers) -> float:
    """The highest mean over a window of lines."""
    sums = np.append(0.0, np.cumsum(unlike))
    window = min(WINDOW, len(unlike))
    return float((sums[window:] - sums[:-window]).max() / window)
