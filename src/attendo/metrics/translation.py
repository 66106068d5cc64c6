"""BLEU, chrF and TER, as sacrebleu computes them; all 0 … 100."""

import importlib.util
from dataclasses import dataclass
from itertools import zip_longest

from sacrebleu.metrics.base import Metric
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.metrics.ter import TER

from attendo.metrics.result import MetricResult, References, Texts, check_rows
from attendo.suggestions import did_you_mean

DOWNLOADED = ("spm", "flores101", "flores200", "spBLEU-1K")  # sacrebleu fetches a model on the first use


@dataclass(frozen=True)
class Bleu:
    """Corpus BLEU (Papineni et al. 2002; Post 2018), up to 4-grams, smoothed as ``exp``. "bleu": 0 … 100.

    Args:
        tokenize: sacrebleu's tokenizer: 13a for languages with spaces, zh, ja-mecab, ko-mecab, char, intl,
            flores200, …; none for texts that are tokenized already, which only compares with the same.
        lowercase: ignore case.

    Raises:
        ValueError: the tokenizer does not exist or lacks a package.
    """

    tokenize: str
    lowercase: bool

    def __post_init__(self) -> None:
        if self.tokenize not in BLEU.TOKENIZERS:
            hint = did_you_mean(str(self.tokenize), BLEU.TOKENIZERS)
            choices = ", ".join(BLEU.TOKENIZERS)
            raise ValueError(f'BLEU has no tokenizer "{self.tokenize}".{hint} It has: {choices}')
        if self.tokenize not in DOWNLOADED:
            self.metric()
        elif importlib.util.find_spec("sentencepiece") is None:
            raise ValueError(
                f'BLEU\'s tokenizer "{self.tokenize}" cannot be used here: pip install sentencepiece'
            )

    def __call__(self, hypotheses: Texts, references: References) -> MetricResult:
        return sacrebleu_score("bleu", self.metric(), hypotheses, references)

    def metric(self) -> BLEU:
        try:
            # "none" says that the texts are tokenized, so sacrebleu need not warn of it.
            return BLEU(tokenize=self.tokenize, lowercase=self.lowercase, force=self.tokenize == "none")
        except (ImportError, RuntimeError, OSError) as error:  # a package or a model that is not there
            reason = " ".join(str(error).split())
            raise ValueError(f'BLEU\'s tokenizer "{self.tokenize}" cannot be used here: {reason}') from error


@dataclass(frozen=True)
class Chrf:
    """Corpus chrF, the F-score (β = 2) of character n-grams up to 6 (Popović 2015). "chrf": 0 … 100.

    Args:
        word_order: word n-grams up to this length count, too: 0 for chrF, 2 for chrF++ (Popović 2017).
        lowercase: ignore case.
    """

    word_order: int
    lowercase: bool

    def __post_init__(self) -> None:
        if not isinstance(self.word_order, int) or self.word_order < 0:
            raise ValueError(f"chrF's word_order={self.word_order}: expected 0 for chrF or 2 for chrF++")

    def __call__(self, hypotheses: Texts, references: References) -> MetricResult:
        metric = CHRF(word_order=self.word_order, lowercase=self.lowercase)
        return sacrebleu_score("chrf", metric, hypotheses, references)


@dataclass(frozen=True)
class Ter:
    """Translation edit rate: words changed or moved per word of the reference (Snover et al. 2006).

    "ter": 0 … 100 and more; 0 is best. 1,000 sentences take 0.1 to 10 seconds, the most where all is moved.

    Args:
        lowercase: ignore case, as is usual.
        normalized: separate punctuation from words, as the original program's ``-N``.
        asian_support: with ``normalized``, characters of Chinese, Japanese and Korean are words.
        no_punct: leave punctuation out.
    """

    lowercase: bool
    normalized: bool
    asian_support: bool
    no_punct: bool

    def __call__(self, hypotheses: Texts, references: References) -> MetricResult:
        metric = TER(
            case_sensitive=not self.lowercase,
            normalized=self.normalized,
            asian_support=self.asian_support,
            no_punct=self.no_punct,
        )
        return sacrebleu_score("ter", metric, hypotheses, references)


def sacrebleu_score(name: str, metric: Metric, hypotheses: Texts, references: References) -> MetricResult:
    """The score of a corpus, and the signature that sacrebleu's command line would print."""
    check_rows(hypotheses, references)
    # The first references of all rows, the second ones, …. None where a row has no more: "" would count.
    streams = [list(stream) for stream in zip_longest(*references)]
    score = metric.corpus_score(hypotheses, streams)
    return MetricResult({name: float(score.score)}, f"{score.name}|{metric.get_signature()}")
