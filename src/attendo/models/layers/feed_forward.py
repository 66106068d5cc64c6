"""The position-wise feed-forward network of a Transformer layer."""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.linear import xavier_linear
from attendo.suggestions import check_choice


def swiglu(both: Float[Tensor, "batch time both"]) -> Float[Tensor, "batch time hidden"]:
    """SiLU(gate) ⊙ value, of [gate; value]."""
    gate, value = both.chunk(2, dim=-1)
    return functional.silu(gate) * value


Activation = Literal["relu", "gelu", "silu", "swiglu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "swiglu": swiglu,
}


class FeedForward(nn.Module):
    """FFN(x) = W2 f(W1 x + b1) + b2 (Vaswani et al. 2017, eq. 2), f being ReLU, the exact GELU, or SiLU.

    With "swiglu" f(W1 x + b1) is SiLU(W1 x + b1) ⊙ (V x + c) (Shazeer 2020, eq. 6, but with biases). V is as
    large as W1 and stands below it in one matrix; so the network has half as many parameters again as one of
    the same size without it.

    Args:
        width: features of input and output.
        size: features of the hidden layer.
        activation: f.
        dropout: probability of zeroing a feature of the hidden layer, after f.

    Raises:
        ValueError: unknown activation.
    """

    def __init__(self, width: int, size: int, activation: Activation, dropout: float = 0.0) -> None:
        super().__init__()
        check_choice("activation", activation, tuple(ACTIVATIONS))
        self.activation = ACTIVATIONS[activation]
        self.first = xavier_linear(width, size, parts=2 if activation == "swiglu" else 1)
        self.dropout = nn.Dropout(dropout)
        self.second = xavier_linear(size, width)

    def forward(self, states: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch time hidden"]:
        output: Tensor = self.second(self.dropout(self.activation(self.first(states))))
        return output
