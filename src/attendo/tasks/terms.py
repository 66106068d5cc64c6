"""Terms of an objective, and sums and counts that become means over micro-batches, steps and ranks."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor

from attendo.losses import Loss


@dataclass(frozen=True)
class Term:
    """One term of the objective: weight · (its sum over the whole step) / (the step's count of its unit).

    Attributes:
        unit: a key of ``Task.counts``.
    """

    loss: Loss
    weight: float
    unit: str


@dataclass(frozen=True)
class Learned:
    """What a micro-batch says in training: terms to minimise, and further sums and counts to report."""

    terms: Mapping[str, Term]
    metrics: Mapping[str, Loss]


class RunningSums:
    """Named (sum, count) pairs. They stay on the device: adding never waits for it."""

    def __init__(self, pairs: Mapping[str, Tensor] | None = None) -> None:
        self.pairs: dict[str, Tensor] = dict(pairs or {})

    def add(self, name: str, loss: Loss) -> None:
        exact = torch.float32 if loss.sum.device.type == "mps" else torch.float64
        pair = torch.stack([loss.sum.detach().to(exact), loss.count.detach().to(exact)])
        self.pairs[name] = self.pairs[name] + pair if name in self.pairs else pair

    def update(self, others: "RunningSums") -> None:
        for name, pair in others.pairs.items():
            self.pairs[name] = self.pairs[name].to(pair) + pair if name in self.pairs else pair

    def totals(self, strategy: Strategy) -> dict[str, Tensor]:
        """(sum, count) of every name, over all ranks."""
        if not self.pairs:
            return {}
        table = strategy.reduce(torch.stack(list(self.pairs.values())), reduce_op="sum")
        assert isinstance(table, Tensor)
        return dict(zip(self.pairs, table, strict=True))

    def means(self, strategy: Strategy) -> dict[str, Tensor]:
        """Sum / count of every name, over all ranks."""
        return {name: pair[0] / pair[1].clamp(min=1e-12) for name, pair in self.totals(strategy).items()}
