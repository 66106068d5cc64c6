"""What a run shows while it trains."""

from attendo.callbacks.averaging import CheckpointAverages
from attendo.callbacks.figures import ClassificationFigures
from attendo.callbacks.progress import Progress
from attendo.callbacks.samples import Samples
from attendo.callbacks.seq2seq_figures import Seq2SeqFigures
from attendo.callbacks.throughput import Throughput

__all__ = [
    "CheckpointAverages",
    "ClassificationFigures",
    "Progress",
    "Samples",
    "Seq2SeqFigures",
    "Throughput",
]
