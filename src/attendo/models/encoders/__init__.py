"""Encoders: a state for every token, in view of its sentence."""

from attendo.models.encoders.bag import BagEncoder
from attendo.models.encoders.convolutional import ConvolutionalEncoder
from attendo.models.encoders.gru import GRUEncoder
from attendo.models.encoders.indrnn import IndRNNEncoder
from attendo.models.encoders.janet import JANETEncoder
from attendo.models.encoders.lstm import LSTMEncoder
from attendo.models.encoders.transformer import TransformerTextEncoder

__all__ = [
    "BagEncoder",
    "ConvolutionalEncoder",
    "GRUEncoder",
    "IndRNNEncoder",
    "JANETEncoder",
    "LSTMEncoder",
    "TransformerTextEncoder",
]
