from collections.abc import Callable

import pytest
import torch
from torch import nn

from attendo.models.decoders import RecurrentDecoder
from attendo.models.transformer import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq


def build_model(
    *,
    vocabulary_sizes: tuple[int, int] = (20, 20),
    width: int = 16,
    layers: int = 2,
    decoder_layers: int | None = None,
    heads: int = 4,
    feed_forward_size: int = 24,
    norm: str = "pre",
    normalization: str = "layer",
    activation: str = "relu",
    positions: str = "sinusoidal",
    max_positions: int = 64,
    tied_embeddings: str = "all",
    decoder: str = "transformer",
    dropout: float = 0.0,
    seed: int = 0,
) -> TransformerSeq2Seq:
    """A model; decoder: "transformer" or the cell of a recurrent one; dropout: of every kind."""
    torch.manual_seed(seed)
    deeper = layers if decoder_layers is None else decoder_layers
    rest = (heads, feed_forward_size, norm, activation, dropout, dropout, normalization, positions, dropout)
    encoder = TransformerEncoder(width, layers, *rest)
    writes: nn.Module = (
        TransformerDecoder(width, deeper, *rest)
        if decoder == "transformer"
        else RecurrentDecoder(width, decoder, deeper, heads, dropout, dropout, dropout)
    )
    return TransformerSeq2Seq(
        *vocabulary_sizes, width, encoder, writes, positions, max_positions, tied_embeddings, dropout
    )


@pytest.fixture
def build() -> Callable[..., TransformerSeq2Seq]:
    torch.set_num_threads(1)
    return build_model


@pytest.fixture
def double(build: Callable[..., TransformerSeq2Seq]) -> Callable[..., TransformerSeq2Seq]:
    """A model in float64 whose biases and norms are random, too, so that none of them can be left out."""

    def build_double(**keywords: object) -> TransformerSeq2Seq:
        model = build(**keywords).double().eval()
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                torch.nn.init.normal_(parameter, std=1.0 if name.endswith("norm.weight") else 0.1)
        return model

    return build_double
