"""Pictures: arrays in, matplotlib figures out, without a window or global state."""

from attendo.figures.classifier import attention_map, confusion_matrix, reliability_diagram
from attendo.figures.drawing import columns_of, percent
from attendo.figures.heads import head_grid, token_matrix

__all__ = [
    "attention_map",
    "columns_of",
    "confusion_matrix",
    "head_grid",
    "percent",
    "reliability_diagram",
    "token_matrix",
]
