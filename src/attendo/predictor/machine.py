"""Where and how a trained model computes."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from attendo.data.batches import padded
from attendo.data.batching import like_lengths
from attendo.predictor.reader import Ids
from attendo.suggestions import did_you_mean

T = TypeVar("T")

DEVICES = {
    "auto": ("cuda", "mps", "cpu"),
    "gpu": ("cuda", "mps"),
    "cuda": ("cuda",),
    "mps": ("mps",),
    "cpu": ("cpu",),
}
# Lightning's names; under its others it would have to write into frozen batches.
PRECISIONS = {"32-true": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


class Machine:
    """A device, a precision, and a size of batches.

    Args:
        device: where the model lies.
        precision: a key of PRECISIONS.
        batch_tokens: tokens, padding included, that are held at a time.
    """

    def __init__(self, device: torch.device, precision: str, batch_tokens: int) -> None:
        if precision not in PRECISIONS:
            hint = did_you_mean(precision, PRECISIONS)
            raise ValueError(f"precision={precision}: expected {', '.join(PRECISIONS)}.{hint}")
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens={batch_tokens}: expected 1 or more")
        self.device, self.dtype, self.batch_tokens = device, PRECISIONS[precision], batch_tokens

    def answers(self, sides: Sequence[Sequence[Ids]], answer: Callable[[list[int]], Iterable[T]]) -> list[T]:
        """What ``answer`` says of every row; it is asked for as many of like lengths at a time as fit.

        Args:
            sides: ids of every row: of the texts alone, or of the sources and of the targets.
            answer: rows → something for each.
        """
        lengths = np.array([[len(ids) + 1 for ids in row] for row in zip(*sides, strict=True)], np.int32)
        if len(lengths) == 0:
            return []
        found: dict[int, T] = {}
        with torch.inference_mode(), self.autocast():
            for batch in like_lengths(lengths, self.batch_tokens):
                rows = batch.tolist()
                found.update(zip(rows, answer(rows), strict=True))
        return [found[row] for row in range(len(lengths))]

    def autocast(self) -> torch.autocast:
        """In this context, the model computes in the machine's precision."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)

    def padded(self, rows: Iterable[Ids]) -> Int[Tensor, "row time"]:
        return padded(rows).to(self.device)


def precision_on(device: torch.device, wanted: str | None, trained: str) -> str:
    """What was asked for; or else the run's own on an accelerator, and 32-true on a CPU."""
    return wanted or (trained if device.type != "cpu" else "32-true")


def device_of(accelerator: str) -> torch.device:
    """The device that a word means.

    Raises:
        ValueError: it means none, or this computer has no such device.
    """
    if accelerator not in DEVICES:
        hint = did_you_mean(accelerator, DEVICES)
        raise ValueError(f"accelerator={accelerator}: expected {', '.join(DEVICES)}.{hint}")
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    for name in DEVICES[accelerator]:
        if has[name]:
            return torch.device(name)
    available = ", ".join(name for name in has if has[name])
    raise ValueError(f"accelerator={accelerator}: torch finds no such device here; there is {available}")
