"""Exact match and error rates, against rapidfuzz and by hand."""

import random

import pytest
from rapidfuzz.distance import Levenshtein

from attendo.metrics import ErrorRate, ExactMatch
from attendo.metrics.error_rates import edit_distance


def test_exact_match_counts_texts_that_are_equal_to_a_reference_letter_for_letter() -> None:
    result = ExactMatch()(["3 1 2", "a", "", "B"], [["3 1 2"], ["a ", "a"], [""], ["b", "B "]])
    assert result.values == {"exact_match": 0.75}
    assert "nrefs:var" in result.signature


@pytest.mark.parametrize("longest", [3, 40, 300])
def test_edits_are_those_of_rapidfuzz(longest: int) -> None:
    generator = random.Random(longest)
    for letters in ("ab", "abcdefgh", "aäßxyz漢字"):
        for _ in range(60):
            first, second = (generator.choices(letters, k=generator.randint(0, longest)) for _ in range(2))
            assert edit_distance(first, second) == Levenshtein.distance(first, second)


def corpus(generator: random.Random) -> tuple[list[str], list[str]]:
    references = [
        " ".join(generator.choices(["one", "Two,", "3"], k=generator.randint(1, 9))) for _ in range(50)
    ]
    hypotheses = [" ".join(word for word in text.split() if generator.random() < 0.7) for text in references]
    return hypotheses, references


@pytest.mark.parametrize("unit", ["character", "token"])
@pytest.mark.parametrize("lowercase", [True, False])
def test_a_rate_is_all_edits_by_all_lengths(unit: str, lowercase: bool) -> None:
    hypotheses, references = corpus(random.Random(1))
    hypotheses = [text.upper() for text in hypotheses]
    edits = length = 0
    for pair in zip(hypotheses, references, strict=True):
        texts = [text.lower() if lowercase else text for text in pair]
        found, expected = [text.split() if unit == "token" else list(text) for text in texts]
        edits, length = edits + Levenshtein.distance(found, expected), length + len(expected)
    result = ErrorRate(unit, lowercase)(hypotheses, [[text] for text in references])
    assert result.values == {f"{unit}_error_rate": pytest.approx(edits / length, abs=1e-15)}
    assert ("case:lc" in result.signature) == lowercase


def test_words_are_without_punctuation_and_tokens_are_what_stands_between_spaces() -> None:
    texts = ["he said : go !"], [["he said: go!"]]
    assert ErrorRate("word", False)(*texts).values == {"word_error_rate": 0.0}
    assert ErrorRate("token", False)(*texts).values == {"token_error_rate": 4 / 3}
    assert ErrorRate("word", False)(["他说走"], [["他说：走！"]]).values == {"word_error_rate": 0.0}


def test_of_several_references_that_with_the_fewest_edits_per_unit_counts() -> None:
    """4 of 10 are better than 1 of 2."""
    long, short = "a b c d e f g h i j", "x b"
    metric = ErrorRate("token", False)
    text = "a b c d e f"
    assert metric([text], [[long]]).values == {"token_error_rate": 4 / 10}
    assert metric([text], [[short, long]]).values == {"token_error_rate": 4 / 10}
    assert metric([text, "q"], [[short, long], ["r"]]).values == {"token_error_rate": 5 / 11}


def test_empty_texts_have_a_rate() -> None:
    metric = ErrorRate("token", False)
    assert metric(["", "a"], [["b"], ["a"]]).values == {"token_error_rate": 0.5}
    assert metric(["a b", "a"], [[""], ["a"]]).values == {"token_error_rate": 2.0}
    assert metric(["a b"], [["", "c"]]).values == {"token_error_rate": 2.0}
    assert metric(["a b"], [[""]]).values == {"token_error_rate": 1.0}
    assert metric([""], [[""]]).values == {"token_error_rate": 0.0}


def test_an_unknown_unit_names_the_choices() -> None:
    with pytest.raises(
        ValueError, match=r'unit=words: expected character, word, token\. Did you mean "word"'
    ):
        ErrorRate("words", False)
