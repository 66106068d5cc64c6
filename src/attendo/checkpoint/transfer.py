"""Starts a model from the weights of an earlier one, as far as they fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from attendo.checkpoint.contents import Contents
from attendo.checkpoint.named_rows import LABEL, NamedRows, Roles, names_of
from attendo.tokenization.vocabulary import SPECIAL_TOKENS

SHOWN = 6  # names in a line
FITTED_ANEW = ("temperature",)  # on each validation: what suited the earlier data says nothing here


@dataclass
class Transferred:
    """What became of every parameter (and stored buffer) of the new model; tied ones count once.

    Attributes:
        loaded: names of those copied as they are.
        resized: name → what was kept, of those copied row by row.
        left_alone: name → why it keeps its initial values.
        unused: names that only the checkpoint has.
        copied: numbers copied.
        total: numbers in the model.
    """

    loaded: list[str] = field(default_factory=list)
    resized: dict[str, str] = field(default_factory=dict)
    left_alone: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    copied: int = 0
    total: int = 0

    @property
    def share(self) -> float:
        """Of the model's numbers that were copied."""
        return self.copied / self.total

    def lines(self) -> list[str]:
        """The report, for people."""
        found = [*self.loaded, *self.resized]
        parts = [name.partition(".")[0] for name in found]
        counts = ", ".join(f"{part} {parts.count(part)}" for part in dict.fromkeys(parts))
        lines = [
            f"loaded {len(found)} of {len(found) + len(self.left_alone)} parameters, "
            f"{self.share:.1%} of the numbers ({counts})"
        ]
        lines += [f"resized {name}: {kept}" for name, kept in self.resized.items()]
        if self.left_alone:
            lines.append(f"left alone: {listed([f'{n} ({why})' for n, why in self.left_alone.items()])}")
        if self.unused:
            lines.append(f"only in the checkpoint: {listed(self.unused)}")
        return lines


@dataclass(frozen=True)
class SharedRows:
    """Rows along an axis that keep their weights, because the checkpoint knows their names.

    Attributes:
        axis: of the parameter.
        unit: "tokens" or "labels".
        places: of each shared name, in the new model and in the checkpoint.
        sizes: rows of the new model and of the checkpoint.
    """

    axis: int
    unit: str
    places: list[tuple[int, int]]
    sizes: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        """Both have the same names in the same order."""
        return self.places == [(i, i) for i in range(max(self.sizes))]

    @property
    def is_telling(self) -> bool:
        """More is shared than the special tokens, which all vocabularies have."""
        return self.unit == "labels" or len(self.places) > len(SPECIAL_TOKENS)


def transfer(
    model: nn.Module, rows: NamedRows, contents: Contents, weights: Mapping[str, Any]
) -> Transferred:
    """Copies what fits by name and shape into the model, in place; rows of tokens and labels by their names.

    Args:
        model: freshly initialised.
        rows: which of its parameters have a row for every token or label.
        contents: of the checkpoint; nothing is built from them.
        weights: of the checkpoint: parameter → values.

    Raises:
        ValueError: nothing fits, or the model has no rows by which to tell other labels apart.
    """
    if rows.labels_are_fixed and contents.labels != list(rows.names[LABEL]):
        raise ValueError(
            f"init_from: the checkpoint's classes are {contents.labels}, those of the data "
            f"{list(rows.names[LABEL])}; a binary head has no row for each that could be told apart: "
            "give data.labels in the checkpoint's order, or take model.head=multiclass"
        )
    report = Transferred(unused=[name for name in weights if name not in model.state_dict()])
    old_names = names_of(contents.tokenizers, contents.labels)
    is_telling = False
    for aliases, tensor in distinct(model):
        name = next((alias for alias in aliases if alias in weights), aliases[0])
        plan = planned(name, tensor, weights.get(name), rows, old_names)
        report.total += tensor.numel()
        if isinstance(plan, str):
            report.left_alone[name] = plan
            continue
        report.copied += fill(tensor, weights[name], plan)
        is_telling = is_telling or all(each.is_telling for each in plan)
        if all(each.is_whole for each in plan):
            report.loaded.append(name)
        else:
            kept = [f"{len(each.places):,} of {each.sizes[0]:,} {each.unit}" for each in plan]
            report.resized[name] = f"{', '.join(kept)} are in the checkpoint"
    if not is_telling:
        raise ValueError(refusal(model, rows, weights))
    return report


