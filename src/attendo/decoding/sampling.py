"""Sampling: answers drawn from the model's distribution, or from its head."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attendo.decoding.constraints import Constraints
from attendo.decoding.hypothesis import Hypothesis
from attendo.decoding.single import follow
from attendo.decoding.step import StateType, Step


@dataclass(frozen=True)
class Distribution:
    """What is drawn from: p^(1/temperature), then only its most probable tokens.

    Args:
        temperature: > 0; below 1 sharper than the model, above it flatter.
        top_k: only the k most probable tokens; 0: all.
        top_p: only the most probable tokens that together have at least this probability (Holtzman et al.
            2020), after ``temperature`` and ``top_k``; 1: all.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def draw(
        self, log_probs: Float[Tensor, "row vocab"], uniform: Float[Tensor, " row"]
    ) -> Int[Tensor, " row"]:
        """The token at the given place, in [0, 1), of each row's cumulative distribution."""
        tokens, vocab = None, log_probs.shape[1]
        if self.top_k or self.top_p < 1:
            log_probs, tokens = log_probs.topk(min(self.top_k or vocab, vocab), dim=1)
        probs = (log_probs / self.temperature).softmax(dim=1)
        if self.top_p < 1:
            probs = probs.masked_fill(probs.cumsum(dim=1) - probs >= self.top_p, 0.0)
        reached = probs.cumsum(dim=1)
        below_one = 1 - torch.finfo(reached.dtype).eps  # rounding up to 1 would point behind the last token
        place = uniform.to(reached).clamp(max=below_one)[:, None] * reached[:, -1:]
        chosen = torch.searchsorted(reached, place, right=True)
        return (chosen if tokens is None else tokens.gather(1, chosen))[:, 0]


def sample(
    step: Step[StateType],
    state: StateType,
    distribution: Distribution,
    seeds: Sequence[int],
    constraints: Constraints,
    *,
    bos: int,
) -> list[list[Hypothesis]]:
    """One answer a row, drawn token by token.

    Args:
        step: the model's step.
        state: the model's state before the first token.
        distribution: what tokens are drawn from.
        seeds: of each row's random numbers: what else is in the batch changes nothing.
        constraints: what answers must keep to; the distribution is that of the allowed tokens.
        bos: id that is read first.

    Returns:
        The answer of every row; log_prob and score are those of the model, whatever was drawn from.
    """
    longest = int(constraints.maximum.max()) + 1 if seeds else 0
    places = torch.zeros(len(seeds), longest, dtype=torch.float64)
    for row, seed in enumerate(seeds):
        places[row].uniform_(generator=torch.Generator().manual_seed(seed))

    def draw(
        log_probs: Float[Tensor, "row vocab"], rows: Int[Tensor, " row"], number: int
    ) -> Int[Tensor, " row"]:
        return distribution.draw(log_probs, places[rows.cpu(), number].to(log_probs))

    return follow(step, state, draw, constraints, bos=bos)
