"""Text metrics: edges and errors (their numbers: tests/reference/test_bleu.py)."""

import importlib.util

import pytest

from attendo.metrics import corpus_bleu, exact_match


def test_equal_texts_score_100_and_others_less():
    texts = ["a man rides a brown horse .", "two dogs run in the snow ."]
    assert corpus_bleu(texts, texts, tokenize="13a", lowercase=False).score == pytest.approx(100)
    assert corpus_bleu(texts[::-1], texts, tokenize="13a", lowercase=False).score < 10


def test_case_counts_unless_lowercase_is_asked_for_and_the_signature_says_which():
    hypotheses, references = ["EIN HUND LÄUFT ÜBER DIE STRASSE"], ["Ein Hund läuft über die Strasse"]
    cased = corpus_bleu(hypotheses, references, tokenize="13a", lowercase=False)
    caseless = corpus_bleu(hypotheses, references, tokenize="13a", lowercase=True)
    assert cased.score == 0
    assert caseless.score == pytest.approx(100)
    assert "case:mixed" in cased.signature
    assert "case:lc" in caseless.signature


def test_an_unknown_tokenizer_names_the_choices_and_the_nearest():
    with pytest.raises(ValueError, match=r'"ja_mecab".*Did you mean "ja-mecab".*zh, 13a, intl, char'):
        corpus_bleu(["a"], ["a"], tokenize="ja_mecab", lowercase=False)


@pytest.mark.parametrize("tokenize, package", [("ja-mecab", "MeCab"), ("ko-mecab", "mecab_ko")])
def test_a_tokenizer_that_lacks_its_package_says_what_to_install(tokenize, package):
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed")
    with pytest.raises(ValueError, match=rf'"{tokenize}" cannot be used here: .*pip install sacrebleu\['):
        corpus_bleu(["a"], ["a"], tokenize=tokenize, lowercase=False)


@pytest.mark.parametrize(
    "score", [exact_match, lambda *texts: corpus_bleu(*texts, tokenize="13a", lowercase=False)]
)
def test_texts_that_do_not_pair_up_or_are_none_are_refused(score):
    with pytest.raises(ValueError, match="2 hypotheses cannot be scored against 1 references"):
        score(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="nothing to score"):
        score([], [])


def test_exact_match_counts_texts_that_are_equal_letter_for_letter():
    assert exact_match(["3 1 2", "a", "", "B"], ["3 1 2", "a ", "", "b"]) == 0.5
