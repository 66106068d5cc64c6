"""Words of tokens, and which of them belong together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendo.analysis.alignment import (
    alignment,
    between_words,
    has_spaces,
    origins,
    pharaoh,
    spelled,
    words_of,
)
from attendo.tokenization import Tokenizer, train_bpe, train_character, train_unigram, train_word

TEXTS = ["a man in an orange hat", "two dogs run on sand", "the man stares at something orange"] * 3
CHINESE = ["我们学习注意力", "他们学习语言", "注意力很重要 很好"] * 3


def trained(kind: str, texts: list[str]) -> Tokenizer:
    if kind == "bpe":
        return train_bpe(texts, vocabulary_size=60, minimum_count=1, lowercase=False, byte_fallback=False)
    if kind == "unigram":
        return train_unigram(texts, vocabulary_size=60, lowercase=False, byte_fallback=False)
    return train_character(texts, lowercase=False, minimum_count=1, maximum_size=None)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "character"])
def test_words_of_pieces_are_what_stands_between_spaces(kind: str) -> None:
    tokenizer = trained(kind, TEXTS)
    for text in [*TEXTS, "hats, and (a) zebra!"]:
        tokens = tokenizer.pieces(text)
        assert spelled(tokens, words_of(tokens, has_spaces(tokenizer))) == text.split()


def test_where_no_token_has_a_space_every_token_is_a_word() -> None:
    by_word = train_word(TEXTS, lowercase=False, minimum_count=1, maximum_size=None)
    one_word = train_character(["abc", "bca"], lowercase=False, minimum_count=1, maximum_size=None)
    for tokenizer, text in ((by_word, TEXTS[0]), (one_word, "cab")):
        tokens = tokenizer.pieces(text)
        assert words_of(tokens, has_spaces(tokenizer)) == [[place] for place in range(len(tokens))]


def test_pieces_of_a_script_without_spaces_stay_words_of_their_own() -> None:
    tokenizer = trained("bpe", CHINESE)
    for text in CHINESE:
        tokens = tokenizer.pieces(text)
        assert max(map(len, words_of(tokens, has_spaces(tokenizer)))) <= 2  # "▁" and the first piece
    assert words_of(["▁GPT", "4", "很", "好", "ๆ", "ก"], True) == [[0, 1], [2], [3], [4], [5]]
    assert words_of(["▁한", "국", "어"], True) == [[0, 1, 2]]


@given(st.lists(st.text("▁ ab好", max_size=4), max_size=8), st.booleans())
def test_words_share_the_tokens_among_them(tokens: list[str], with_spaces: bool) -> None:
    words = words_of(tokens, with_spaces)
    assert [place for word in words for place in word] == list(range(len(tokens)))
    assert all(words)


def test_words_are_aligned_as_a_search_through_all_of_them_finds() -> None:
    generator = np.random.default_rng(1)
    source, target = [[0, 1], [2], [3, 4, 5]], [[0], [1, 2], [3]]
    for _ in range(50):
        weights = generator.dirichlet(np.ones(7), 5).astype(np.float32)  # the last of both sides is EOS
        expected = []
        for number, own in enumerate(target):
            scores = [sum(weights[t, s] for t in own for s in word) / len(own) for word in source]
            expected.append((max(range(3), key=scores.__getitem__), number))
            np.testing.assert_allclose(between_words(weights, source, target)[number], scores, rtol=1e-6)
        assert alignment(weights, source, target) == sorted(expected)


def test_nothing_is_aligned_with_eos_however_much_it_gets() -> None:
    weights = np.array([[0.1, 0.0, 0.9], [0.0, 0.2, 0.8], [0.0, 0.0, 1.0]])
    links = alignment(weights, [[0], [1]], [[0], [1]])
    assert pharaoh(links) == "0-0 1-1"
    assert alignment(weights, [], [[0]]) == alignment(weights, [[0]], []) == []


def test_where_a_word_came_from_is_told_with_what_is_known_of_it() -> None:
    copy = np.array([[0.7, 0.1, 0.2, 0.0], [0.1, 0.5, 0.3, 0.1], [0.0, 0.2, 0.2, 0.6], [0, 0, 0, 1.0]])
    generate = np.array([0.9, 0.2, 0.4, 1.0])
    source = [[0], [1, 2]], ["am", "Kyffhäuser"]
    target = [[0], [1, 2]], ["at", "Kyffhäuser"]
    first, second = origins(copy, generate, [False, False, True, False], source, target)
    assert (first.word, first.source, first.place, first.is_unknown) == ("at", "am", 0, False)
    assert (second.source, second.place, second.is_unknown) == ("Kyffhäuser", 1, True)
    assert second.generate == pytest.approx(0.3) and second.weight == pytest.approx((0.8 + 0.4) / 2)
