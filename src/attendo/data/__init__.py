"""Sources of text → Arrow tables → length-bucketed batches."""

from attendo.data.augmentation import TokenAugmentation
from attendo.data.batches import Batch, ClassificationBatch, Seq2SeqBatch
from attendo.data.batching import BatchSizes
from attendo.data.bpe_dropout import BpeDropout
from attendo.data.copying import Copying
from attendo.data.datamodule import TextDataModule
from attendo.data.lengths import LengthPolicy
from attendo.data.preparation import Preparation, PreparedData, Split
from attendo.data.reading import SkippedRow
from attendo.data.splits import SplitPolicy

__all__ = [
    "Batch",
    "BatchSizes",
    "BpeDropout",
    "ClassificationBatch",
    "Copying",
    "LengthPolicy",
    "Preparation",
    "PreparedData",
    "Seq2SeqBatch",
    "SkippedRow",
    "Split",
    "SplitPolicy",
    "TextDataModule",
    "TokenAugmentation",
]
