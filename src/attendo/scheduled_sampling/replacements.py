"""What is read in place of a token of the reference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

Embed = Callable[[Int[Tensor, "batch target"]], Float[Tensor, "batch target hidden"]]


@runtime_checkable
class Replacement(Protocol):
    """What is read in place of the reference's token."""

    def __call__(
        self, log_probs: Float[Tensor, "item vocab"], embed: Embed
    ) -> Float[Tensor, "item hidden"]: ...


@dataclass(frozen=True)
class Argmax:
    """The most probable token."""

    def __call__(self, log_probs: Float[Tensor, "item vocab"], embed: Embed) -> Float[Tensor, "item hidden"]:
        return embed(log_probs.argmax(dim=-1)[None])[0]


@dataclass(frozen=True)
class Sample:
    """A token drawn by its probability.

    Args:
        top_k: draw among so many of the most probable tokens, by their renormalised probabilities; None: all.
    """

    top_k: int | None

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k={self.top_k}: expected 1 or more, or null")

    def __call__(self, log_probs: Float[Tensor, "item vocab"], embed: Embed) -> Float[Tensor, "item hidden"]:
        if self.top_k is None:
            return embed(_with_gumbel_noise(log_probs).argmax(dim=-1)[None])[0]
        scores, tokens = log_probs.topk(min(self.top_k, log_probs.shape[-1]), dim=-1)
        drawn = _with_gumbel_noise(scores).argmax(dim=-1, keepdim=True)
        return embed(tokens.gather(-1, drawn).mT)[0]


@dataclass(frozen=True)
class GumbelMixture:
    """Σ_v q_v E_v over all tokens v, with q = softmax((log p + Gumbel noise) / τ).

    The mixture of Goyal et al. (2017), who want it for its gradient by log p. Here there is none: log p is a
    constant, as for every replacement, and only the vectors E learn.

    Args:
        temperature: τ; near 0 it is the embedding of one token, drawn by its probability.
    """

    temperature: float

    def __post_init__(self) -> None:
        if not self.temperature > 0.0:
            raise ValueError(f"temperature={self.temperature}: expected a number above 0")

    def __call__(self, log_probs: Float[Tensor, "item vocab"], embed: Embed) -> Float[Tensor, "item hidden"]:
        weights = (_with_gumbel_noise(log_probs) / self.temperature).softmax(dim=-1)
        vectors = embed(torch.arange(log_probs.shape[-1], device=log_probs.device)[None])[0]  # vocab hidden
        return (weights.to(vectors.dtype) @ vectors).to(vectors.dtype)


def _with_gumbel_noise(log_probs: Float[Tensor, "item vocab"]) -> Float[Tensor, "item vocab"]:
    """Log-probabilities plus Gumbel noise: the argmax is a draw by these probabilities, normalised or not."""
    waiting = torch.empty_like(log_probs).exponential_().clamp_(min=torch.finfo(log_probs.dtype).tiny)
    return waiting.log_().neg_().add_(log_probs)  # in place: over a vocabulary it is large
