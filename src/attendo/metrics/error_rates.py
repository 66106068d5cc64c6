"""How far texts are from what they should be, letter by letter or word by word."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from attendo import __version__
from attendo.metrics.result import MetricResult, References, Texts, check_rows, reference_count
from attendo.metrics.words import words
from attendo.suggestions import did_you_mean

UNITS: Mapping[str, Callable[[str], Sequence[str]]] = {"character": str, "word": words, "token": str.split}


@dataclass(frozen=True)
class ExactMatch:
    """Share of texts that equal one of their references letter for letter. "exact_match": 0 … 1.

    Where a text is one word, as in grapheme-to-phoneme conversion, the "word error rate" that is published
    is 100 · (1 - exact_match), and not this package's word_error_rate.
    """

    def __call__(self, hypotheses: Texts, references: References) -> MetricResult:
        check_rows(hypotheses, references)
        is_right = [text in row for text, row in zip(hypotheses, references, strict=True)]
        signature = f"exact match|nrefs:{reference_count(references)}|attendo:{__version__}"
        return MetricResult({"exact_match": sum(is_right) / len(is_right)}, signature)


@dataclass(frozen=True)
class ErrorRate:
    """Insertions, deletions and substitutions per unit of the reference, over the corpus.

    "character_error_rate", "word_error_rate" or "token_error_rate": 0 (best) … 1, and more where texts are
    too long: (sum of all edits) / (sum of all lengths). Of several references the one with the fewest edits
    per unit counts. Should all references be empty, it is 1 if there is any edit.

    Args:
        unit: "character": every code point, spaces too; "word": as ROUGE's, runs of letters and digits, no
            punctuation (single letters in scripts without spaces); "token": what stands between spaces, such
            as phones, and all of a text that was tokenized before.
        lowercase: ignore case.

    Raises:
        ValueError: there is no such unit.
    """

    unit: str
    lowercase: bool

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            hint = did_you_mean(str(self.unit), UNITS)
            raise ValueError(f"error rates have no unit={self.unit}: expected {', '.join(UNITS)}.{hint}")

    def __call__(self, hypotheses: Texts, references: References) -> MetricResult:
        check_rows(hypotheses, references)
        pairs = [
            min((self.edits(hypothesis, reference) for reference in row), key=rate)
            for hypothesis, row in zip(hypotheses, references, strict=True)
        ]
        edits, lengths = (sum(numbers) for numbers in zip(*pairs, strict=True))
        value = edits / lengths if lengths else float(edits > 0)
        case = "lc" if self.lowercase else "mixed"
        count = reference_count(references)
        signature = f"{self.unit} error rate|nrefs:{count}|case:{case}|attendo:{__version__}"
        return MetricResult({f"{self.unit}_error_rate": value}, signature)

    def edits(self, hypothesis: str, reference: str) -> tuple[int, int]:
        """Edits and the reference's length."""
        if self.lowercase:
            hypothesis, reference = hypothesis.lower(), reference.lower()
        found, expected = (UNITS[self.unit](text) for text in (hypothesis, reference))
        return edit_distance(found, expected), len(expected)


def rate(counts: tuple[int, int]) -> float:
    """Edits per unit of one reference."""
    edits, length = counts
    if length:
        return edits / length
    return math.inf if edits else 0.0


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions between two sequences (Levenshtein 1966).

    A column of the table is kept as two numbers, whose bits say where it rises and falls from one row to the
    next (Myers 1999, in the form of Hyyrö 2003).
    """
    if not first:
        return len(second)
    everywhere, last = (1 << len(first)) - 1, len(first) - 1
    places: dict[Hashable, int] = {}
    for place, item in enumerate(first):
        places[item] = places.get(item, 0) | 1 << place
    rises, falls, distance = everywhere, 0, len(first)
    for item in second:
        equal = places.get(item, 0)
        stays = (((equal & rises) + rises) ^ rises) | equal | falls  # along the diagonal
        right_rises = falls | ~(stays | rises) & everywhere
        right_falls = rises & stays
        distance += (right_rises >> last & 1) - (right_falls >> last & 1)
        right_rises, right_falls = right_rises << 1 | 1, right_falls << 1
        rises = (right_falls | ~(stays | right_rises)) & everywhere
        falls = right_rises & stays & everywhere
    return distance
