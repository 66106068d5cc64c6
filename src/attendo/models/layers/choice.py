"""A readable error for a keyword that has a fixed set of values."""

from collections.abc import Sequence

from attendo.suggestions import did_you_mean


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a value outside `choices`.

    Args:
        name: the keyword as the user writes it, e.g. `model.positions`.

    Raises:
        ValueError: naming the keyword, the choices and the nearest spelling.
    """
    if value not in choices:
        raise ValueError(f"{name}={value} is none of {', '.join(choices)}.{did_you_mean(value, choices)}")
