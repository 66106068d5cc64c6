"""The two LightningModules."""

from attendo.tasks.classification import TextClassificationTask
from attendo.tasks.optimization import Optimization
from attendo.tasks.seq2seq import BleuSettings, GreedyDecoding, Seq2SeqTask
from attendo.tasks.task import Task

__all__ = ["BleuSettings", "GreedyDecoding", "Optimization", "Seq2SeqTask", "Task", "TextClassificationTask"]
