"""The sequence-to-sequence Transformer."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.layers.choice import check_choice
from attendo.models.layers.embedding import ScaledEmbedding
from attendo.models.layers.positions import LearnedPositions, SinusoidalPositions
from attendo.models.transformer.decoder import TransformerDecoder
from attendo.models.transformer.encoder import TransformerEncoder
from attendo.models.transformer.state import Memory, TransformerState

TiedEmbeddings = Literal["none", "decoder", "all"]
POSITIONS = {"sinusoidal": SinusoidalPositions, "learned": LearnedPositions}


class TransformerSeq2Seq(nn.Module):
    """Encoder, decoder, embeddings and output layer of "Attention is all you need" (Vaswani et al. 2017).

    Learned position vectors are not shared by source and target. The output layer has no bias; PAD and BOS
    are ordinary classes of it, which training never rewards and search may ban.

    Args:
        source_vocabulary_size: number of source tokens.
        target_vocabulary_size: number of target tokens.
        width: features per state, the same everywhere.
        encoder: reads the embedded source.
        decoder: reads the embedded target and the encoder's states.
        positions: fixed sinusoids for any length, or trained vectors.
        max_positions: tokens; longest input with learned positions, size of the first table of sinusoids.
        tied_embeddings: what shares one matrix: "all" (source, target, output), "decoder" (target, output).
        dropout: probability of zeroing a feature of an embedded token.

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
        encoder: TransformerEncoder,
        decoder: TransformerDecoder,
        positions: Literal["sinusoidal", "learned"],
        max_positions: int,
        tied_embeddings: TiedEmbeddings,
        dropout: float,
    ) -> None:
        super().__init__()
        check_choice("model.positions", positions, tuple(POSITIONS))
        check_choice("model.tied_embeddings", tied_embeddings, get_args(TiedEmbeddings))
        _check_widths(width, encoder.output_size, decoder.output_size)
        self.encoder = encoder
        self.decoder = decoder
        self.target_embedding = ScaledEmbedding(target_vocabulary_size, width)
        if tied_embeddings == "all":
            _check_joint(source_vocabulary_size, target_vocabulary_size)
            self.source_embedding = self.target_embedding
        else:
            self.source_embedding = ScaledEmbedding(source_vocabulary_size, width)
        self.projection = nn.Linear(width, target_vocabulary_size, bias=False)
        if tied_embeddings == "none":
            nn.init.normal_(self.projection.weight, std=width**-0.5)
        else:
            self.projection.weight = self.target_embedding.weight
        self.source_positions = POSITIONS[positions](width, max_positions)
        self.target_positions = POSITIONS[positions](width, max_positions)
        self.longest_target = max_positions if positions == "learned" else None
        self.dropout = nn.Dropout(dropout)

    def encode(self, source: Int[Tensor, "batch source"], is_padding: Bool[Tensor, "batch source"]) -> Memory:
        """What the decoder attends to."""
        embedded = self.source_embedding(source) + self.source_positions(source.shape[1])
        return Memory(self.encoder(self.dropout(embedded), is_padding), is_padding)

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        source_is_padding: Bool[Tensor, "batch source"],
        target_inputs: Int[Tensor, "batch target"],
    ) -> Float[Tensor, "batch target hidden"]:
        """Teacher forcing: the decoder's states, each having read the target inputs up to its own position.

        Args:
            target_inputs: BOS and the reference; padding at the end needs no mask: nothing before it sees it.
        """
        memory = self.encode(source, source_is_padding)
        embedded = self.target_embedding(target_inputs) + self.target_positions(target_inputs.shape[1])
        states: Tensor = self.decoder(self.dropout(embedded), memory)
        return states

    def output(self, hidden: Float[Tensor, "*any hidden"]) -> Float[Tensor, "*any vocab"]:
        """Log-probabilities of the next token, in fp32 (or wider) also under autocast."""
        logits: Tensor = self.projection(hidden)
        return functional.log_softmax(logits, dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))

    def start(self, memory: Memory) -> TransformerState:
        """The state of the search before its first token, one row a sentence."""
        return self.decoder.start(memory)

    def step(
        self, last_tokens: Int[Tensor, " row"], state: TransformerState
    ) -> tuple[Float[Tensor, "row vocab"], TransformerState]:
        """Reads one more token in every row (first BOS); gives the next token's log-probabilities."""
        embedded = self.target_embedding(last_tokens[:, None]) + self.target_positions(1, first=state.length)
        hidden, state = self.decoder.step(self.dropout(embedded), state)
        return self.output(hidden[:, 0]), state


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
