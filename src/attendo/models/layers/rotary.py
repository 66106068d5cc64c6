"""Positions as rotations of what attention compares."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attendo.models.layers.positions import SinusoidalPositions

TABLE_SIZE = 1024  # positions computed in advance; a longer input extends the table


class RotaryPositions(nn.Module):
    """Turns pairs of features of the vector at position p by the angles p θ_i (Su et al. 2021, eq. 34).

    θ_i = 10000^(−2i/size). A query's product with a key then depends on how far they are apart, not on where
    they stand. The paper pairs neighbouring features; here the i-th of the first half goes with the i-th of
    the second: a fixed permutation, which changes nothing for queries and keys that are both learned.

    Args:
        size: features per head.

    Raises:
        ValueError: the size is odd.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        if size % 2:
            raise ValueError(
                f"positions=rotary turns pairs of features, but a head has {size}: make width / heads even"
            )
        self.angles = SinusoidalPositions(size, TABLE_SIZE)

    def forward(
        self, vectors: Float[Tensor, "batch head time feature"], first: int = 0
    ) -> Float[Tensor, "batch head time feature"]:
        """Queries or keys of the positions first, first + 1, …"""
        sines, cosines = self.angles(vectors.shape[2], first).chunk(2, dim=-1)  # time pair
        real, imaginary = vectors.chunk(2, dim=-1)
        turned = [real * cosines - imaginary * sines, imaginary * cosines + real * sines]
        return torch.cat(turned, dim=-1).to(vectors.dtype)
