"""How two texts, each read by the same encoder and attention, become one vector."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attendo.models.layers.attention import Pooled, weighted
from attendo.models.layers.linear import xavier_linear
from attendo.models.layers.multi_head_attention import PROJECTION_GAIN, check_heads, split_heads
from attendo.models.layers.weighting import softmax_where
from attendo.suggestions import check_choice

Part = Literal["vectors", "difference", "product"]
Role = Literal["text", "text_b"]
Pooling: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Pooled]]


class Text(NamedTuple):
    """A text as the encoder read it."""

    states: Float[Tensor, "batch time hidden"]
    is_padding: Bool[Tensor, "batch time"]


class Paired(NamedTuple):
    """A vector for two texts, and where the model looked in each.

    Attributes:
        pooled: which of these weights pooled a text: the others follow from them.
    """

    vector: Float[Tensor, "batch feature"]
    attention: Float[Tensor, "batch hop time"]
    attention_b: Float[Tensor, "batch hop time_b"]
    pooled: tuple[Role, ...]


class PairFeatures(nn.Module):
    """The texts' vectors u and v side by side: u, v, |u − v| and u ⊙ v (Conneau et al. 2017, section 3.1).

    Args:
        state_size: features per state of the encoder.
        vector_size: features of a text's vector.
        parts: which of these: vectors (u and v), difference, product.

    Raises:
        ValueError: no part, an unknown one, or one twice.
    """

    def __init__(self, state_size: int, vector_size: int, parts: Sequence[Part]) -> None:
        super().__init__()
        for part in parts:
            check_choice("model.pair.parts", part, get_args(Part))
        if not parts or len(set(parts)) < len(parts):
            raise ValueError(
                f"model.pair.parts={list(parts)}: expected some of {', '.join(get_args(Part))}, each once"
            )
        self.parts = tuple(parts)
        self.output_size = vector_size * (len(parts) + ("vectors" in parts))

    def forward(self, text: Text, text_b: Text, pool: Pooling) -> Paired:
        """Pool each text by itself.

        Args:
            pool: (states, is_padding) → a vector for each text, and what it was pooled from.
        """
        (first, pooled), (second, pooled_b) = pool(*text), pool(*text_b)
        features = {
            "vectors": torch.cat([first, second], dim=-1),
            "difference": (first - second).abs(),
            "product": first * second,
        }
        vector = torch.cat([features[part] for part in self.parts], dim=-1)
        return Paired(vector, pooled.weights, pooled_b.weights, get_args(Role))


class PairCrossAttention(nn.Module):
    """One text's states ask, the other's answer (keys and values); what was asked and answered is pooled.

    Each state x of the asking text becomes LayerNorm(x + MultiHead(x, Y, Y)) (Vaswani et al. 2017, sections
    3.1 and 3.2.2). Where the model looked in the answering text is then A C: the attention A over the asking
    text, and the mean C of the heads' attention from there.

    Args:
        state_size: features per state of the encoder.
        vector_size: features of a text's vector.
        heads: attention heads; they share the features.
        queries: whose states are the queries.

    Raises:
        ValueError: the heads cannot share the features equally, or no such text.
    """

    def __init__(self, state_size: int, vector_size: int, heads: int, queries: Role) -> None:
        super().__init__()
        check_choice("model.pair.queries", queries, get_args(Role))
        check_heads(state_size, heads)
        self.heads, self.swaps = heads, queries == "text_b"
        self.query = xavier_linear(state_size, state_size, gain=PROJECTION_GAIN)
        self.project = xavier_linear(state_size, state_size, parts=2, gain=PROJECTION_GAIN)
        self.output = xavier_linear(state_size, state_size)
        self.norm = nn.LayerNorm(state_size)
        self.output_size = vector_size

    def forward(self, text: Text, text_b: Text, pool: Pooling) -> Paired:
        """Pool the asking text. The arguments are those of `PairFeatures`."""
        asking, answering = (text_b, text) if self.swaps else (text, text_b)
        weights, answers = self.answers(asking, answering)
        vector, pooled = pool(self.norm(asking.states + answers), asking.is_padding)
        of_answering = weighted(weights.mean(dim=1), pooled.weights)
        if self.swaps:
            return Paired(vector, of_answering, pooled.weights, ("text_b",))
        return Paired(vector, pooled.weights, of_answering, ("text",))

    def answers(
        self, asking: Text, answering: Text
    ) -> tuple[Float[Tensor, "batch head query time"], Float[Tensor, "batch query hidden"]]:
        """Each head's weights, and what all heads together found."""
        (queries,) = split_heads(self.query(asking.states), 1, self.heads)
        keys, values = split_heads(self.project(answering.states), 2, self.heads)
        scores = queries @ keys.mT * queries.shape[-1] ** -0.5  # batch head query time
        weights = softmax_where(~answering.is_padding[:, None], scores.flatten(1, 2)).view_as(scores)
        found = (weights.to(values.dtype) @ values).transpose(1, 2).flatten(2)
        return weights, self.output(found)
