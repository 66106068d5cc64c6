"""The residual connection around each sub-layer of a Transformer."""

from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor, nn

from attendo.models.layers.norms import Normalization, build_norm
from attendo.suggestions import check_choice

Norm = Literal["pre", "post"]


class Residual(nn.Module):
    """pre: x + f(norm(x)) (Xiong et al. 2020); post: norm(x + f(x)) (Vaswani et al. 2017).

    The sub-layer f reads `before(states)`; its answer goes to the module itself.

    Args:
        width: features per state.
        norm: where the normalization stands.
        dropout: probability of zeroing a feature of f's answer.
        normalization: which one it is.

    Raises:
        ValueError: unknown norm or normalization.
    """

    def __init__(
        self, width: int, norm: Norm, dropout: float, normalization: Normalization = "layer"
    ) -> None:
        super().__init__()
        check_choice("norm", norm, get_args(Norm))
        self.pre = norm == "pre"
        self.norm = build_norm(normalization, width)
        self.dropout = nn.Dropout(dropout)

    def before(self, states: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch time hidden"]:
        """What the sub-layer reads."""
        return self.norm(states) if self.pre else states

    def forward(
        self, states: Float[Tensor, "batch time hidden"], update: Float[Tensor, "batch time hidden"]
    ) -> Float[Tensor, "batch time hidden"]:
        states = states + self.dropout(update)
        return states if self.pre else self.norm(states)
