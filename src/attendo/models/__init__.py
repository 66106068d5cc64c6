"""Models: plain ``nn.Module``s that know nothing of training."""

from attendo.models.ensemble import Ensemble
from attendo.models.self_attentive import ClassifierOutput, SelfAttentiveClassifier
from attendo.models.transformer import (
    PointerGenerator,
    TransformerDecoder,
    TransformerEncoder,
    TransformerSeq2Seq,
)

__all__ = [
    "ClassifierOutput",
    "Ensemble",
    "PointerGenerator",
    "SelfAttentiveClassifier",
    "TransformerDecoder",
    "TransformerEncoder",
    "TransformerSeq2Seq",
]
