"""Builds objects from a configuration; from a stranger's checkpoint, only those that are known to be safe."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.utils import get_object, instantiate
from torch import nn

from attendo.tokenization import (
    Tokenizer,
    train_bpe,
    train_character,
    train_unigram,
    train_whitespace,
    train_word,
)

# Package → what its classes must derive from. Constructing one neither writes, deletes nor runs anything.
SAFE_CLASSES: Mapping[str, type] = {
    "attendo.models": nn.Module,
    "attendo.data.sources": object,
    "attendo.metrics": object,
    "attendo.tasks": object,
    "torch.nn.modules": nn.Module,
}
SAFE_FUNCTIONS = (train_bpe, train_character, train_unigram, train_whitespace, train_word)
# Names may begin so, whatever they then stand for: these packages can be imported without any effect.
SAFE_IMPORTS = (
    "attendo.data",
    "attendo.metrics",
    "attendo.models",
    "attendo.tasks",
    "attendo.tokenization",
    "torch.nn",
)


def build_model(
    config: Mapping[str, Any], tokenizers: Mapping[str, Tokenizer], labels: Sequence[str]
) -> nn.Module:
    """The model that ``config`` names, with the sizes that the data decides.

    Args:
        config: node with ``_target_``; its other keys are the constructor's keywords.
        tokenizers: role → tokenizer.
        labels: class names; empty for pairs.
    """
    if labels:
        sizes = {"vocabulary_size": len(tokenizers["text"]), "label_count": len(labels)}
    else:
        sizes = {
            "source_vocabulary_size": len(tokenizers["source"]),
            "target_vocabulary_size": len(tokenizers["target"]),
        }
    model: nn.Module = instantiate(config, **sizes, _convert_="all")
    return model


def check_safe(config: object, trust: Iterable[str] = (), key: str = "") -> None:
    """Refuses a configuration that could do more than construct models, data sources, tokenizers and tasks.

    Every ``_target_`` is resolved first and judged by where the object was defined: an alias does not help.

    Args:
        config: plain containers, as stored in a checkpoint.
        trust: further packages that the user vouches for: everything callable that is defined there.
        key: where the configuration stands, for messages.

    Raises:
        ValueError: the key, the target, and how to allow it.
    """
    trust = tuple(trust)
    if type(config) is dict:  # no subclasses, here and below: they could show other items to Hydra than to us
        if "_target_" in config:
            check_target(config["_target_"], trust, key)
        for name, value in config.items():
            check_safe(value, trust, f"{key}.{name}" if key else str(name))
    elif type(config) is list or type(config) is tuple:
        for number, value in enumerate(config):
            check_safe(value, trust, f"{key}[{number}]")
    elif type(config) is str:
        if "${" in config:
            raise ValueError(
                f"checkpoint config {key}={config!r}: expected a plain value, not an interpolation"
            )
    elif config is not None and type(config) not in (bool, int, float):
        raise ValueError(f"checkpoint config {key}: expected a plain value, not {type(config).__name__}")


def check_target(target: object, trust: Sequence[str], key: str) -> None:
    refusal = (
        f"checkpoint config {key}._target_={target!r} is not one of the objects that may be built from a file"
    )
    hint = "(models, layers, data sources, tokenizers, tasks); if you trust its author, add trust=[PACKAGE]"
    # The name first, because looking it up imports what it names.
    if not isinstance(target, str) or not within(target, (*SAFE_IMPORTS, *trust)):
        raise ValueError(f"{refusal} {hint}")
    try:
        found = get_object(target)
        place = place_of(found)
    except Exception as error:  # looking up a name that a stranger chose can raise anything
        raise ValueError(f"checkpoint config {key}._target_={target!r} cannot be found: {error}") from error
    if not is_safe(found) and not (callable(found) and within(place, trust)):
        raise ValueError(f"{refusal}: it stands for {place} {hint}")


def is_safe(found: object) -> bool:
    if isinstance(found, type):
        return any(
            within(place_of(found), [package]) and issubclass(found, base)
            for package, base in SAFE_CLASSES.items()
        )
    return any(found is function for function in SAFE_FUNCTIONS)


def place_of(found: object) -> str:
    """Full name that an object was defined under."""
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"


def within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
