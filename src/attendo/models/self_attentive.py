"""The self-attentive classifier of texts, and of pairs of texts (Lin et al. 2017)."""

from collections.abc import Callable
from typing import Literal, NamedTuple, TypedDict, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attendo.models.layers.attention import Pooled
from attendo.models.layers.pairs import Role, Text
from attendo.suggestions import check_choice
from attendo.tokenization import PAD

Head = Literal["multiclass", "binary", "multilabel"]
CombineHops = Literal["flatten", "mean"]


class ClassifierOutput(NamedTuple):
    """What a classifier says of every text, and where it looked.

    Attributes:
        logits: their softmax is the classes' probabilities; of a multi-label head, their sigmoid is.
        attention: of each hop over the tokens; 0 at padding.
        attention_b: the same over the second text, where there are two.
        pooled: the texts that were pooled by this attention; the attention to another one follows from it.
    """

    logits: Float[Tensor, "batch label"]
    attention: Float[Tensor, "batch hop time"]
    attention_b: Float[Tensor, "batch hop time_b"] | None = None
    pooled: tuple[Role, ...] = ("text",)

    @property
    def pooling_weights(self) -> list[Float[Tensor, "batch hop _"]]:
        """The attention that pooled a text: of one text or of both."""
        sides = {"text": self.attention, "text_b": self.attention_b}
        return [weights for role, weights in sides.items() if role in self.pooled and weights is not None]


class Dropouts(TypedDict):
    """Probabilities of zeroing, in training.

    Keys:
        words: a token's whole vector.
        embedding: a feature of an embedded token.
        states: a feature of the encoder's states, at all tokens of a text alike (Gal & Ghahramani 2016).
        mlp: a feature of the hidden ReLU layer.
    """

    words: float
    embedding: float
    states: float
    mlp: float


