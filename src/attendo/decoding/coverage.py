"""The coverage penalty: a translation should look at every source token."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class Attending(Protocol):
    """A state that can say where the model looked.

    Attributes:
        attention: of every row, when the last step chose the log-probabilities of the next token; sums to 1.
    """

    attention: Float[Tensor, "row source"] | None


def attention_of(state: object) -> Float[Tensor, "row source"]:
    """Where the model looked at the last step.

    Raises:
        ValueError: the state does not tell.
    """
    attention = state.attention if isinstance(state, Attending) else None
    if attention is None:
        raise ValueError(
            "decoding.coverage needs a model that tells at each step where in the source it looks, such as "
            "one with model/copy=pointer; this one does not: set decoding.coverage=0"
        )
    return attention


@dataclass(frozen=True)
class CoveragePenalty:
    """Σ_i β log min(Σ_t a_ti, 1): added to a hypothesis's score (Wu et al. 2016, eq. 14).

    t runs over the target's tokens with EOS, i over the source's real tokens. It is never above 0.

    Args:
        beta: weight, ≥ 0.
        is_padding: of the source sentences.
    """

    beta: float
    is_padding: Bool[Tensor, "batch source"]

    def start(self) -> Float[Tensor, "batch source"]:
        """The attention before the first step: padding counts as attended to."""
        return self.is_padding.float()

    def __call__(self, attended: Float[Tensor, "batch beam source"]) -> Float[Tensor, "batch beam"]:
        """The penalties of hypotheses.

        Args:
            attended: attention to each source token, summed over the target.
        """
        floor = torch.finfo(
            attended.dtype
        ).tiny  # a token that was never looked at costs much, not everything
        return self.beta * attended.clamp(floor, 1.0).log().sum(dim=2)
