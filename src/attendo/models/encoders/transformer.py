"""The Transformer's encoder as the encoder of a classifier."""

from math import sqrt

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.feed_forward import Activation
from attendo.models.layers.linear import xavier_linear
from attendo.models.layers.norms import Normalization
from attendo.models.layers.positions import Positions, added_positions
from attendo.models.layers.residual import Norm
from attendo.models.transformer.encoder import TransformerEncoder


class TransformerTextEncoder(nn.Module):
    """Position vectors, then the self-attention layers of a Transformer (Vaswani et al. 2017, section 3.1).

    Inputs x of another size are mapped to `width`; the layers read √width · x + positions (section 3.4).

    Args:
        input_size: features per input position.
        positions: fixed sinusoids for any length ("sinusoidal") or trained vectors ("learned"), added to the
            inputs; "rotary" as in TransformerEncoder; or "none".
        max_positions: tokens; longest text with learned positions, size of the first table of sinusoids.
        dropout: probability of zeroing a feature of an input or of a sub-layer's answer.
        width, layers, heads, feed_forward_size, norm, activation, attention_dropout, normalization,
        activation_dropout: as in TransformerEncoder.

    Raises:
        ValueError: as TransformerEncoder.
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
        positions: Positions,
        max_positions: int,
        dropout: float,
        attention_dropout: float,
        normalization: Normalization = "layer",
        activation_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.project = nn.Identity() if input_size == width else xavier_linear(input_size, width)
        self.positions = added_positions("model.encoder.positions", positions, width, max_positions)
        self.scale = sqrt(width)
        self.dropout = nn.Dropout(dropout)
        self.layers = TransformerEncoder(
            width,
            layers,
            heads,
            feed_forward_size,
            norm,
            activation,
            dropout,
            attention_dropout,
            normalization,
            positions,
            activation_dropout,
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
        placed = self.scale * self.project(inputs)
        if self.positions is not None:
            placed = placed + self.positions(inputs.shape[1])
        states: Tensor = self.layers(self.dropout(placed), is_padding)
        return states.masked_fill(is_padding[:, :, None], 0.0)
