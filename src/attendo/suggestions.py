"""Readable errors for what has a fixed set of values, with the nearest right spelling."""

import difflib
from collections.abc import Iterable, Sequence


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``' Did you mean "x"?'`` for the choice nearest to ``word``, or ``''`` where none is near.

    Upper and lower case count as the same letter, so that a wrong case is always suggested.
    """
    spellings: dict[str, str] = {}
    for choice in choices:
        spellings.setdefault(choice.casefold(), choice)
    nearest = difflib.get_close_matches(word.casefold(), spellings, n=1)
    return f' Did you mean "{spellings[nearest[0]]}"?' if nearest else ""


def check_choice(key: str, value: object, choices: Sequence[str]) -> None:
    """Refuses a value outside ``choices``.

    Args:
        key: as the user writes it, such as ``model.positions``.

    Raises:
        ValueError: naming the key, the choices and the nearest spelling.
    """
    if value not in choices:
        expected = ", ".join(choices)
        raise ValueError(f"{key}={value} is none of {expected}.{did_you_mean(str(value), choices)}")
