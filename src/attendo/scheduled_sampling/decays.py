"""How a probability falls, from 1 or so, with the steps, epochs or positions that are counted."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """max(floor, start - slope · i) (Bengio et al. 2015, section 2.4).

    Args:
        start: the probability at i = 0.
        slope: what it loses with every step, epoch or position; 0 for a constant probability.
        floor: the lowest probability.
    """

    start: float
    slope: float
    floor: float

    def __post_init__(self) -> None:
        _check_range(self.start, self.floor)
        if not self.slope >= 0.0:
            raise ValueError(f"slope={self.slope}: expected 0 or more")

    def __call__(self, count: float) -> float:
        return max(self.floor, self.start - self.slope * count)


@dataclass(frozen=True)
class Exponential:
    """max(floor, start · k^i) (Bengio et al. 2015, section 2.4).

    Args:
        start: the probability at i = 0.
        k: the share that is left of it after every step, epoch or position.
        floor: the lowest probability.
    """

    start: float
    k: float
    floor: float

    def __post_init__(self) -> None:
        _check_range(self.start, self.floor)
        if not 0.0 < self.k < 1.0:
            raise ValueError(f"k={self.k}: expected a number between 0 and 1")

    def __call__(self, count: float) -> float:
        return max(self.floor, self.start * math.exp(count * math.log(self.k)))


@dataclass(frozen=True)
class InverseSigmoid:
    """max(floor, start · k / (k + e^(i / k))) (Bengio et al. 2015, section 2.4).

    Args:
        start: the probability long before the fall; at i = 0 it is k / (k + 1) of that.
        k: how late and how slowly it falls: half is reached at i = k ln k.
        floor: the lowest probability.
    """

    start: float
    k: float
    floor: float

    def __post_init__(self) -> None:
        _check_range(self.start, self.floor)
        if not 1.0 <= self.k < math.inf:
            raise ValueError(f"k={self.k}: expected a number of 1 or more")

    def __call__(self, count: float) -> float:
        growth = math.exp(min(count / self.k, 700.0))  # which is nearly all that a float holds
        return max(self.floor, self.start * self.k / (self.k + growth))


def _check_range(start: float, floor: float) -> None:
    if not 0.0 <= floor <= start <= 1.0:
        raise ValueError(f"start={start} and floor={floor}: expected 0 ≤ floor ≤ start ≤ 1")
