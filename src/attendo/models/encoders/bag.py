"""The bag of embeddings."""

from jaxtyping import Bool, Float
from torch import Tensor, nn


class BagEncoder(nn.Module):
    """No encoder at all: a token's state is its embedding, whatever stands around it.

    Args:
        input_size: features per input position.
    """

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.output_size = input_size

    def forward(
        self,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time feature"]:
        """Return a state for every position, zero at padding."""
        return inputs.masked_fill(is_padding[:, :, None], 0.0)
