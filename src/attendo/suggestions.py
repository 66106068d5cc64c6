"""The nearest right spelling, for error messages."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``' Did you mean "x"?'`` for the choice nearest to ``word``, or ``''`` where none is near.

    Upper and lower case count as the same letter, so that a wrong case is always suggested.
    """
    spellings: dict[str, str] = {}
    for choice in choices:
        spellings.setdefault(choice.casefold(), choice)
    nearest = difflib.get_close_matches(word.casefold(), spellings, n=1)
    return f' Did you mean "{spellings[nearest[0]]}"?' if nearest else ""
