"""What a run shows while it trains."""

from attendo.callbacks.progress import Progress
from attendo.callbacks.samples import Samples
from attendo.callbacks.throughput import Throughput

__all__ = ["Progress", "Samples", "Throughput"]
