"""Normalization of a state's features."""

from typing import Literal, get_args

from torch import nn

from attendo.suggestions import check_choice

Normalization = Literal["layer", "rms"]
EPSILON = 1e-5  # given, because nn.RMSNorm's own would be another one in every precision


def build_norm(normalization: Normalization, width: int) -> nn.Module:
    """LayerNorm (Ba et al. 2016), or RMSNorm: g ⊙ x / √(mean(x²) + ε) (Zhang & Sennrich 2019, eq. 4).

    Args:
        normalization: "layer" or "rms".
        width: features per state.

    Raises:
        ValueError: unknown normalization.
    """
    check_choice("normalization", normalization, get_args(Normalization))
    if normalization == "rms":
        return nn.RMSNorm(width, eps=EPSILON)
    return nn.LayerNorm(width, eps=EPSILON)
