"""The position-wise feed-forward network of a Transformer layer."""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.choice import check_choice
from attendo.models.layers.linear import xavier_linear

Activation = Literal["relu", "gelu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": functional.relu, "gelu": functional.gelu}


class FeedForward(nn.Module):
    """FFN(x) = W2 f(W1 x + b1) + b2, f being ReLU (Vaswani et al. 2017, eq. 2) or the exact GELU.

    Args:
        width: features of input and output.
        size: features of the hidden layer.
        activation: f.

    Raises:
        ValueError: unknown activation.
    """

    def __init__(self, width: int, size: int, activation: Activation) -> None:
        super().__init__()
        check_choice("activation", activation, tuple(ACTIVATIONS))
        self.activation = ACTIVATIONS[activation]
        self.first = xavier_linear(width, size)
        self.second = xavier_linear(size, width)

    def forward(self, states: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch time hidden"]:
        output: Tensor = self.second(self.activation(self.first(states)))
        return output
