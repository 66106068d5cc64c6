"""What a checkpoint file holds beside Lightning's own state, so that it needs no other file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from attendo import __version__
from attendo.tokenization import Tokenizer

KEY = "attendo"
NEEDED = ("model", "data", "task", "trainer")  # parts of the configuration that rebuild a run
FORMAT = 1  # raise it when older programs could not read the file; say in the CHANGELOG which they are


@dataclass(frozen=True)
class Contents:
    """Plain facts about a run.

    Attributes:
        config: the resolved configuration.
        tokenizers: role → tokenizer.
        labels: class names in the order of their ids; empty for pairs.
    """

    config: dict[str, Any]
    tokenizers: Mapping[str, Tokenizer]
    labels: list[str]

    def to_dict(self) -> dict[str, Any]:
        distinct: list[Tokenizer] = []
        for tokenizer in self.tokenizers.values():
            if all(tokenizer is not other for other in distinct):
                distinct.append(tokenizer)
        roles = {
            role: next(i for i, other in enumerate(distinct) if other is tokenizer)
            for role, tokenizer in self.tokenizers.items()
        }
        return {
            "format": FORMAT,
            "version": __version__,
            "config": self.config,
            "tokenizers": [tokenizer.to_dict() for tokenizer in distinct],
            "tokenizer_of_role": roles,
            "labels": self.labels,
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Contents":
        distinct = [Tokenizer.from_dict(each) for each in stored["tokenizers"]]
        tokenizers = {role: distinct[number] for role, number in stored["tokenizer_of_role"].items()}
        return cls(stored["config"], tokenizers, list(stored["labels"]))


class StoreContents(pl.Callback):
    """Puts the contents into every checkpoint that the run writes."""

    def __init__(self, contents: Contents) -> None:
        self.stored = contents.to_dict()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEY] = self.stored


def checkpoint_of(run: str | Path, name: str = "best") -> Path:
    """The checkpoint file that ``run=`` means: itself, or ``checkpoints/<name>.ckpt`` of a run folder.

    Raises:
        FileNotFoundError: there is none; the message lists those that are there.
    """
    path = Path(run)
    if path.is_file():
        return path
    folder = path / "checkpoints"
    if (folder / f"{name}.ckpt").is_file():
        return folder / f"{name}.ckpt"
    if not path.exists():
        raise FileNotFoundError(f"run={run}: there is no such file or folder")
    found = sorted(file.stem for file in folder.glob("*.ckpt"))
    raise FileNotFoundError(
        f"run={run}: found no checkpoints/{name}.ckpt in it"
        + (f"; there are {', '.join(found)}" if found else "; expected a run folder or a .ckpt file")
    )


def read_checkpoint(path: Path) -> tuple[Contents, dict[str, Any]]:
    """Contents and model weights (state dict of the model) of a checkpoint file. Never runs code from it.

    Raises:
        ValueError: the file is no checkpoint of attendo, is damaged, or was written by a newer version.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # damaged bytes raise anything: KeyError, struct.error, UnicodeDecodeError, …
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{path} is no readable checkpoint: {reason}") from error
    stored = checkpoint.get(KEY) if isinstance(checkpoint, dict) else None
    if not isinstance(stored, dict) or not isinstance(stored.get("format"), int):
        raise ValueError(f"{path} was not written by attendo: it has no '{KEY}' entry")
    if stored["format"] > FORMAT:
        raise ValueError(
            f"{path} has checkpoint format {stored['format']} (attendo {stored.get('version')}); "
            f"this is attendo {__version__}, which reads up to format {FORMAT}: please update"
        )
    prefix = "model."
    try:
        weights = {
            name.removeprefix(prefix): value
            for name, value in checkpoint["state_dict"].items()
            if name.startswith(prefix)
        }
        contents = Contents.from_dict(stored)
        lacking = [name for name in NEEDED if not isinstance(contents.config[name], dict)]
        if lacking:
            raise ValueError(f"its configuration has no {', '.join(lacking)}")
        return contents, weights
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error
