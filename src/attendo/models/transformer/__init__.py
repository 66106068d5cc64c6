"""The Transformer (Vaswani et al. 2017): encoder, decoder and the seq2seq model."""

from attendo.models.transformer.decoder import TransformerDecoder
from attendo.models.transformer.encoder import TransformerEncoder
from attendo.models.transformer.seq2seq import TransformerSeq2Seq
from attendo.models.transformer.state import Memory, TransformerState

__all__ = ["Memory", "TransformerDecoder", "TransformerEncoder", "TransformerSeq2Seq", "TransformerState"]
