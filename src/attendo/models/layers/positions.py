"""Vectors that tell a Transformer where a token stands."""

from math import sqrt
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attendo.suggestions import check_choice

Positions = Literal["sinusoidal", "learned", "rotary", "none"]


def sinusoids(count: int, width: int) -> Float[Tensor, "time hidden"]:
    """PE(p, i) = sin(p / 10000^(2i/width)), PE(p, width/2 + i) = cos(…) (Vaswani et al. 2017, section 3.5).

    The paper interleaves sines and cosines; here they fill one half each, as in Marian: a fixed permutation
    of the features, which changes nothing for the linear maps that read them.

    Args:
        count: number of positions, from 0.
        width: features per position.
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float64) / width
    angles = torch.arange(count, dtype=torch.float64)[:, None] * 10000.0**-exponents  # time frequency
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].float()


class SinusoidalPositions(nn.Module):
    """Fixed sinusoids for inputs of any length.

    Args:
        width: features per position.
        max_positions: positions computed in advance; a longer input extends the table.
    """

    table: Float[Tensor, "time hidden"]

    def __init__(self, width: int, max_positions: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("table", sinusoids(max_positions, width), persistent=False)

    def forward(self, count: int, first: int = 0) -> Float[Tensor, "time hidden"]:
        """The vectors of the positions first, …, first + count − 1."""
        end = first + count
        if end > len(self.table):
            # A table made under inference mode (validation) would be one that training cannot write to (DDP).
            # Every row has been fp32, so that old and new tables agree in a model converted to float64, too.
            with torch.inference_mode(False):
                self.table = sinusoids(max(end, 2 * len(self.table)), self.width).to(self.table)
        return self.table[first:end]


class LearnedPositions(nn.Module):
    """One trained vector a position: √width · P[position], P ~ N(0, 1/width), the scale of token embeddings.

    Args:
        width: features per position.
        max_positions: the longest input, in tokens.
    """

    decays = False  # weight decay leaves it out

    def __init__(self, width: int, max_positions: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_positions, width))
        nn.init.normal_(self.weight, std=width**-0.5)

    def forward(self, count: int, first: int = 0) -> Float[Tensor, "time hidden"]:
        """The vectors of the positions first, …, first + count − 1.

        Raises:
            ValueError: the input is longer than max_positions.
        """
        max_positions, width = self.weight.shape
        if first + count > max_positions:
            raise ValueError(
                f"an input of {first + count} tokens exceeds max_positions={max_positions}: "
                "raise it, shorten the input, or use positions=sinusoidal, which has no limit"
            )
        return self.weight[first : first + count] * sqrt(width)


def added_positions(
    name: str, positions: Positions, width: int, max_positions: int
) -> SinusoidalPositions | LearnedPositions | None:
    """What is added to embedded tokens; None for what adds nothing ("rotary" is a matter of attention).

    Args:
        name: the keyword as the user writes it, e.g. `model.positions`.
        positions: its value.
        width, max_positions: of the vectors.

    Raises:
        ValueError: unknown positions.
    """
    check_choice(name, positions, get_args(Positions))
    if positions == "sinusoidal":
        return SinusoidalPositions(width, max_positions)
    return LearnedPositions(width, max_positions) if positions == "learned" else None
