"""Models: plain ``nn.Module``s that know nothing of training."""

from attendo.models.self_attentive import ClassifierOutput, SelfAttentiveClassifier
from attendo.models.transformer import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq

__all__ = [
    "ClassifierOutput",
    "SelfAttentiveClassifier",
    "TransformerDecoder",
    "TransformerEncoder",
    "TransformerSeq2Seq",
]
