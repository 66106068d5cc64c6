"""Whether a command that resumes a run still means that run."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attendo.checkpoint import Contents, place_of, read_checkpoint
from attendo.data import PreparedData

# What may not differ from the run that goes on: it would no longer be that run. How long and how carefully
# it trains (the Trainer, clipping, the schedule's numbers) may be changed on the way. So may the place of the
# text, for the tables made of it are compared themselves.
MEANING = (
    "data",
    "freeze",
    "learning_rates",
    "model",
    "monitor",
    "optimizer",
    "regularization",
    "scheduler._target_",
    "seed",
    "target_tokenizer",
    "task",
    "tokenizer",
    "trainer.limit_train_batches",
    "trainer.overfit_batches",
    "unfreeze_at_step",
)
FREE = ("data.cache_dir", "data.tokens_per_micro_batch", "data.name")
PLACES = ("data.train", "data.validation", "data.test", "data.path", "data.revision", "data.source")


@dataclass(frozen=True)
class Saved:
    """The checkpoint that a run goes on from.

    Attributes:
        epochs, steps: that are done where it stands; steps are the optimizer's.
    """

    path: Path
    contents: Contents
    epochs: int
    steps: int

    @classmethod
    def read(cls, path: Path) -> "Saved":
        return cls(path, read_checkpoint(path)[0], *place_of(path))

    def check_goes_on(self, trainer: Mapping[str, Any]) -> None:
        """Raises ValueError if the Trainer is to do less than what has been done."""
        for name, done in (("max_epochs", self.epochs), ("max_steps", self.steps)):
            limit = trainer.get(name)
            if isinstance(limit, int) and 0 <= limit < done:
                raise ValueError(f"trainer.{name}={limit}: {done} are done already in {self.path}")


def check_same_run(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises ValueError if the configuration means another run than the checkpoint's; shows what differs."""
    found = [line for key, line in differences(before, now) if matters(key)]
    if found:
        raise ValueError(
            "resume: this would no longer be the run that was saved. What differs (saved → now):\n  "
            + "\n  ".join(found[:20])
            + "\nTo start a new run from its weights: init_from=… in place of resume=…"
        )


def matters(key: str) -> bool:
    return within(key, MEANING) and not within(key, (*FREE, *PLACES))


def within(key: str, prefixes: Sequence[str]) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def differences(before: object, now: object, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, what it was and is) of every value that differs."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in dict.fromkeys((*before, *now)):
            path = f"{key}.{name}" if key else str(name)
            yield from differences(before.get(name), now.get(name), path)
    elif before != now:
        yield key, f"{key}: {json.dumps(before, ensure_ascii=False)} → {json.dumps(now, ensure_ascii=False)}"


def check_same_data(saved: Contents, data: PreparedData, config: Mapping[str, Any]) -> None:
    """Raises ValueError if the tables are not those that the run was trained on."""
    if saved.labels != data.labels:
        raise ValueError(f"resume: the run's classes are {saved.labels}, those of the data {data.labels}")
    if dict(saved.tokenizers) == data.tokenizers and saved.data_hash == data_hash(data):
        return
    moved = [line for key, line in differences(saved.config, config) if within(key, PLACES)]
    raise ValueError(
        "resume: the training or validation rows are not those that the run was started with"
        + (":\n  " + "\n  ".join(moved) if moved else "; the files have changed since")
    )


def data_hash(data: PreparedData) -> str:
    """Hash of the rows to train and validate on, in ids."""
    state = hashlib.blake2b(digest_size=16)
    for name in ("train", "validation"):
        if name in data.splits:
            split = data.splits[name]
            for column in split.ids.columns.values():
                state.update(column.offsets.data)  # as they lie on disk: no copy of them is made
                state.update(column.values.data)
            if split.labels is not None:
                state.update(split.labels.data)
    return state.hexdigest()