class SelfAttentiveClassifier(nn.Module):
    """Embed, encode to H, attend with A, and classify the sentence matrix M = A H (eq. 7).

    Args:
        vocabulary_size: token ids, the special ones included.
        label_count: classes.
        embedding_size: features per token; the encoder's input size.
        embedding_std: spread of the features at the beginning. With torch's usual 1, words that training
            has seldom keep nearly random vectors.
        encoder: gives H; has an integer attribute ``output_size``, its features per token.
        attention: builds the attention for states of the given size; what it builds has an integer attribute
            ``hops`` and gives ``Pooled``: M and A.
        mlp_size: width of the hidden ReLU layer.
        dropout: the probabilities of all dropouts.
        head: how logits are made: one for each class (multiclass), one for each label by itself
            (multilabel), or one for the second of two classes, that of the first being 0 (binary): its
            softmax is then a sigmoid, exact at saturation.
        combine_hops: the hops' vectors side by side (flatten, as in the paper), or their mean.
        pair: builds what makes one vector of two texts, for states and vectors of the given sizes; it has an
            integer attribute ``output_size``. None: there is one text.
        feature_attention: builds attention over the features of that vector; None: there is none.

    Attributes:
        temperature: logits are divided by it before they are read as probabilities; 1 until the task fits it.

    Raises:
        ValueError: the encoder does not tell its output size, or the attention its hops; an unknown choice;
            a spread that is not positive; a binary head for more or fewer than two classes.
    """

    temperature: Float[Tensor, ""]

    def __init__(
        self,
        vocabulary_size: int,
        label_count: int,
        embedding_size: int,
        embedding_std: float,
        encoder: nn.Module,
        attention: Callable[[int], nn.Module],
        mlp_size: int,
        dropout: Dropouts,
        head: Head,
        combine_hops: CombineHops,
        pair: Callable[[int, int], nn.Module] | None = None,
        feature_attention: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        check_choice("model.head", head, get_args(Head))
        check_choice("model.combine_hops", combine_hops, get_args(CombineHops))
        if head == "binary" and label_count != 2:
            raise ValueError(
                f"model.head=binary is for two classes, but there are {label_count}: use multiclass"
            )
        if not embedding_std > 0:
            raise ValueError(f"model.embedding_std={embedding_std}: expected more than 0")
        output_size = _told_by(encoder, "output_size")
        self.head, self.combine_hops = head, combine_hops
        self.word_dropout = nn.Dropout(dropout["words"])
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=embedding_std)
        nn.init.zeros_(self.embedding.weight.detach()[PAD])
        self.embedding_dropout = nn.Dropout(dropout["embedding"])
        self.encoder = encoder
        self.state_dropout = nn.Dropout1d(dropout["states"])
        self.attention = attention(output_size)
        size = output_size * (_told_by(self.attention, "hops") if combine_hops == "flatten" else 1)
        self.pair = None if pair is None else pair(output_size, size)
        if self.pair is not None:
            size = _told_by(self.pair, "output_size")
        self.feature_attention = None if feature_attention is None else feature_attention(size)
        self.mlp = nn.Sequential(
            nn.Linear(size, mlp_size),
            nn.ReLU(),
            nn.Dropout(dropout["mlp"]),
            nn.Linear(mlp_size, 1 if head == "binary" else label_count),
        )
        self.register_buffer("temperature", torch.ones(()))

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        is_padding: Bool[Tensor, "batch time"],
        tokens_b: Int[Tensor, "batch time_b"] | None = None,
        is_padding_b: Bool[Tensor, "batch time_b"] | None = None,
    ) -> ClassifierOutput:
        """Return every text's logits and attention, whatever the padding and the other texts.

        Raises:
            ValueError: one text where the model reads two, or the other way round.
        """
        if len({self.pair is None, tokens_b is None, is_padding_b is None}) > 1:
            wanted, given = ("one text", "two") if self.pair is None else ("two texts", "one")
            raise ValueError(f"the model reads {wanted}, but was given {given}: see model.pair")
        states = self.states(tokens, is_padding)
        if self.pair is None or tokens_b is None or is_padding_b is None:
            vector, pooled = self.pool(states, is_padding)
            return ClassifierOutput(self.classify(vector), pooled.weights)
        text_b = Text(self.states(tokens_b, is_padding_b), is_padding_b)
        paired = self.pair(Text(states, is_padding), text_b, self.pool)
        return ClassifierOutput(self.classify(paired.vector), *paired[1:])

    def states(
        self, tokens: Int[Tensor, "batch time"], is_padding: Bool[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time hidden"]:
        """The encoder's states H."""
        embedded = self.embedding(tokens)  # batch time feature
        if self.training and self.word_dropout.p > 0:
            embedded = embedded * self.word_dropout(torch.ones_like(embedded[..., :1]))
        states: Tensor = self.encoder(self.embedding_dropout(embedded), is_padding)
        return self.state_dropout(states.mT).mT if self.state_dropout.p > 0 else states

    def pool(
        self, states: Float[Tensor, "batch time hidden"], is_padding: Bool[Tensor, "batch time"]
    ) -> tuple[Float[Tensor, "batch feature"], Pooled]:
        """A vector for each text, and the hops' vectors and weights that it was made of."""
        pooled: Pooled = self.attention(states, is_padding)
        return self.combined(pooled.vectors), pooled

    def combined(self, vectors: Float[Tensor, "batch hop hidden"]) -> Float[Tensor, "batch feature"]:
        return vectors.flatten(start_dim=1) if self.combine_hops == "flatten" else vectors.mean(dim=1)

    def logits(self, vectors: Float[Tensor, "batch hop hidden"]) -> Float[Tensor, "batch label"]:
        """What follows the attention, for single texts."""
        return self.classify(self.combined(vectors))

    def classify(self, vector: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch label"]:
        if self.feature_attention is not None:
            vector = self.feature_attention(vector).vector
        logits: Tensor = self.mlp(vector)
        if self.head == "binary":
            logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
        return logits


def _told_by(module: nn.Module, name: str) -> int:
    """Return an integer that a module tells about itself."""
    value = getattr(module, name, None)
    if not isinstance(value, int):
        raise ValueError(
            f"{type(module).__name__} must have an integer attribute `{name}`, which the classifier needs; "
            f"it is {value!r}"
        )
    return value
