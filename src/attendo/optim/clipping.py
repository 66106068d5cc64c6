"""Gradient clipping: called on whole, unscaled gradients just before the optimizer's step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn


@runtime_checkable
class Clip(Protocol):
    """Clips the gradients of parameters in place."""

    def __call__(self, parameters: Sequence[nn.Parameter]) -> None: ...


@dataclass(frozen=True)
class ClipNorm:
    """Scales all gradients together so that their global norm is at most ``max_norm``.

    Args:
        max_norm: largest norm.
        norm_type: p of the p-norm; 2 is the usual one, ``.inf`` the maximum norm.
    """

    max_norm: float
    norm_type: float

    def __post_init__(self) -> None:
        check_positive("clipping.max_norm", self.max_norm)
        check_positive("clipping.norm_type", self.norm_type)

    def __call__(self, parameters: Sequence[nn.Parameter]) -> None:
        nn.utils.clip_grad_norm_(parameters, self.max_norm, self.norm_type)


@dataclass(frozen=True)
class ClipValue:
    """Clamps every component of every gradient to [−limit, limit]."""

    limit: float

    def __post_init__(self) -> None:
        check_positive("clipping.limit", self.limit)

    def __call__(self, parameters: Sequence[nn.Parameter]) -> None:
        nn.utils.clip_grad_value_(parameters, self.limit)


@dataclass(frozen=True)
class ClipBounds:
    """Clamps every component of every gradient to [lower, upper], which need not be symmetric."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ValueError(
                f"clipping.lower={self.lower} and clipping.upper={self.upper}: expected lower < upper"
            )

    @torch.no_grad()
    def __call__(self, parameters: Sequence[nn.Parameter]) -> None:
        for parameter in parameters:
            if parameter.grad is not None:
                parameter.grad.clamp_(self.lower, self.upper)


def check_positive(key: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{key}={value}: expected a number above 0")
