"""The encoder of the Transformer."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.feed_forward import Activation
from attendo.models.layers.multi_head_attention import attendable
from attendo.models.layers.norms import Normalization
from attendo.models.layers.positions import Positions
from attendo.models.layers.residual import Norm
from attendo.models.transformer.settings import LayerSettings


class TransformerEncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with its residual connection."""

    def __init__(self, settings: LayerSettings) -> None:
        super().__init__()
        self.attention = settings.self_attention()
        self.attention_residual = settings.residual()
        self.feed_forward = settings.feed_forward()
        self.feed_forward_residual = settings.residual()

    def forward(
        self, states: Float[Tensor, "batch time hidden"], can_attend: Bool[Tensor, "batch 1 1 time"]
    ) -> Float[Tensor, "batch time hidden"]:
        update = self.attention(self.attention_residual.before(states), can_attend)
        states = self.attention_residual(states, update)
        update = self.feed_forward(self.feed_forward_residual.before(states))
        states = self.feed_forward_residual(states, update)
        return states


class TransformerEncoder(nn.Module):
    """A stack of self-attention layers over embedded tokens (Vaswani et al. 2017, section 3.1).

    Padding never changes the states of real tokens; the states at padding mean nothing.

    Args:
        width: features per state.
        layers: number of layers.
        heads: attention heads per layer; they share the width.
        feed_forward_size: features of the hidden layer in the feed-forward networks.
        norm: normalization before each sub-layer ("pre"), with one more at the end, or after it ("post").
        activation: of the feed-forward networks; "swiglu" gives them half as many parameters again.
        dropout: probability of zeroing a feature of a sub-layer's answer.
        attention_dropout: probability of zeroing an attention weight.
        normalization: LayerNorm ("layer") or RMSNorm ("rms").
        positions: "rotary" turns queries and keys of self-attention by their positions (Su et al. 2021); the
            others change nothing here: their vectors, if any, are in the inputs.
        activation_dropout: probability of zeroing a hidden feature of a feed-forward network.

    Raises:
        ValueError: width is not a multiple of heads, or rotary and of an odd one; unknown norm, activation,
            normalization or positions.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        feed_forward_size: int,
        norm: Norm,
        activation: Activation,
        dropout: float,
        attention_dropout: float,
        normalization: Normalization = "layer",
        positions: Positions = "none",
        activation_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        settings = LayerSettings(
            width=width,
            heads=heads,
            feed_forward_size=feed_forward_size,
            norm=norm,
            activation=activation,
            dropout=dropout,
            attention_dropout=attention_dropout,
            normalization=normalization,
            positions=positions,
            activation_dropout=activation_dropout,
        )
        self.output_size = width
        self.layers = nn.ModuleList(TransformerEncoderLayer(settings) for _ in range(layers))
        self.norm = settings.last_norm()

    def forward(
        self, inputs: Float[Tensor, "batch time hidden"], is_padding: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time hidden"]:
        can_attend = attendable(is_padding)
        states = inputs
        for layer in self.layers:
            states = layer(states, can_attend)
        output: Tensor = self.norm(states)
        return output
