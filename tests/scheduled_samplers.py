"""Samplers with some probability of the reference, and vectors that say which token they stand for."""

import torch
from torch.nn import functional

from attendo.scheduled_sampling import Argmax, Linear, ScheduledSampling

VOCABULARY = 9
DEFAULTS = {
    "decay": None, "position_decay": None, "unit": "steps", "zero_below": None,
    "draw": "token", "replacement": Argmax(), "passes": 1, "form": "parallel",
}  # fmt: skip


def sampling(**settings) -> ScheduledSampling:
    return ScheduledSampling(**(DEFAULTS | settings))


def constant(p: float, **settings) -> ScheduledSampling:
    """Keeps the reference's tokens with probability p, always."""
    return sampling(decay=Linear(p, 0.0, 0.0), **settings)


def one_hot(tokens: torch.Tensor) -> torch.Tensor:
    return functional.one_hot(tokens, VOCABULARY).double()


def certain(tokens: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of a decoder that is sure of these next tokens."""
    return one_hot(tokens).log()
