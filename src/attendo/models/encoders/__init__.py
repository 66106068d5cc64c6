"""Encoders: a state for every token, in view of its sentence."""

from attendo.models.encoders.gru import GRUEncoder
from attendo.models.encoders.indrnn import IndRNNEncoder
from attendo.models.encoders.janet import JANETEncoder
from attendo.models.encoders.lstm import LSTMEncoder

__all__ = ["GRUEncoder", "IndRNNEncoder", "JANETEncoder", "LSTMEncoder"]
