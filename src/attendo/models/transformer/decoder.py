"""The decoder of the Transformer."""

from collections.abc import Iterable
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.feed_forward import Activation, FeedForward
from attendo.models.layers.multi_head_attention import CrossAttention, KeysValues, SelfAttention, attendable
from attendo.models.layers.residual import Norm, Residual
from attendo.models.transformer.state import Memory, TransformerState


class TransformerDecoderLayer(nn.Module):
    """Causal self-attention, attention to the memory, feed-forward network, each with a residual connection.

    Args and Raises: as TransformerDecoder.
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
        self.cross_attention = CrossAttention(width, heads, attention_dropout)
        self.cross_attention_residual = Residual(width, norm, dropout)
        self.feed_forward = FeedForward(width, feed_forward_size, activation)
        self.feed_forward_residual = Residual(width, norm, dropout)

    def forward(
        self,
        states: Float[Tensor, "batch target hidden"],
        memory: KeysValues,
        can_attend: Bool[Tensor, "batch 1 1 source"],
        past: KeysValues | None,
    ) -> tuple[Float[Tensor, "batch target hidden"], KeysValues]:
        """States of the whole target, or, with a past, of its next position; keys and values so far."""
        update, offered = self.attention.causal(self.attention_residual.before(states), past)
        states = self.attention_residual(states, update)
        update = self.cross_attention(self.cross_attention_residual.before(states), memory, can_attend)
        states = self.cross_attention_residual(states, update)
        update = self.feed_forward(self.feed_forward_residual.before(states))
        return self.feed_forward_residual(states, update), offered


class TransformerDecoder(nn.Module):
    """A stack of causal layers over embedded tokens, attending to a memory (Vaswani et al. 2017, sec. 3.1).

    Args and Raises: as TransformerEncoder.
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
            TransformerDecoderLayer(
                width, heads, feed_forward_size, norm, activation, dropout, attention_dropout
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()

    def forward(
        self, inputs: Float[Tensor, "batch target hidden"], memory: Memory
    ) -> Float[Tensor, "batch target hidden"]:
        """The states of every target position at once."""
        can_attend = attendable(memory.is_padding)
        states = inputs
        for layer, offered in zip(self.layers, self.offer(memory), strict=True):
            states, _ = layer(states, offered, can_attend, None)
        output: Tensor = self.norm(states)
        return output

    def offer(self, memory: Memory) -> tuple[KeysValues, ...]:
        """The memory's keys and values in each layer."""
        layers = cast("Iterable[TransformerDecoderLayer]", self.layers)
        return tuple(layer.cross_attention.offer(memory.hidden) for layer in layers)

    def start(self, memory: Memory) -> TransformerState:
        """The state before the first token: the memory's keys and values, and nothing read yet."""
        offered = self.offer(memory)
        nothing = tuple(KeysValues(layer.keys[:, :, :0], layer.values[:, :, :0]) for layer in offered)
        sentence = torch.arange(len(memory.hidden), device=memory.hidden.device)
        return TransformerState(nothing, offered, attendable(memory.is_padding), sentence, length=0)

    def step(
        self, inputs: Float[Tensor, "row 1 hidden"], state: TransformerState
    ) -> tuple[Float[Tensor, "row 1 hidden"], TransformerState]:
        """The states of the next position of every row."""
        states, past = inputs, []
        for layer, offered, before in zip(self.layers, state.memory, state.past, strict=True):
            states, so_far = layer(states, offered, state.can_attend, before)
            past.append(so_far)
        after = TransformerState(
            tuple(past), state.memory, state.can_attend, state.sentence, state.length + 1
        )
        return self.norm(states), after
