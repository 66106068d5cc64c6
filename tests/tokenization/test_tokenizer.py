"""What all tokenizers promise: special tokens, storing, copies, errors."""

import copy
import pickle

import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import strategies as st

from attendo.tokenization import (
    BOS,
    EOS,
    PAD,
    SPECIAL_TOKENS,
    UNK,
    Tokenizer,
    Vocabulary,
    train_bpe,
    train_character,
    train_unigram,
    train_whitespace,
    train_word,
)

TEXTS = ["<eos> <pad>", "A <bos> b <unk> , \\<eos> (c).", "<eos>"] * 9


def train(kind: str, texts=TEXTS) -> Tokenizer:
    words = {"word": train_word, "character": train_character, "whitespace": train_whitespace}
    if kind in words:
        return words[kind](texts, lowercase=False, minimum_count=1, maximum_size=None)
    byte_fallback = kind.endswith("bytes")
    if kind.startswith("bpe"):
        return train_bpe(
            texts, vocabulary_size=400, lowercase=False, minimum_count=1, byte_fallback=byte_fallback
        )
    return train_unigram(texts, vocabulary_size=400, lowercase=False, byte_fallback=byte_fallback)


KINDS = ["word", "character", "whitespace", "bpe", "bpe_bytes", "unigram", "unigram_bytes"]
TRAINED = {kind: train(kind) for kind in KINDS}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@pytest.mark.parametrize("special", SPECIAL_TOKENS)
def test_a_text_cannot_spell_a_special_token(kind, special):
    for text in (special, f"A {special} b", f"A{special}b", f"\\{special}", special * 2):
        for ids in (TRAINED[kind].encode(text), *TRAINED[kind].encode_batch([text])):
            assert not {PAD, BOS, EOS} & set(ids)
    ids = TRAINED[kind].encode(f"{special} A")
    assert UNK not in ids
    exact = f"{special} A" if kind != "word" else f"< {special[1:-1]} > A"
    assert TRAINED[kind].decode(ids) == exact


@every_kind
def test_special_tokens_have_the_first_ids(kind):
    vocabulary = TRAINED[kind].vocabulary
    assert [vocabulary.id(token) for token in SPECIAL_TOKENS] == [PAD, UNK, BOS, EOS] == [0, 1, 2, 3]
    assert vocabulary.tokens[:4] == list(SPECIAL_TOKENS)
    assert len(vocabulary) == len(TRAINED[kind]) == len(set(vocabulary.tokens))


@every_kind
def test_decoding_skips_padding_and_stops_at_the_end(kind):
    ids = TRAINED[kind].encode("A b")
    assert TRAINED[kind].decode([BOS, *ids, PAD, EOS, *ids]) == "A b"
    assert TRAINED[kind].decode([EOS]) == TRAINED[kind].decode([]) == ""
    assert "<unk>" in TRAINED[kind].decode([UNK])


@every_kind
@given(st.text(st.sampled_from("".join(TEXTS) + "xé中")))
def test_pieces_and_ids_belong_together(kind, text):
    tokenizer = TRAINED[kind]
    pieces, ids = tokenizer.pieces(text), tokenizer.encode(text)
    assert [tokenizer.vocabulary.id(piece) for piece in pieces] == ids
    assert tokenizer.encode_batch([text, text]) == [ids, ids]


@every_kind
def test_an_empty_text_has_no_ids_and_no_batch_no_lists(kind):
    assert TRAINED[kind].encode("") == TRAINED[kind].pieces("") == TRAINED[kind].encode_batch([]) == []


@every_kind
def test_it_is_stored_in_a_checkpoint_of_plain_containers(kind, tmp_path):
    torch.save({"tokenizer": TRAINED[kind].to_dict()}, tmp_path / "last.ckpt")
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["tokenizer"]
    loaded = Tokenizer.from_dict(state)
    assert loaded == TRAINED[kind]
    assert loaded.encode(TEXTS[1]) == TRAINED[kind].encode(TEXTS[1])
    assert loaded.vocabulary.tokens == TRAINED[kind].vocabulary.tokens


@every_kind
def test_copies_are_equal_and_other_tokenizers_are_not(kind):
    for clone in (copy.deepcopy(TRAINED[kind]), pickle.loads(pickle.dumps(TRAINED[kind]))):
        assert clone == TRAINED[kind]
        assert hash(clone) == hash(TRAINED[kind])
        assert clone.decode(clone.encode("A b")) == "A b"
    assert train(kind) == TRAINED[kind]
    assert train(kind, [*TEXTS, "z" * 3]) != TRAINED[kind]


