"""Means of the weights of several checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.__version__ import version as lightning_version
from torch import Tensor

from attendo.checkpoint.contents import KEY, METRICS, Contents, read_checkpoint
from attendo.checkpoint.durable import DurableCheckpointIO


@dataclass(frozen=True)
class Weights:
    """The weights of a model at one moment, or the mean of several.

    Attributes:
        contents: of the run; of a mean, those of its newest part.
        values: parameter or stored buffer → value. Tied ones are one tensor.
        step: optimizer steps done; of a mean, in its newest part.
    """

    contents: Contents
    values: Mapping[str, Tensor]
    step: int

    @classmethod
    def read(cls, path: Path) -> "Weights":
        contents, values = read_checkpoint(path)
        step = torch.load(path, map_location="cpu", weights_only=True, mmap=True)["global_step"]
        return cls(contents, values, int(step))


def averaged(paths: Sequence[Path]) -> Weights:
    """The mean of the weights of checkpoints: floating-point numbers, summed in float64.

    Whole numbers and truth values (batch norm's count of steps) are the newest file's: of the one after the
    most steps, and of several such of the last one given. The temperature that calibrates a classifier is
    averaged like a weight.

    Args:
        paths: checkpoints of one model, be they of one run or of several.

    Raises:
        ValueError: there are none, one is no checkpoint, or two are not of the same model.
    """
    if not paths:
        raise ValueError("there are no checkpoints to average")
    newest = Weights.read(paths[0])
    sums = {name: value.double() for name, value in newest.values.items() if value.is_floating_point()}
    for path in paths[1:]:
        other = Weights.read(path)
        check_same_model(newest, other, path)
        for name, total in sums.items():
            total += other.values[name]  # in place, one file after the other: memory for two at most
        newest = other if other.step >= newest.step else newest
    means = {name: (total / len(paths)).to(newest.values[name].dtype) for name, total in sums.items()}
    return Weights(newest.contents, tied_like(newest.values, {**newest.values, **means}), newest.step)


def average_files(paths: Sequence[Path], output: Path) -> None:
    """Writes the mean of checkpoints as one to evaluate, predict with and start from, but not to go on from.

    Args:
        paths: as for ``averaged``.
        output: the file to write.

    Raises:
        ValueError: as for ``averaged``, or the file cannot be written.
    """
    mean = averaged(paths)
    state = {f"model.{name}": value for name, value in mean.values.items()}
    write_weights(output, mean.contents.to_dict(), state, mean.step)


def write_weights(path: Path, stored: Mapping[str, Any], state: Mapping[str, Tensor], step: int) -> None:
    """Writes a checkpoint that holds weights alone.

    Args:
        path: the file.
        stored: contents of the run, in plain containers.
        state: state dict of its task.
        step: optimizer steps that are done.
    """
    checkpoint = {
        "state_dict": dict(state),
        "global_step": step,
        "pytorch-lightning_version": lightning_version,
        KEY: stored,
        # Lightning and our task look for these also where they only test.
        **{METRICS: {}, "callbacks": {}, "lr_schedulers": [], "epoch_sums": {}, "term_weights": {}},
    }
    DurableCheckpointIO().save_checkpoint(checkpoint, path)


def check_same_model(one: Weights, other: Weights, path: Path) -> None:
    """Raises ValueError unless number for number means the same in both."""
    shapes, other_shapes = (
        {name: list(value.shape) for name, value in weights.values.items()} for weights in (one, other)
    )
    for name in dict.fromkeys((*shapes, *other_shapes)):
        here, there = (each.get(name, "missing") for each in (shapes, other_shapes))
        if here != there:
            raise ValueError(
                f"{path} cannot be averaged with the files before it: its {name} is {there}, theirs {here}"
            )
    for what, is_same in (
        ("tokenizers", dict(one.contents.tokenizers) == dict(other.contents.tokenizers)),
        ("labels", one.contents.labels == other.contents.labels),
        ("settings of the model", made_of(one) == made_of(other)),
    ):
        if not is_same:
            raise ValueError(f"{path} cannot be averaged with the files before it: it has other {what}")


def made_of(weights: Weights) -> dict[str, Any]:
    """What decides how the numbers are used; dropouts may differ."""

    def without_dropout(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        return {name: without_dropout(value) for name, value in node.items() if "dropout" not in name}

    found: dict[str, Any] = without_dropout(weights.contents.config["model"])
    return found


def tied_like(pattern: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The values, with one tensor for all names that share one in the pattern."""
    first: dict[object, str] = {}
    names = {
        name: first.setdefault((each.data_ptr(), each.shape, each.stride(), each.dtype), name)
        for name, each in pattern.items()
    }
    return {name: values[original] for name, original in names.items()}
