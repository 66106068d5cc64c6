"""What a hypothesis is worth: its log-probability, corrected for its length."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class LengthPenalty(Protocol):
    """Turns log-probabilities into scores.

    A score never falls when the log-probability grows, and for one log-probability it only grows or only
    falls with the length: exact stopping needs both.
    """

    @property
    def alpha(self) -> float:
        """Exponent; with 0 the score is the log-probability."""
        ...

    def __call__(
        self, log_probs: Float[Tensor, "*any"], lengths: Int[Tensor, "*any"]
    ) -> Float[Tensor, "*any"]:
        """Scores of hypotheses with so many tokens."""
        ...


@dataclass(frozen=True)
class PowerPenalty:
    """score = log p / length^α: per token with α = 1, the log-probability itself with α = 0."""

    alpha: float

    def __call__(
        self, log_probs: Float[Tensor, "*any"], lengths: Int[Tensor, "*any"]
    ) -> Float[Tensor, "*any"]:
        return log_probs / lengths.to(log_probs.dtype) ** self.alpha


@dataclass(frozen=True)
class GnmtPenalty:
    """score = log p / ((5 + length) / 6)^α (Wu et al. 2016, eq. 14)."""

    alpha: float

    def __call__(
        self, log_probs: Float[Tensor, "*any"], lengths: Int[Tensor, "*any"]
    ) -> Float[Tensor, "*any"]:
        return log_probs / ((5 + lengths.to(log_probs.dtype)) / 6) ** self.alpha
