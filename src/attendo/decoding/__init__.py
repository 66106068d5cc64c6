"""Search for the best target sentence. It knows no model: only a step function and a state."""

from attendo.decoding.greedy import greedy
from attendo.decoding.step import State, Step

__all__ = ["State", "Step", "greedy"]
