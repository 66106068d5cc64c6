"""Which parameters of a model have a row for every token of a vocabulary, or for every label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from hydra.errors import InstantiationException
from torch import Tensor, nn

from attendo.checkpoint.building import build_model
from attendo.tokenization import Tokenizer, train_character

LABEL = "label"  # the role of labels, beside those of texts
Roles = tuple[str, ...]


@dataclass(frozen=True)
class NamedRows:
    """Where a model has such rows, and what they are called.

    Attributes:
        names: role → tokens (or labels) in the order of their ids.
        axes: parameter → axis → roles whose rows lie along it: several where they share one vocabulary, none
            where the axis depends on a vocabulary in another way.
        labels_are_fixed: the model is made for so many labels and no others, and has no row for each.
    """

    names: Mapping[str, Sequence[str]]
    axes: Mapping[str, Mapping[int, Roles]]
    labels_are_fixed: bool = False


def names_of(tokenizers: Mapping[str, Tokenizer], labels: Sequence[str]) -> dict[str, Sequence[str]]:
    """Role → tokens (or labels) in the order of their ids."""
    names: dict[str, Sequence[str]] = {role: each.vocabulary.tokens for role, each in tokenizers.items()}
    return {**names, LABEL: list(labels)} if labels else names


def named_rows(
    model: nn.Module, config: Mapping[str, Any], tokenizers: Mapping[str, Tokenizer], labels: Sequence[str]
) -> NamedRows:
    """Finds the rows by building the model with other vocabularies: their axes have then another size.

    Args:
        model: built from all that follows.
        config: node with ``_target_``; its other keys are the constructor's keywords.
        tokenizers: role → tokenizer.
        labels: class names; empty for pairs.
    """
    try:
        found = [resized_axes(model, config, tokenizers, labels, (role,)) for role in tokenizers]
    except InstantiationException:  # the model wants one vocabulary for all roles
        found = [resized_axes(model, config, tokenizers, labels, tuple(tokenizers))]
    labels_are_fixed = False
    if labels:
        try:
            found.append(resized_axes(model, config, tokenizers, labels, (LABEL,)))
        except InstantiationException:
            labels_are_fixed = True
    axes: dict[str, dict[int, Roles]] = {}
    for name, axis, roles in [each for part in found for each in part]:
        axes.setdefault(name, {})[axis] = roles
    return NamedRows(names_of(tokenizers, labels), axes, labels_are_fixed)


def resized_axes(
    model: nn.Module,
    config: Mapping[str, Any],
    tokenizers: Mapping[str, Tokenizer],
    labels: Sequence[str],
    roles: Roles,
) -> list[tuple[str, int, Roles]]:
    """(parameter, axis, roles) of every axis whose size depends on the vocabularies (or labels) of roles."""
    others = {role: another(each) if role in roles else each for role, each in tokenizers.items()}
    other_labels = [*labels, "another"] if LABEL in roles else labels
    with torch.random.fork_rng(devices=[]):  # what the run draws later must not depend on this
        other = shapes(build_model(config, others, other_labels))
    before, after = names_of(tokenizers, labels)[roles[0]], names_of(others, other_labels)[roles[0]]
    return [
        (name, axis, roles if (old, new) == (len(before), len(after)) else ())
        for name, shape in shapes(model).items()
        for axis, (old, new) in enumerate(zip(shape, other.get(name, ()), strict=False))
        if old != new
    ]


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    """Name → shape, of everything that a checkpoint would hold."""
    return {name: each.shape for name, each in model.state_dict().items() if isinstance(each, Tensor)}


def another(tokenizer: Tokenizer) -> Tokenizer:
    """A small tokenizer of another size."""
    few, more = (
        train_character([text], lowercase=False, minimum_count=1, maximum_size=None) for text in ("a", "ab")
    )
    return few if len(few) != len(tokenizer) else more
