"""The Transformer (Vaswani et al. 2017): encoder, decoder and the seq2seq model."""

from attendo.models.transformer.copy import Copied, PointerGenerator
from attendo.models.transformer.decoder import TransformerDecoder, TransformerState
from attendo.models.transformer.encoder import TransformerEncoder
from attendo.models.transformer.memory import Memory
from attendo.models.transformer.seq2seq import TransformerSeq2Seq
from attendo.models.transformer.state import Seq2SeqState

__all__ = [
    "Copied",
    "Memory",
    "PointerGenerator",
    "Seq2SeqState",
    "TransformerDecoder",
    "TransformerEncoder",
    "TransformerSeq2Seq",
    "TransformerState",
]
