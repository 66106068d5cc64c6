"""Parameters by patterns of their names, such as ``encoder.*``."""

from fnmatch import fnmatchcase

from torch import nn

from attendo.suggestions import did_you_mean


def matching(model: nn.Module, pattern: str, key: str) -> set[str]:
    """Names of the parameters that a pattern means, as in ``model.named_parameters()``.

    A tied parameter has several names, and any of them will do.

    Args:
        model: whose parameters.
        pattern: as in a shell: ``*`` stands for any letters (dots included), ``?`` for one.
        key: where the pattern stands, for messages.

    Raises:
        ValueError: it matches none; the message names the nearest and the model's parts.
    """
    named = list(model.named_parameters(remove_duplicate=False))
    first_name = {id(parameter): name for name, parameter in reversed(named)}
    found = {first_name[id(parameter)] for name, parameter in named if fnmatchcase(name, pattern)}
    if not found:
        raise ValueError(f"{key}: {pattern!r} matches no parameter of the model.{hint(pattern, named)}")
    return found


def hint(pattern: str, named: list[tuple[str, nn.Parameter]]) -> str:
    """The nearest name or part of the model, and what parts there are."""
    names = [name for name, _ in named]
    parts = [f"{name[:place]}.*" for name in names for place, letter in enumerate(name) if letter == "."]
    top = ", ".join(dict.fromkeys(f"{name.partition('.')[0]}.*" for name in names))
    return f"{did_you_mean(pattern, [*parts, *names])} Its parts: {top}"
