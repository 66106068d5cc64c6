"""The self-attentive sentence classifier (Lin et al. 2017)."""

from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attendo.tokenization import PAD


class ClassifierOutput(NamedTuple):
    """What a classifier says of every sentence, and where it looked."""

    logits: Float[Tensor, "batch label"]
    attention: Float[Tensor, "batch hop time"]


class SelfAttentiveClassifier(nn.Module):
    """Embed, encode to H, attend with A, and classify the flat sentence matrix M = A H (eq. 7).

    Args:
        vocabulary_size: token ids, the special ones included.
        label_count: classes.
        embedding_size: features per token; the encoder's input size.
        encoder: gives H; has an integer attribute ``output_size``, its features per token.
        attention: builds the attention for states of the given size; what it builds has an integer attribute
            ``hops`` and gives A as ``Float["batch hop time"]``.
        mlp_size: width of the hidden ReLU layer.
        embedding_dropout: probability on the embedded tokens.
        mlp_dropout: probability on the hidden ReLU layer.

    Raises:
        ValueError: the encoder does not tell its output size, or the attention its hops.
    """

    def __init__(
        self,
        vocabulary_size: int,
        label_count: int,
        embedding_size: int,
        encoder: nn.Module,
        attention: Callable[[int], nn.Module],
        mlp_size: int,
        embedding_dropout: float,
        mlp_dropout: float,
    ) -> None:
        super().__init__()
        output_size = _told_by(encoder, "output_size")
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PAD)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.encoder = encoder
        self.attention = attention(output_size)
        self.mlp = nn.Sequential(
            nn.Linear(_told_by(self.attention, "hops") * output_size, mlp_size),
            nn.ReLU(),
            nn.Dropout(mlp_dropout),
            nn.Linear(mlp_size, label_count),
        )

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        is_padding: Bool[Tensor, "batch time"],
    ) -> ClassifierOutput:
        """Return every sentence's logits and attention, whatever the padding and the other sentences."""
        embedded = self.embedding_dropout(self.embedding(tokens))  # batch time feature
        states = self.encoder(embedded, is_padding)  # batch time hidden
        attention = self.attention(states, is_padding)  # batch hop time
        sentence = attention.to(states.dtype) @ states  # batch hop hidden
        return ClassifierOutput(self.mlp(sentence.flatten(start_dim=1)), attention)


def _told_by(module: nn.Module, name: str) -> int:
    """Return an integer that a module tells about itself."""
    value = getattr(module, name, None)
    if not isinstance(value, int):
        raise ValueError(
            f"{type(module).__name__} must have an integer attribute `{name}`, which the classifier needs; "
            f"it is {value!r}"
        )
    return value
