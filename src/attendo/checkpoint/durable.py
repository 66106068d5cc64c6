"""Checkpoint files that are whole or absent, whenever the machine stops."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO

TEMPORARY = ".writing"  # ends the name, so that no pattern for finished files matches


class DurableCheckpointIO(TorchCheckpointIO):
    """Writes beside the target, syncs, renames, syncs the folder; sweeps up what killed writers left.

    Lightning's own writer renames from the system's temporary folder, which is no atomic step when that is
    another file system. A folder has one writer at a time: rank 0 of its run.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for left_behind in target.parent.glob(f".*{TEMPORARY}"):
                left_behind.unlink(missing_ok=True)
            write_durably(target, partial(torch.save, checkpoint))
        except (OSError, RuntimeError) as error:  # torch turns a failing write into the latter
            cause = error if isinstance(error, OSError) else error.__cause__ or error.__context__ or error
            raise ValueError(
                f"the checkpoint {target} cannot be written ({cause}); {free_space(target.parent)}. What was "
                "saved before is whole: make room, then go on with resume="
            ) from error


def write_durably(target: Path, write: Callable[[BinaryIO], object]) -> None:
    """Fills a file beside its target and renames it: the target is always whole, the old one or the new."""
    folder = target.parent
    temporary = folder / f".{target.name}{TEMPORARY}"
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(folder)


def free_space(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB are free there"
    except OSError:
        return "the folder is gone"


def sync_folder(folder: Path) -> None:
    """Makes a rename in the folder survive a power cut (POSIX; elsewhere folders cannot be synced)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
