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
from attendo.metrics.error_rates import ErrorRate, ExactMatch
from attendo.metrics.result import Metric, MetricResult
from attendo.metrics.rouge import Rouge
from attendo.metrics.scores import classification_scores, multilabel_scores, per_class
from attendo.metrics.translation import Bleu, Chrf, Ter

__all__ = [
    "Bleu",
    "Chrf",
    "ConfidenceBins",
    "ErrorRate",
    "ExactMatch",
    "Metric",
    "MetricResult",
    "Rouge",
    "Ter",
    "accuracy",
    "auroc",
    "average_precision",
    "calibrated",
    "classification_scores",
    "confidence_bins",
    "confusion_counts",
    "expected_calibration_error",
    "fit_temperature",
    "macro_f1",
    "matthews_correlation",
    "micro_f1",
    "multilabel_scores",
    "per_class",
]
