"""Metrics: strings or predictions in, numbers out."""

from attendo.metrics.classification import accuracy, macro_f1
from attendo.metrics.generation import Bleu, corpus_bleu, exact_match

__all__ = ["Bleu", "accuracy", "corpus_bleu", "exact_match", "macro_f1"]
