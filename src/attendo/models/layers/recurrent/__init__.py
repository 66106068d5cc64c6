"""Recurrent layers that take the place of `torch.nn.LSTM`."""

from attendo.models.layers.recurrent.indrnn import IndRNN
from attendo.models.layers.recurrent.janet import JANET

__all__ = ["JANET", "IndRNN"]
