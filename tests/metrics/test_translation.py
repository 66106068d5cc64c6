"""BLEU, chrF and TER: edges, errors and references of unequal number (their numbers: tests/reference)."""

import importlib.util
import logging
from collections.abc import Callable, Sequence

import pytest
from sacrebleu.metrics.bleu import BLEU

from attendo.metrics import Bleu, Chrf, ErrorRate, ExactMatch, Rouge, Ter

ALL = [
    Bleu("13a", False),
    Chrf(2, False),
    Ter(True, False, False, False),
    Rouge(),
    ExactMatch(),
    ErrorRate("word", False),
]


def value(metric: Callable, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    (found,) = metric(hypotheses, references).values.values()
    return found


@pytest.mark.parametrize(("metric", "best"), [(ALL[0], 100), (ALL[1], 100), (ALL[2], 0)])
def test_equal_texts_score_best_and_others_worse(metric: Callable, best: float) -> None:
    texts = ["a man rides a brown horse .", "two dogs run in the deep snow ."]
    assert value(metric, texts, [[text] for text in texts]) == pytest.approx(best)
    assert abs(value(metric, texts[::-1], [[text] for text in texts]) - best) > 50


def test_case_counts_unless_lowercase_is_asked_for_and_the_signature_says_which() -> None:
    hypotheses, references = ["EIN HUND LÄUFT ÜBER DIE STRASSE"], [["Ein Hund läuft über die Strasse"]]
    for cased, caseless, best in (
        (Bleu("13a", False), Bleu("13a", True), 100),
        (Chrf(0, False), Chrf(0, True), 100),
        (Ter(False, False, False, False), Ter(True, False, False, False), 0),
    ):
        assert abs(value(cased, hypotheses, references) - best) > 50
        assert value(caseless, hypotheses, references) == pytest.approx(best)
        assert "case:mixed" in cased(hypotheses, references).signature.replace("case:cs", "case:mixed")
        assert "case:lc" in caseless(hypotheses, references).signature


HYPOTHESES = ["the cat sat on the mat", "a dog runs fast", "birds"]
UNEQUAL = [
    ["the cat is on the mat", "a cat sat on a mat there"],
    ["the dog runs very fast"],
    ["birds do sing"],
]


@pytest.mark.parametrize("metric", ALL[:3])
def test_rows_with_fewer_references_are_scored_by_those_that_they_have(metric: Callable) -> None:
    """To say the same reference twice changes nothing; an empty one, with which one could fill up, does."""
    twice = [(row * 2)[:2] for row in UNEQUAL]
    filled = [[*row, ""][:2] for row in UNEQUAL]
    found = value(metric, HYPOTHESES, UNEQUAL)
    assert found == pytest.approx(value(metric, HYPOTHESES, twice), abs=1e-12)
    if metric != ALL[1]:  # chrF takes the best reference, which an empty one is not
        assert found != pytest.approx(value(metric, HYPOTHESES, filled), abs=1e-3)
    assert "nrefs:var" in metric(HYPOTHESES, UNEQUAL).signature
    assert "nrefs:2" in metric(HYPOTHESES, twice).signature


def test_a_reference_more_can_only_help() -> None:
    fewer = [row[:1] for row in UNEQUAL]
    assert value(Bleu("13a", False), HYPOTHESES, UNEQUAL) > value(Bleu("13a", False), HYPOTHESES, fewer)


def test_an_unknown_tokenizer_names_the_choices_and_the_nearest() -> None:
    with pytest.raises(ValueError, match=r'"ja_mecab".*Did you mean "ja-mecab".*zh, 13a, intl, char'):
        Bleu("ja_mecab", False)


@pytest.mark.parametrize(("tokenize", "package"), [("ja-mecab", "MeCab"), ("ko-mecab", "mecab_ko")])
def test_a_tokenizer_that_lacks_its_package_is_refused_at_once(tokenize: str, package: str) -> None:
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ValueError, match=rf'"{tokenize}" cannot be used here: .*pip install sacrebleu\['):
        Bleu(tokenize, False)


def test_a_tokenizer_with_a_model_to_fetch_does_not_fetch_it_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fetch(*arguments: object, **options: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(BLEU, "__init__", fetch)
    metric = Bleu("flores200", False)
    with pytest.raises(ValueError, match='"flores200" cannot be used here: no network here'):
        metric(["a"], [["a"]])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match='"flores200" cannot be used here: pip install sentencepiece'):
        Bleu("flores200", False)


def test_a_chrf_of_no_such_order_is_refused() -> None:
    with pytest.raises(ValueError, match="word_order=-1: expected 0 for chrF or 2 for"):
        Chrf(-1, False)


def test_sacrebleu_warns_of_tokenized_texts_unless_they_are_meant(caplog: pytest.LogCaptureFixture) -> None:
    texts = ["it is tokenized ."] * 100
    with caplog.at_level(logging.WARNING, "sacrebleu"):
        Bleu("none", False)(texts, [[text] for text in texts])
        assert not caplog.records
        Bleu("13a", False)(texts, [[text] for text in texts])
        assert "forgot to detokenize" in caplog.text


@pytest.mark.parametrize("metric", ALL)
def test_texts_without_their_references_are_refused(metric: Callable) -> None:
    with pytest.raises(ValueError, match="2 hypotheses cannot be scored against references of 1"):
        metric(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="nothing to score"):
        metric([], [])
    with pytest.raises(ValueError, match=r"references of row 1 are \[\]: expected a list of at least one"):
        metric(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match="references of row 0 are 'ab': expected a list"):
        metric(["ab"], ["ab"])
