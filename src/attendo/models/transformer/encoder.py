"""The encoder of the Transformer."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.feed_forward import Activation, FeedForward
from attendo.models.layers.multi_head_attention import SelfAttention, attendable
from attendo.models.layers.residual import Norm, Residual


class TransformerEncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with its residual connection.

    Args and Raises: as TransformerEncoder.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward_size: int,
        norm: Norm,
        activation: Activation,
        dropout: float,
        attention_dropout: float,
    ) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads, attention_dropout)
        self.attention_residual = Residual(width, norm, dropout)
        self.feed_forward = FeedForward(width, feed_forward_size, activation)
        self.feed_forward_residual = Residual(width, norm, dropout)

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
        norm: layer normalization before each sub-layer, with one more at the end, or after it.
        activation: of the feed-forward networks.
        dropout: probability of zeroing a feature of a sub-layer's answer.
        attention_dropout: probability of zeroing an attention weight.

    Raises:
        ValueError: width is not a multiple of heads; unknown norm or activation.
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
    ) -> None:
        super().__init__()
        self.output_size = width
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(
                width, heads, feed_forward_size, norm, activation, dropout, attention_dropout
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()

    def forward(
        self, inputs: Float[Tensor, "batch time hidden"], is_padding: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time hidden"]:
        can_attend = attendable(is_padding)
        states = inputs
        for layer in self.layers:
            states = layer(states, can_attend)
        output: Tensor = self.norm(states)
        return output
