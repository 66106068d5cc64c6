"""Decoders of the seq2seq model beside the Transformer's own."""

from attendo.models.decoders.recurrent import RecurrentDecoder, RecurrentState

__all__ = ["RecurrentDecoder", "RecurrentState"]
