"""Checkpoint files: format, durable writing, safe loading."""

from attendo.checkpoint.averaging import Weights, average_files, averaged, write_weights
from attendo.checkpoint.building import build_model, check_safe
from attendo.checkpoint.contents import (
    Contents,
    StoreContents,
    checkpoint_of,
    hint_of_runs,
    place_of,
    read_checkpoint,
)
from attendo.checkpoint.durable import DurableCheckpointIO, write_durably
from attendo.checkpoint.last import LastCheckpoint
from attendo.checkpoint.named_rows import named_rows
from attendo.checkpoint.signals import Interrupted
from attendo.checkpoint.trained import Trained, build_stored, load_trained
from attendo.checkpoint.transfer import check_fits, transfer

__all__ = [
    "Contents",
    "DurableCheckpointIO",
    "Interrupted",
    "LastCheckpoint",
    "StoreContents",
    "Trained",
    "Weights",
    "average_files",
    "averaged",
    "build_model",
    "build_stored",
    "check_fits",
    "check_safe",
    "checkpoint_of",
    "hint_of_runs",
    "load_trained",
    "named_rows",
    "place_of",
    "read_checkpoint",
    "transfer",
    "write_durably",
    "write_weights",
]
