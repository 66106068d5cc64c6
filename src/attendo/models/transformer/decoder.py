"""The decoder of the Transformer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attendo.models.layers.feed_forward import Activation
from attendo.models.layers.multi_head_attention import KeysValues
from attendo.models.layers.norms import Normalization
from attendo.models.layers.positions import Positions
from attendo.models.layers.residual import Norm
from attendo.models.transformer.memory import Memory
from attendo.models.transformer.offered import OfferedMemory, offer
from attendo.models.transformer.settings import LayerSettings


@dataclass(frozen=True)
class TransformerState:
    """The decoder's state after some tokens of each row; a step makes a new one and leaves this one usable.

    Attributes:
        past: one a layer: keys and values of the tokens read so far.
        memory: what is attended to.
        length: tokens read so far.
    """

    past: tuple[KeysValues, ...]
    memory: OfferedMemory
    length: int

    def select(self, rows: Int[Tensor, " row"]) -> "TransformerState":
        """The state of the given rows, in that order; rows may repeat or be left out."""
        past = tuple(layer.select(rows) for layer in self.past)
        return TransformerState(past, self.memory.select(rows), self.length)


class TransformerDecoderLayer(nn.Module):
    """Causal self-attention, attention to the memory, feed-forward network, each with its residual."""

    def __init__(self, settings: LayerSettings) -> None:
        super().__init__()
        self.attention = settings.self_attention()
        self.attention_residual = settings.residual()
        self.cross_attention = settings.cross_attention()
        self.cross_attention_residual = settings.residual()
        self.feed_forward = settings.feed_forward()
        self.feed_forward_residual = settings.residual()

    def forward(
        self,
        states: Float[Tensor, "batch target hidden"],
        memory: KeysValues,
        can_attend: Bool[Tensor, "batch 1 1 source"],
        past: KeysValues | None,
    ) -> tuple[Float[Tensor, "batch target hidden"], KeysValues]:
        """States of the whole target, or, with a past, of its next position; keys and values so far."""
        update, so_far = self.attention.causal(self.attention_residual.before(states), past)
        states = self.attention_residual(states, update)
        update = self.cross_attention(self.cross_attention_residual.before(states), memory, can_attend)
        states = self.cross_attention_residual(states, update)
        update = self.feed_forward(self.feed_forward_residual.before(states))
        return self.feed_forward_residual(states, update), so_far


class TransformerDecoder(nn.Module):
    """A stack of causal layers over embedded tokens, attending to a memory (Vaswani et al. 2017, sec. 3.1).

    Args and Raises: as TransformerEncoder. Rotary positions leave the attention to the memory alone.
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
        self.layers = nn.ModuleList(TransformerDecoderLayer(settings) for _ in range(layers))
        self.norm = settings.last_norm()

    def forward(
        self, inputs: Float[Tensor, "batch target hidden"], memory: Memory
    ) -> Float[Tensor, "batch target hidden"]:
        """The states of every target position at once."""
        offered = self.offer(memory)
        states = inputs
        for layer, keys_values in zip(self.layers, offered.layers, strict=True):
            states, _ = layer(states, keys_values, offered.can_attend, None)
        output: Tensor = self.norm(states)
        return output

    def offer(self, memory: Memory) -> OfferedMemory:
        """The memory's keys and values in each layer."""
        layers = cast("Iterable[TransformerDecoderLayer]", self.layers)
        return offer(memory, [layer.cross_attention for layer in layers])

    def start(self, memory: Memory) -> TransformerState:
        """The state before the first token: the memory's keys and values, and nothing read yet."""
        offered = self.offer(memory)
        nothing = tuple(KeysValues(layer.keys[:, :, :0], layer.values[:, :, :0]) for layer in offered.layers)
        return TransformerState(nothing, offered, length=0)

    def step(
        self, inputs: Float[Tensor, "row 1 hidden"], state: TransformerState
    ) -> tuple[Float[Tensor, "row 1 hidden"], TransformerState]:
        """The states of the next position of every row."""
        memory = state.memory
        states, past = inputs, []
        for layer, offered, before in zip(self.layers, memory.layers, state.past, strict=True):
            states, so_far = layer(states, offered, memory.can_attend, before)
            past.append(so_far)
        return self.norm(states), TransformerState(tuple(past), memory, state.length + 1)
