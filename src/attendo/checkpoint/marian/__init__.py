"""Marian models as Hugging Face stores them, such as those of Opus-MT."""

from attendo.checkpoint.marian.folder import ACTIVATIONS, MarianFolder
from attendo.checkpoint.marian.search import decoding_of, without_effect
from attendo.checkpoint.marian.weights import converted

__all__ = ["ACTIVATIONS", "MarianFolder", "converted", "decoding_of", "without_effect"]
