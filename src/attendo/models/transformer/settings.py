"""What the layers of a Transformer are made of."""

from dataclasses import dataclass
from typing import get_args

from torch import nn

from attendo.models.layers.feed_forward import Activation, FeedForward
from attendo.models.layers.multi_head_attention import CrossAttention, SelfAttention
from attendo.models.layers.norms import Normalization, build_norm
from attendo.models.layers.positions import Positions
from attendo.models.layers.residual import Norm, Residual
from attendo.suggestions import check_choice


@dataclass(frozen=True)
class LayerSettings:
    """The arguments of TransformerEncoder and TransformerDecoder, and the parts that they describe."""

    width: int
    heads: int
    feed_forward_size: int
    norm: Norm
    activation: Activation
    dropout: float
    attention_dropout: float
    normalization: Normalization
    positions: Positions
    activation_dropout: float

    def __post_init__(self) -> None:
        check_choice("positions", self.positions, get_args(Positions))

    def self_attention(self) -> SelfAttention:
        return SelfAttention(self.width, self.heads, self.attention_dropout, self.positions == "rotary")

    def cross_attention(self) -> CrossAttention:
        return CrossAttention(self.width, self.heads, self.attention_dropout)

    def feed_forward(self) -> FeedForward:
        return FeedForward(self.width, self.feed_forward_size, self.activation, self.activation_dropout)

    def residual(self) -> Residual:
        return Residual(self.width, self.norm, self.dropout, self.normalization)

    def last_norm(self) -> nn.Module:
        """After the last layer, whose sum nothing has normalized yet where norms stand before sub-layers."""
        return build_norm(self.normalization, self.width) if self.norm == "pre" else nn.Identity()
