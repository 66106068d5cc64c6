"""The Transformer's encoder as the encoder of a classifier."""

from math import sqrt
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.choice import check_choice
from attendo.models.layers.feed_forward import Activation
from attendo.models.layers.linear import xavier_linear
from attendo.models.layers.positions import LearnedPositions, SinusoidalPositions
from attendo.models.layers.residual import Norm
from attendo.models.transformer.encoder import TransformerEncoder

POSITIONS = {"sinusoidal": SinusoidalPositions, "learned": LearnedPositions}


class TransformerTextEncoder(nn.Module):
    """Position vectors, then the self-attention layers of a Transformer (Vaswani et al. 2017, section 3.1).

    Inputs x of another size are mapped to `width`; the layers read √width · x + positions (section 3.4).

    Args:
        input_size: features per input position.
        width: features per state.
        layers: number of layers.
        heads: attention heads per layer; they share the width.
        feed_forward_size: features of the hidden layer in the feed-forward networks.
        norm: layer normalization before each sub-layer ("pre") or after its residual sum ("post").
        activation: nonlinearity of the feed-forward networks.
        positions: fixed sinusoids for any length, or trained vectors.
        max_positions: tokens; longest text with learned positions, size of the first table of sinusoids.
        dropout: probability of zeroing a feature of an input or of a sub-layer's answer.
        attention_dropout: probability of zeroing an attention weight.

    Raises:
        ValueError: the width is not a multiple of heads; unknown norm, activation or positions.
    """

    def __init__(
        self,
        input_size: int,
        width: int,
        layers: int,
        heads: int,
        feed_forward_size: int,
        norm: Norm,
        activation: Activation,
        positions: Literal["sinusoidal", "learned"],
        max_positions: int,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        check_choice("model.encoder.positions", positions, tuple(POSITIONS))
        self.project = nn.Identity() if input_size == width else xavier_linear(input_size, width)
        self.positions = POSITIONS[positions](width, max_positions)
        self.scale = sqrt(width)
        self.dropout = nn.Dropout(dropout)
        self.layers = TransformerEncoder(
            width, layers, heads, feed_forward_size, norm, activation, dropout, attention_dropout
        )
        self.output_size = width

    def forward(
        self,
        inputs: Float[Tensor, "batch time feature"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time hidden"]:
        """Return a state for every position, zero at padding, which stands after the real tokens.

        Raises:
            ValueError: learned positions, and more than max_positions tokens.
        """
        if inputs.shape[1] == 0:  # a batch of empty sentences, which attention refuses
            return inputs.new_zeros(inputs.shape[0], 0, self.output_size)
        placed = self.scale * self.project(inputs) + self.positions(inputs.shape[1])
        states: Tensor = self.layers(self.dropout(placed), is_padding)
        return states.masked_fill(is_padding[:, :, None], 0.0)
