"""Byte-pair encoding merge by merge."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendo.tokenization import UNK, Tokenizer, train_bpe, train_character, train_unigram, train_word
from attendo.tokenization.merges import Merges

TEXTS = ["the cat sat on the mat", "a cat and the rat ate that", "hats, mats... and: cats!", "aaaa aaa aa"]
PLAIN, WITH_BYTES = (
    train_bpe(TEXTS, vocabulary_size=size, lowercase=False, minimum_count=2, byte_fallback=size > 256)
    for size in (60, 316)
)


def atoms_of(merges: Merges, ids: list[int]) -> list[int]:
    return [atom for token in ids for atom in merges.atoms[token]]


@pytest.mark.parametrize("tokenizer", [PLAIN, WITH_BYTES], ids=["plain", "bytes"])
@given(text=st.one_of(st.text(), st.text("acehmst ▁.,", max_size=40)))
def test_passing_over_nothing_is_what_the_tokenizer_does(tokenizer: Tokenizer, text: str) -> None:
    merges, ids = Merges(tokenizer), tokenizer.encode(text)
    atoms = atoms_of(merges, ids)
    assert merges.joined(atoms, [0] * len(atoms)) == ids


def test_atoms_are_characters_bytes_and_the_unknown_token() -> None:
    merges, text = Merges(WITH_BYTES), "cats é"
    tokens = [WITH_BYTES.vocabulary.token(atom) for atom in atoms_of(merges, WITH_BYTES.encode(text))]
    assert tokens == ["▁", "c", "a", "t", "s", "▁", "<0xC3>", "<0xA9>"]
    assert atoms_of(Merges(PLAIN), PLAIN.encode("é")) == [PLAIN.vocabulary.id("▁"), UNK]


def test_passing_over_everything_joins_nothing() -> None:
    merges = Merges(PLAIN)
    atoms = atoms_of(merges, PLAIN.encode("the cats"))
    assert merges.joined(atoms, [len(atoms)] * len(atoms)) == atoms


def test_no_merge_reaches_across_what_are_no_neighbours() -> None:
    merges, vocabulary = Merges(PLAIN), PLAIN.vocabulary
    inside = {
        (vocabulary.id(left), vocabulary.id(right))
        for token in vocabulary.tokens[4:]
        for left, right in pairwise(token)
    }
    assert merges.neighbours == inside


def test_other_tokenizers_have_no_merges() -> None:
    limits = {"lowercase": False, "minimum_count": 1, "maximum_size": None}
    unigram = train_unigram(TEXTS, vocabulary_size=60, lowercase=False, byte_fallback=False)
    for tokenizer in (train_word(TEXTS, **limits), train_character(TEXTS, **limits), unigram):
        assert not Merges(tokenizer).neighbours


@pytest.mark.real_data
@pytest.mark.slow
def test_passing_over_nothing_is_what_the_tokenizer_does_on_multi30k(corpora: Path) -> None:
    sides = [corpora / "multi30k" / f"train.{side}" for side in ("en", "de")]
    texts = [line for path in sides for line in path.read_text(encoding="utf-8").splitlines()]
    tokenizer = train_bpe(texts, vocabulary_size=8000, lowercase=False, minimum_count=2, byte_fallback=False)
    merges = Merges(tokenizer)
    words = sorted({word for text in texts for word in text.split()})
    assert len(words) > 20_000
    for ids in tokenizer.encode_batch(words):
        atoms = atoms_of(merges, ids)
        assert merges.joined(atoms, [0] * len(atoms)) == ids