def check_fits(model: nn.Module, rows: NamedRows, weights: Mapping[str, Any]) -> None:
    """Refuses weights of which nothing can fit, whatever the vocabularies will be.

    Raises:
        ValueError: no parameter has the name and the shape of another.
    """
    pairs = [(name, tensor) for aliases, tensor in distinct(model) for name in aliases]
    if all(why_not(tensor, weights.get(name), rows.axes.get(name, {})) for name, tensor in pairs):
        raise ValueError(refusal(model, rows, weights))


def distinct(model: nn.Module) -> list[tuple[list[str], Tensor]]:
    """Every parameter and stored buffer once, with all its names."""
    names: dict[int, list[str]] = {}
    tensors = {
        name: each
        for name, each in model.state_dict(keep_vars=True).items()
        if isinstance(each, Tensor) and name not in FITTED_ANEW
    }
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), []).append(name)
    return [(aliases, tensors[aliases[0]]) for aliases in names.values()]


def planned(
    name: str, tensor: Tensor, stored: Any, rows: NamedRows, old_names: Mapping[str, Sequence[str]]
) -> list[SharedRows] | str:
    """The rows to copy along every axis that has named ones; or why nothing is copied."""
    axes = rows.axes.get(name, {})
    if reason := why_not(tensor, stored, axes):
        return reason
    plan = []
    for axis, roles in axes.items():
        old = names_along(name, stored.shape[axis], roles, old_names)
        if old is None:
            return (
                f"which vocabulary its {stored.shape[axis]:,} rows in the checkpoint belong to is not clear"
            )
        new, place = rows.names[roles[0]], {each: number for number, each in enumerate(old)}
        places = [(number, place[each]) for number, each in enumerate(new) if each in place]
        if not places:
            return f"none of its {len(new):,} {unit_of(roles)} is in the checkpoint"
        plan.append(SharedRows(axis, unit_of(roles), places, (len(new), len(old))))
    return plan


def why_not(tensor: Tensor, stored: Any, axes: Mapping[int, Roles]) -> str:
    """Why a stored value cannot be taken by name and shape, or ""; named rows may be more or fewer."""
    if not isinstance(stored, Tensor):
        return "not in the checkpoint"
    sizes = list(enumerate(zip(stored.shape, tensor.shape, strict=False)))
    if stored.ndim != tensor.ndim or any(old != new for axis, (old, new) in sizes if axis not in axes):
        return f"{shape(stored)} → {shape(tensor)}"
    return ""


def names_along(
    name: str, size: int, roles: Roles, old_names: Mapping[str, Sequence[str]]
) -> Sequence[str] | None:
    """What the checkpoint's rows along an axis are called; None where that is not clear.

    Where the new model has a role that the checkpoint does not know, or one vocabulary for several that the
    checkpoint keeps apart, the number of rows decides, and then the parameter's own name.
    """
    known = [role for role in roles if role in old_names]
    if not known and roles != (LABEL,) and roles:
        known = [role for role in old_names if role != LABEL]
    fitting = {role: old_names[role] for role in known if len(old_names[role]) == size}
    named = {role: names for role, names in fitting.items() if role in name}
    for choices in (list(fitting.values()), list(named.values())):
        if choices and all(choice == choices[0] for choice in choices):
            return choices[0]
    return None


@torch.no_grad()
def fill(tensor: Tensor, stored: Tensor, plan: Sequence[SharedRows]) -> int:
    """Copies the planned rows (everything, if none are) and returns how many numbers they have."""
    if not plan:
        tensor.copy_(stored)
        return tensor.numel()
    here, *rest = plan
    new, old = torch.tensor(here.places).unbind(dim=1)
    part = tensor.index_select(here.axis, new)
    copied = fill(part, stored.index_select(here.axis, old), rest)
    tensor.index_copy_(here.axis, new, part)
    return copied


def refusal(model: nn.Module, rows: NamedRows, weights: Mapping[str, Any]) -> str:
    """What is expected and what is there."""
    here = [f"{name} {shape(tensor, rows.axes.get(name, {}))}" for (name, *_), tensor in distinct(model)]
    there = [f"{name} {shape(each)}" for name, each in weights.items() if isinstance(each, Tensor)]
    return (
        "init_from: nothing in the checkpoint fits this model by name and shape. "
        f"The model has {listed(here, 4)}. The checkpoint has {listed(there, 4)}"
    )


def shape(tensor: Tensor, axes: Mapping[int, Roles] | None = None) -> str:
    """Such as 2×128; axes with named rows, which may have any size, by what their rows are."""
    sizes = [unit_of(axes[axis]) if axes and axis in axes else str(n) for axis, n in enumerate(tensor.shape)]
    return "×".join(sizes) or "1"


def unit_of(roles: Roles) -> str:
    return "labels" if roles == (LABEL,) else "tokens"


def listed(names: Sequence[str], shown: int = SHOWN) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
