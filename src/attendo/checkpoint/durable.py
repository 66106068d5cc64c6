"""Checkpoint files that are whole or absent, whenever the machine stops."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

TEMPORARY = ".writing-"


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, syncs, renames, syncs the folder; sweeps up what killed writers left.

    Lightning's own writer renames from the system's temporary folder, which is no atomic step when that is
    another file system. A folder has one writer at a time: rank 0 of its run.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        target = Path(path)
        folder = target.parent
        folder.mkdir(parents=True, exist_ok=True)
        for left_behind in folder.glob(f"{TEMPORARY}*"):
            left_behind.unlink(missing_ok=True)
        temporary = folder / f"{TEMPORARY}{target.name}"
        try:
            with open(temporary, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power cut (POSIX; elsewhere folders cannot be synced)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
