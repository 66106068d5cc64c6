"""The sequence-to-sequence Transformer."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.embedding import ScaledEmbedding
from attendo.models.layers.positions import Positions, added_positions
from attendo.models.transformer.copy import Copied, PointerGenerator, mixture
from attendo.models.transformer.memory import Memory
from attendo.models.transformer.state import Decoder, DecoderState, Seq2SeqState, SourceEncoder
from attendo.suggestions import check_choice
from attendo.tokenization import UNK

TiedEmbeddings = Literal["none", "decoder", "all"]


class TransformerSeq2Seq(nn.Module):
    """Encoder, decoder, embeddings and output layer of "Attention is all you need" (Vaswani et al. 2017).

    Learned position vectors are not shared by source and target. PAD and BOS are ordinary classes of the
    output, which training never rewards and search may ban.

    With ``copy``, words of the source can be copied into the target, also such as no vocabulary has: the
    output is wider than the vocabulary by the batch's own unknown words, whose ids follow those of the
    vocabulary. Fed back, they are read as UNK.

    Args:
        source_vocabulary_size: number of source tokens.
        target_vocabulary_size: number of target tokens.
        width: features per state, the same everywhere.
        encoder: reads the embedded source.
        decoder: reads the embedded target and the encoder's states.
        positions: vectors added to the embedded tokens: fixed sinusoids for any length, or trained ones. With
            "rotary" and "none" nothing is added; of the former, encoder and decoder take care.
        max_positions: tokens; longest input with learned positions, size of the first table of sinusoids.
        tied_embeddings: what shares one matrix: "all" (source, target, output), "decoder" (target, output).
        dropout: probability of zeroing a feature of an embedded token.
        copy: the copy mechanism; None: every word is generated.
        output_bias: whether the output layer has one.

    Attributes:
        longest_target: tokens that a target may have, or None for any number.

    Raises:
        ValueError: widths differ; "all" with two vocabulary sizes; unknown positions or tied_embeddings.
    """

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        width: int,
        encoder: SourceEncoder,
        decoder: Decoder,
        positions: Positions,
        max_positions: int,
        tied_embeddings: TiedEmbeddings,
        dropout: float,
        copy: PointerGenerator | None = None,
        output_bias: bool = False,
    ) -> None:
        super().__init__()
        check_choice("model.tied_embeddings", tied_embeddings, get_args(TiedEmbeddings))
        _check_widths(width, encoder.output_size, decoder.output_size)
        self.encoder = encoder
        self.decoder = decoder
        self.copy = copy
        self.target_embedding = ScaledEmbedding(target_vocabulary_size, width)
        if tied_embeddings == "all":
            _check_joint(source_vocabulary_size, target_vocabulary_size)
            self.source_embedding = self.target_embedding
        else:
            self.source_embedding = ScaledEmbedding(source_vocabulary_size, width)
        self.projection = nn.Linear(width, target_vocabulary_size, bias=output_bias)
        if output_bias:
            nn.init.zeros_(self.projection.bias)
        if tied_embeddings == "none":
            nn.init.normal_(self.projection.weight, std=width**-0.5)
        else:
            self.projection.weight = self.target_embedding.weight
        self.source_positions = added_positions("model.positions", positions, width, max_positions)
        self.target_positions = added_positions("model.positions", positions, width, max_positions)
        self.longest_target = max_positions if positions == "learned" else None
        self.dropout = nn.Dropout(dropout)

    def encode(
        self,
        source: Int[Tensor, "batch source"],
        is_padding: Bool[Tensor, "batch source"],
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
    ) -> Memory:
        """What the decoder attends to.

        Args:
            copy_ids: each source token's id in the target vocabulary, widened by the batch's unknown words;
                PAD at padding. Needed by a model that copies, and by no other.
            unknown_count: number of the batch's unknown words.
        """
        embedded = self.source_embedding(source)
        if self.source_positions is not None:
            embedded = embedded + self.source_positions(source.shape[1])
        hidden = self.encoder(self.dropout(embedded), is_padding)
        if self.copy is None:
            return Memory(hidden, is_padding)
        return Memory(hidden, is_padding, copy_ids, unknown_count)

    def embedded(self, tokens: Int[Tensor, "batch target"]) -> Float[Tensor, "batch target hidden"]:
        """Target tokens as the decoder reads them, still without positions; unknown words are read as UNK."""
        known = tokens.masked_fill(tokens >= len(self.target_embedding.weight), UNK)
        embedded: Tensor = self.target_embedding(known)
        return embedded

    def decode(
        self, inputs: Float[Tensor, "batch target hidden"], memory: Memory
    ) -> Float[Tensor, "batch target hidden"]:
        """The decoder's states, each having read the embedded inputs up to its own position."""
        if self.target_positions is not None:
            inputs = inputs + self.target_positions(inputs.shape[1])
        return self.decoder(self.dropout(inputs), memory)

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        source_is_padding: Bool[Tensor, "batch source"],
        target_inputs: Int[Tensor, "batch target"],
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
    ) -> Float[Tensor, "batch target hidden"]:
        """Teacher forcing: the decoder's states over a source and its target.

        Args:
            target_inputs: BOS and the reference; padding at the end needs no mask: nothing before it sees it.
            copy_ids, unknown_count: as for ``encode``.
        """
        memory = self.encode(source, source_is_padding, copy_ids, unknown_count)
        return self.decode(self.embedded(target_inputs), memory)

    def copied(self, hidden: Float[Tensor, "batch target hidden"], memory: Memory) -> Copied | None:
        """Where the copy mechanism looks; None for a model that has none."""
        if self.copy is None:
            return None
        found: Copied = self.copy(hidden, self.copy.offer(memory))
        return found

    def output(
        self,
        hidden: Float[Tensor, "*any hidden"],
        copied: Copied | None = None,
        where: Bool[Tensor, "*any"] | None = None,
    ) -> Float[Tensor, "*items vocab"]:
        """Log-probabilities of the next token, in fp32 (or wider) also under autocast.

        Args:
            hidden: the decoder's states.
            copied: of the same states, which are (batch target hidden) then; by ``copied``.
            where: the positions that are wanted, in row-major order; None: all, in the shape of the states.
        """
        logits: Tensor = self.projection(hidden if where is None else hidden[where])
        exact = torch.promote_types(logits.dtype, torch.float32)
        generated = functional.log_softmax(logits, dim=-1, dtype=exact)
        if copied is None:
            return generated
        attention, generate, copy_ids = copied.attention.to(exact), copied.generate.to(exact), copied.copy_ids
        copy_ids = copy_ids[:, None].expand(attention.shape)  # batch target source
        if where is not None:
            attention, generate, copy_ids = attention[where], generate[where], copy_ids[where]
        return mixture(generated, attention, generate, copy_ids, copied.unknown_count)

    def log_probs(
        self,
        source: Int[Tensor, "batch source"],
        source_is_padding: Bool[Tensor, "batch source"],
        target_inputs: Int[Tensor, "batch target"],
        where: Bool[Tensor, "batch target"] | None = None,
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
    ) -> Float[Tensor, "*items vocab"]:
        """Teacher forcing from the source to log-probabilities.

        Args:
            target_inputs: as for ``forward``.
            where: as for ``output``.
            copy_ids, unknown_count: as for ``encode``.
        """
        memory = self.encode(source, source_is_padding, copy_ids, unknown_count)
        hidden = self.decode(self.embedded(target_inputs), memory)
        return self.output(hidden, self.copied(hidden, memory), where)

    def start(self, memory: Memory) -> Seq2SeqState:
        """The state of the search before its first token, one row a sentence."""
        copying = None if self.copy is None else self.copy.offer(memory)
        return Seq2SeqState(self.decoder.start(memory), copying)

    def step(
        self, last_tokens: Int[Tensor, " row"], state: Seq2SeqState
    ) -> tuple[Float[Tensor, "row vocab"], Seq2SeqState]:
        """Reads one more token in every row (first BOS); gives the next token's log-probabilities."""
        hidden, after = self.advance(self.embedded(last_tokens[:, None]), state.decoder)
        copied = None if self.copy is None else self.copy(hidden, state.copying)
        attention = None if copied is None else copied.attention[:, 0]
        return self.output(hidden, copied)[:, 0], Seq2SeqState(after, state.copying, attention)

    def advance(
        self, inputs: Float[Tensor, "row 1 hidden"], state: DecoderState
    ) -> tuple[Float[Tensor, "row 1 hidden"], DecoderState]:
        """The decoder's states after one more embedded token; ``decode``, one position at a time."""
        if self.target_positions is not None:
            inputs = inputs + self.target_positions(1, first=state.length)
        return self.decoder.step(self.dropout(inputs), state)


def _check_widths(width: int, encoder: int, decoder: int) -> None:
    if not width == encoder == decoder:
        raise ValueError(
            f"model.width={width}, model.encoder.width={encoder} and model.decoder.width={decoder} "
            "must be equal"
        )


def _check_joint(source_vocabulary_size: int, target_vocabulary_size: int) -> None:
    if source_vocabulary_size != target_vocabulary_size:
        raise ValueError(
            "model.tied_embeddings=all needs one vocabulary for both languages, but the source has "
            f"{source_vocabulary_size} tokens and the target {target_vocabulary_size}: use a joint "
            "vocabulary or model.tied_embeddings=decoder"
        )
