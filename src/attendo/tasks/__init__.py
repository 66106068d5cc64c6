"""The two LightningModules."""

from attendo.tasks.classification import TextClassificationTask
from attendo.tasks.decoding import BeamDecoding, Decoding, GreedyDecoding, SamplingDecoding
from attendo.tasks.optimization import Optimization
from attendo.tasks.seq2seq import Seq2SeqTask
from attendo.tasks.task import Task

__all__ = [
    "BeamDecoding",
    "Decoding",
    "GreedyDecoding",
    "Optimization",
    "SamplingDecoding",
    "Seq2SeqTask",
    "Task",
    "TextClassificationTask",
]
