"""A trained model out of its checkpoint file."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.utils import get_object, instantiate
from torch import Tensor, nn

from attendo.checkpoint.building import build_model, check_safe
from attendo.checkpoint.contents import Contents, checkpoint_of, read_checkpoint
from attendo.suggestions import did_you_mean


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes:
        path: the checkpoint file.
        contents: what it was trained with.
        model: on the CPU, in evaluation mode.
    """

    path: Path
    contents: Contents
    model: nn.Module


def load_trained(run: str | Path, checkpoint: str = "best", trust: Iterable[str] = ()) -> Trained:
    """The model of a run. A stranger's checkpoint runs no code.

    Args:
        run: a run folder or a checkpoint file.
        checkpoint: which file of a folder: "best" or "last".
        trust: packages beside attendo and torch whose classes may be built.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: the file is damaged, or would build something that is not trusted.
    """
    path = checkpoint_of(run, checkpoint)
    contents, weights = read_checkpoint(path)
    check_safe(contents.config["model"], trust, "model")
    try:
        model = build_model(contents.config["model"], contents.tokenizers, contents.labels)
    except Exception as error:  # constructors can raise anything at values that they did not expect
        raise ValueError(f"{path}: its model cannot be built: {error}") from error
    load_weights(model, weights, path)
    return Trained(path, contents, model.eval())


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Raises ValueError unless the weights are those of the model."""
    expected = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: list(tensor.shape) for name, tensor in weights.items()}
    wrong = [name for name in dict.fromkeys((*expected, *found)) if expected.get(name) != found.get(name)]
    if wrong:
        name = wrong[0]
        raise ValueError(
            f"{path}: its weights do not fit its configuration, tokenizer and labels: {name} is "
            f"{found.get(name, 'missing')}, expected {expected.get(name, 'no such weight')}"
            + (f" (and {len(wrong) - 1} others)" if len(wrong) > 1 else "")
        )
    model.load_state_dict(weights)


def build_stored(node: Mapping[str, Any], key: str, trust: Iterable[str] = ()) -> Any:
    """The object that a node of a checkpoint's configuration describes.

    Args:
        node: with ``_target_``.
        key: name of the node.
        trust: as for ``load_trained``.

    Raises:
        ValueError: there is no such node, it is not trusted, or its class refuses the arguments.
    """
    check_safe(node, trust, key)
    if "_target_" not in node:
        raise ValueError(f"the checkpoint's configuration has no {key}")
    kind = get_object(node["_target_"])
    names = inspect.signature(kind).parameters
    for name in node:
        if name not in names and name != "_target_":
            raise ValueError(
                f"{key}.{name}: {kind.__name__} takes no such argument.{did_you_mean(name, names)}"
            )
    try:
        return instantiate(node, _convert_="all")
    except Exception as error:  # Hydra's own error begins with its cause, and goes on with the place
        reason = str(error.__cause__ or error).splitlines()[0]
        raise ValueError(reason if key in reason else f"{key}: {reason}") from error
