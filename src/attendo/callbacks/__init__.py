"""What a run shows while it trains."""

from attendo.callbacks.figures import ClassificationFigures
from attendo.callbacks.progress import Progress
from attendo.callbacks.samples import Samples
from attendo.callbacks.throughput import Throughput

__all__ = ["ClassificationFigures", "Progress", "Samples", "Throughput"]
