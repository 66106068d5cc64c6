"""Metrics: strings or predictions in, numbers out."""

from attendo.metrics.calibration import (
    ConfidenceBins,
    calibrated,
    confidence_bins,
    expected_calibration_error,
    fit_temperature,
)
from attendo.metrics.classification import (
    accuracy,
    auroc,
    average_precision,
    confusion_counts,
    macro_f1,
    matthews_correlation,
    micro_f1,
)
from attendo.metrics.generation import Bleu, corpus_bleu, exact_match
from attendo.metrics.scores import classification_scores, multilabel_scores, per_class

__all__ = [
    "Bleu",
    "ConfidenceBins",
    "accuracy",
    "auroc",
    "average_precision",
    "calibrated",
    "classification_scores",
    "confidence_bins",
    "confusion_counts",
    "corpus_bleu",
    "exact_match",
    "expected_calibration_error",
    "fit_temperature",
    "macro_f1",
    "matthews_correlation",
    "micro_f1",
    "multilabel_scores",
    "per_class",
]
