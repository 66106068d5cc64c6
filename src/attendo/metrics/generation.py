"""Scores of generated text."""

from collections.abc import Sequence
from typing import NamedTuple

from sacrebleu.metrics.bleu import BLEU

from attendo.suggestions import did_you_mean


class Bleu(NamedTuple):
    """A corpus's BLEU, and all that has to be said for another's to be comparable."""

    score: float  # 0 ... 100
    signature: str  # sacrebleu's, such as "BLEU|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"


def corpus_bleu(
    hypotheses: Sequence[str], references: Sequence[str], *, tokenize: str, lowercase: bool
) -> Bleu:
    """Return sacrebleu's corpus BLEU (Papineni et al. 2002; Post 2018), up to 4-grams, smoothed as ``exp``.

    Args:
        hypotheses: one text per sentence; it may be empty.
        references: one text per sentence, as a person wrote it: not tokenized.
        tokenize: sacrebleu's tokenizer, such as "13a" (European languages), "zh", "char" or "none".
        lowercase: ignore case.

    Raises:
        ValueError: there is nothing to score, there are more texts on one side than on the other, or the
            tokenizer does not exist or lacks a package.
    """
    _check_pairs(hypotheses, references)
    if tokenize not in BLEU.TOKENIZERS:
        choices = ", ".join(BLEU.TOKENIZERS)
        raise ValueError(
            f'BLEU has no tokenizer "{tokenize}".{did_you_mean(tokenize, BLEU.TOKENIZERS)} It has: {choices}'
        )
    try:
        metric = BLEU(tokenize=tokenize, lowercase=lowercase)
    except (
        ImportError,
        RuntimeError,
    ) as error:  # sacrebleu raises either where a tokenizer's package is missing
        reason = " ".join(str(error).split())
        raise ValueError(f'BLEU\'s tokenizer "{tokenize}" cannot be used here: {reason}') from error
    score = metric.corpus_score(hypotheses, [references])
    return Bleu(score.score, f"{score.name}|{metric.get_signature()}")


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return the fraction, 0 ... 1, of hypotheses that equal their reference letter for letter.

    Raises:
        ValueError: there is nothing to score, or there are more texts on one side than on the other.
    """
    _check_pairs(hypotheses, references)
    return sum(map(str.__eq__, hypotheses, references)) / len(references)


def _check_pairs(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    if len(hypotheses) != len(references):
        raise ValueError(
            f"{len(hypotheses)} hypotheses cannot be scored against {len(references)} references"
        )
    if not references:
        raise ValueError("there is nothing to score: no hypotheses and no references")
