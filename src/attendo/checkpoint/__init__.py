"""Checkpoint files: format, durable writing, safe loading."""

from attendo.checkpoint.building import build_model, check_safe
from attendo.checkpoint.contents import Contents, StoreContents, checkpoint_of, read_checkpoint
from attendo.checkpoint.durable import DurableCheckpointIO
from attendo.checkpoint.last import LastCheckpoint

__all__ = [
    "Contents",
    "DurableCheckpointIO",
    "LastCheckpoint",
    "StoreContents",
    "build_model",
    "check_safe",
    "checkpoint_of",
    "read_checkpoint",
]