@given(st.text(st.sampled_from("aä中 \n▁👍")))
def test_characters_come_back(text):
    tokenizer = train("character", ["aä中 \n", "▁👍"])
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert len(ids) == len(text)


def test_characters_are_ordered_by_count_and_limited():
    tokens = train_character(["AbbccAd"], lowercase=True, minimum_count=2, maximum_size=6).vocabulary.tokens
    assert tokens == [*SPECIAL_TOKENS, "a", "b"]


WORDS = ["a", "Haus,", "中文", "<eos>", "\\<eos>", "\\\\<pad>", "x<unk>y", "<", "##b", "▁", "."]


@given(st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_tokens_between_single_spaces_come_back(text):
    tokenizer = train("whitespace", [" ".join(WORDS)])
    ids = tokenizer.encode(text)
    assert len(ids) == len(text.split())
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode(text.replace(" ", " \t")) == ids


@every_kind
@pytest.mark.parametrize("texts", [[], [""], iter(())])
def test_nothing_to_train_on_is_an_error(kind, texts):
    with pytest.raises(ValueError, match="Nothing to train a tokenizer on"):
        train(kind, texts)


@every_kind
def test_one_text_in_place_of_many_is_an_error(kind):
    with pytest.raises(ValueError, match="not on the single text 'A house'"):
        train(kind, "A house")


@every_kind
def test_a_generator_of_texts_is_enough(kind):
    assert train(kind, (text for text in TEXTS)) == TRAINED[kind]


@pytest.mark.parametrize("train_one", [train_word, train_character, train_whitespace])
def test_numbers_that_make_no_sense_are_errors(train_one):
    with pytest.raises(ValueError, match="minimum_count is 0; it must be at least 1"):
        train_one(TEXTS, lowercase=False, minimum_count=0, maximum_size=None)
    with pytest.raises(ValueError, match=r"maximum_size is 4; .* take 5 or more"):
        train_one(TEXTS, lowercase=False, minimum_count=1, maximum_size=4)
    with pytest.raises(ValueError, match="nothing in them occurs 1000 times"):
        train_one(TEXTS, lowercase=False, minimum_count=1000, maximum_size=None)


def test_an_unknown_format_or_a_broken_one_is_an_error():
    state = TRAINED["word"].to_dict()
    with pytest.raises(ValueError, match="stored in format 99; this version of attendo reads format 1"):
        Tokenizer.from_dict(state | {"format_version": 99})
    with pytest.raises(ValueError, match="stored in format None"):
        Tokenizer.from_dict({})
    with pytest.raises(ValueError, match='under the key "tokenizer"'):
        Tokenizer.from_dict({"format_version": 1})
    with pytest.raises(ValueError, match="cannot be read"):
        Tokenizer.from_dict(state | {"tokenizer": state["tokenizer"][:-5]})


def test_ids_of_another_tokenizer_are_an_error():
    size = len(TRAINED["word"])
    assert TRAINED["word"].decode([size + 1], ["one", "two"]) == "two"
    for index in (-1, size + 2):
        with pytest.raises(ValueError, match=f"The id {index} means nothing here: .* {size} tokens"):
            TRAINED["word"].decode([index], ["one", "two"])


def test_a_backend_that_finds_special_tokens_in_the_text_is_refused():
    ids = {token: index for index, token in enumerate(SPECIAL_TOKENS)}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<unk>"))
    assert len(Tokenizer(backend)) == 4
    backend.add_special_tokens(["<eos>"])
    with pytest.raises(ValueError, match="read the text '<eos>' as a special token"):
        Tokenizer(backend)


def test_a_vocabulary_maps_both_ways():
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "b"])
    assert len(vocabulary) == 6
    assert (vocabulary.token(4), vocabulary.id("b"), vocabulary.id("c")) == ("a", 5, UNK)
    assert "a" in vocabulary
    assert "c" not in vocabulary


def test_a_vocabulary_refuses_repeated_and_missing_tokens():
    with pytest.raises(ValueError, match="'a' is in the vocabulary twice"):
        Vocabulary([*SPECIAL_TOKENS, "a", "b", "a"])
    with pytest.raises(ValueError, match="begins with"):
        Vocabulary(["a", *SPECIAL_TOKENS])
