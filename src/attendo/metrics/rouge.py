"""ROUGE for any script; on English, the numbers of Google's rouge-score."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

from attendo import __version__
from attendo.metrics.result import MetricResult, References, Texts, check_rows, reference_count
from attendo.metrics.words import words

Words = Sequence[str]


@dataclass(frozen=True)
class Rouge:
    """F1 of what a text shares with its reference, averaged over the rows (Lin 2004); all 0 … 1.

    "rouge1" and "rouge2" count words and pairs of neighbours; "rougeL" the longest common subsequence of the
    whole texts; "rougeLsum" the union of each reference sentence's with all sentences of the text. Sentences
    end at line breaks: where a text has none, it is one sentence, and the last two are the same.

    Words are found in every script, in lower case, and are not stemmed (many published numbers are, for
    English). Of several references the best one counts, for each score by itself.
    """

    def __call__(self, hypotheses: Texts, references: References) -> MetricResult:
        check_rows(hypotheses, references)
        totals: Counter[str] = Counter()
        for hypothesis, row in zip(hypotheses, references, strict=True):
            found = [row_scores(hypothesis, reference) for reference in row]
            totals.update({name: max(scores[name] for scores in found) for name in found[0]})
        signature = (
            f"ROUGE|nrefs:{reference_count(references)}|case:lc|tok:unicode|stem:no|attendo:{__version__}"
        )
        return MetricResult({name: total / len(references) for name, total in totals.items()}, signature)


def row_scores(hypothesis: str, reference: str) -> dict[str, float]:
    sentences, reference_sentences = (
        [words(line) for line in text.lower().split("\n")] for text in (hypothesis, reference)
    )
    found, expected = list(chain(*sentences)), list(chain(*reference_sentences))
    subsequence = lcs_rows(expected, found)[-1].bit_count()
    return {
        "rouge1": ngram_f1(found, expected, 1),
        "rouge2": ngram_f1(found, expected, 2),
        "rougeL": f1(subsequence, len(found), len(expected)),
        "rougeLsum": f1(union_matches(sentences, reference_sentences), len(found), len(expected)),
    }


def f1(matches: int, found: int, expected: int) -> float:
    """2PR / (P + R), where P = matches / found and R = matches / expected."""
    return 2 * matches / (found + expected) if matches else 0.0


def ngram_f1(found: Words, expected: Words, order: int) -> float:
    one, other = (
        Counter(zip(*(text[start:] for start in range(order)), strict=False)) for text in (found, expected)
    )
    return f1((one & other).total(), one.total(), other.total())


def union_matches(sentences: Sequence[Words], reference_sentences: Sequence[Words]) -> int:
    """Words of the reference's sentences on a longest common subsequence with some sentence of the text.

    A word counts as often as both texts have it (as in ROUGE 1.5.5).
    """
    left = Counter(chain(*sentences))
    matches = 0
    for reference in reference_sentences:
        places = set().union(*(lcs_places(reference, sentence) for sentence in sentences))
        for word in (reference[place] for place in places):
            if left[word] > 0:
                left[word] -= 1
                matches += 1
    return matches


def lcs_rows(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[int]:
    """The table of the longest common subsequence, a row in one number (Hyyrö 2004).

    Of the i-th number, from 0, the first j bits that are set count the longest common subsequence of
    ``first[:i]`` and ``second[:j]``.
    """
    everywhere = (1 << len(second)) - 1
    places: dict[Hashable, int] = {}
    for place, item in enumerate(second):
        places[item] = places.get(item, 0) | 1 << place
    unmatched, rows = everywhere, [0]
    for item in first:
        here = unmatched & places.get(item, 0)
        unmatched = ((unmatched + here) | (unmatched - here)) & everywhere
        rows.append(unmatched ^ everywhere)
    return rows


def lcs_places(first: Sequence[Hashable], second: Sequence[Hashable]) -> set[int]:
    """Places in ``first`` of one longest common subsequence; of several the one that rouge-score takes."""
    rows = lcs_rows(first, second)

    def length(i: int, j: int) -> int:
        return (rows[i] & ((1 << j) - 1)).bit_count()

    places, i, j = set(), len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            places.add(i)
        elif length(i, j - 1) > length(i - 1, j):
            j -= 1
        else:
            i -= 1
    return places
