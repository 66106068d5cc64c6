"""Tokenizers with a SentencePiece model: what Hugging Face's MarianTokenizer makes of texts, and back."""

import copy
import pickle
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import MarianTokenizer

from attendo.tokenization import BOS, EOS, PAD, SPECIAL_TOKENS, UNK, Tokenizer
from attendo.tokenization.sentencepiece import SentencePieces
from marian_folders import pieces_of, sentence_pairs, sentencepieces, vocabulary_of, write_tokenizer

PAIRS = sentence_pairs(200)
SIDES = dict(zip(("source", "target"), (list(side) for side in zip(*PAIRS, strict=True)), strict=True))
WITHOUT = ("s", "▁Hunde")  # pieces that the vocabulary lacks
CODES = (">>deu<<", ">>nld<<")
VARIANTS = {  # options of sentencepiece's trainer
    "unigram": {},
    "bpe": {"model_type": "bpe"},
    "characters": {"model_type": "char"},
    "bytes": {"byte_fallback": True},
    "as it is": {"normalization_rule_name": "identity"},
    "lower case": {"normalization_rule_name": "nmt_nfkc_cf"},
    "spaces kept": {"remove_extra_whitespaces": False},
    "no dummy": {"add_dummy_prefix": False},
    "own symbols": {"user_defined_symbols": ["red dogs", "@@"]},
}
ODD = (
    "", " ", "  two  red\tdogs \n", "２ dogs ﬁt", "Zwölf Boxkämpfer", "e\u0301te\u0301",
    "\u1112\u1161\u11ab\u1100\u116e\u11a8", "中文字 dogs", "👍🏽 🇩🇪", "a\u00a0b\u200bc\ufeff", "▁two ▁",
    "<0x41>", "a\0b", "aaaaaaaaaaaa", "x" * 99, ">>deu<< two dogs", ">>deu<<two", "two >>deu<< dogs",
    ">>fra<< two", ">>deu dogs", ">><<", "dogs<<",
)  # fmt: skip
WORDS = ("two", "red", "dogs", "run", "ß", "Bäume", ".", ",", "<<", ">>nld<<", "")
texts = st.one_of(
    st.text(),
    st.text(st.sampled_from("".join(ODD))),
    st.lists(st.sampled_from(WORDS)).map(" ".join),
)


@cache
def built(variant: str = "unigram") -> tuple[MarianTokenizer, dict[str, Tokenizer]]:
    """Hugging Face's tokenizer, and ours for sources and for targets."""
    models = tuple(sentencepieces(side, 300, **VARIANTS[variant]) for side in SIDES.values())
    with TemporaryDirectory() as folder:
        theirs = write_tokenizer(Path(folder), models, more=CODES, without=WITHOUT)
    special = {"</s>", "<unk>", "<pad>"}
    tokens = [*SPECIAL_TOKENS, *(token for token in theirs.encoder if token not in special)]
    ours = {side: Tokenizer(SentencePieces(model, tokens)) for side, model in zip(SIDES, models, strict=True)}
    return theirs, ours


def their_tokens(theirs: MarianTokenizer, side: str, text: str) -> list[str]:
    ids = theirs(text).input_ids if side == "source" else theirs(text_target=text).input_ids
    assert ids.pop() == theirs.eos_token_id
    return theirs.convert_ids_to_tokens(ids)


def check_equal(variant: str, side: str, text: str) -> None:
    theirs, ours = built(variant)
    expected = their_tokens(theirs, side, text)
    ids = ours[side].encode(text)
    assert [ours[side].vocabulary.token(index) for index in ids] == expected
    assert ours[side].encode_batch([text, "two dogs", text])[::2] == [ids, ids]
    their_ids = theirs.convert_tokens_to_ids(expected)
    shown = [index for index, token in zip(their_ids, expected, strict=True) if token != "<unk>"]
    decoded = theirs.decode(shown, use_source_tokenizer=side == "source")
    assert ours[side].decode([index for index in ids if index != UNK]) == decoded


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_sentences_have_the_tokens_that_marian_gives_them(variant: str, side: str) -> None:
    for text in (*SIDES[side][:60], *SIDES["target"][:5], *ODD):
        check_equal(variant, side, text)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("variant", ["unigram", "bpe", "bytes"])
@settings(max_examples=150, deadline=None)
@given(text=texts)
@example(text="e\u0301")
def test_any_text_has_the_tokens_that_marian_gives_it(variant: str, side: str, text: str) -> None:
    if not any(special in text for special in ("</s>", "<unk>", "<pad>")):  # which text can spell only there
        check_equal(variant, side, text)


def test_a_piece_that_the_vocabulary_lacks_is_unknown() -> None:
    _, ours = built()
    pieces, ids = ours["target"].pieces("zwei Hunde."), ours["target"].encode("zwei Hunde.")
    assert "▁Hunde" in pieces
    assert [index == UNK for index in ids] == [piece in WITHOUT for piece in pieces]
    assert ours["target"].decode(ids) == "zwei<unk>."


def test_a_piece_that_only_the_other_side_knows_has_its_id() -> None:
    tokenizer = built()[1]["source"]
    assert "ü" not in pieces_of(tokenizer._backend.model)
    ids = tokenizer.encode("dogs ü")
    assert tokenizer.vocabulary.token(ids[-1]) == "ü"
    assert UNK not in ids


@given(text=texts)
@settings(max_examples=100, deadline=None)
def test_pieces_and_ids_belong_together(text: str) -> None:
    tokenizer = built()[1]["source"]
    pieces, vocabulary = tokenizer.pieces(text), tokenizer.vocabulary
    assert [vocabulary.id(piece) for piece in pieces] == tokenizer.encode(text)


@pytest.mark.parametrize("special", [*SPECIAL_TOKENS, "</s>", "<s>"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_text_cannot_spell_a_special_token(variant: str, special: str) -> None:
    tokenizer = built(variant)[1]["source"]
    for text in (special, f"two {special} dogs", special * 2, f"{special} dogs"):
        assert not {PAD, BOS, EOS} & set(tokenizer.encode(text))


def test_an_unknown_run_that_spells_a_special_token_is_unknown() -> None:
    model = sentencepieces(["aa a", "aaa aa"], 10)  # which knows neither "<" nor "/"
    assert "</s>" not in pieces_of(model)
    tokenizer = Tokenizer(SentencePieces(model, [*SPECIAL_TOKENS, *pieces_of(model)]))
    for text in ("<eos>", "<bos>", "<pad>", "a <eos> a"):
        ids = tokenizer.encode(text)
        assert UNK in ids
        assert not {PAD, BOS, EOS} & set(ids)


def test_decoding_skips_padding_shows_the_unknown_and_stops_at_the_end() -> None:
    tokenizer = built()[1]["target"]
    ids = tokenizer.encode("zwei Bäume laufen.")
    assert tokenizer.decode([BOS, *ids, PAD, EOS, *ids]) == "zwei Bäume laufen."
    assert tokenizer.decode([*ids, UNK]) == "zwei Bäume laufen.<unk>"
    assert tokenizer.decode([*ids[:-1], len(tokenizer)], ["▁Köln"]) == "zwei Bäume laufen Köln"
    assert tokenizer.decode([EOS]) == tokenizer.decode([]) == ""


def test_it_is_stored_in_a_checkpoint_of_plain_containers(tmp_path: Path) -> None:
    for tokenizer in built()[1].values():
        torch.save({"tokenizer": tokenizer.to_dict()}, tmp_path / "last.ckpt")
        loaded = Tokenizer.from_dict(torch.load(tmp_path / "last.ckpt", weights_only=True)["tokenizer"])
        for clone in (loaded, copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
            assert clone == tokenizer
            assert hash(clone) == hash(tokenizer)
            assert clone.encode("two red dogs") == tokenizer.encode("two red dogs")
    source, target = built()[1].values()
    assert source != target
    assert source.vocabulary.tokens == target.vocabulary.tokens


def test_what_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    state = built()[1]["source"].to_dict()
    with pytest.raises(ValueError, match='has "sentencepiece" and "tokens"'):
        Tokenizer.from_dict({name: value for name, value in state.items() if name != "tokens"})
    with pytest.raises(ValueError, match="are no SentencePiece model"):
        SentencePieces(b"something else", SPECIAL_TOKENS)
    with pytest.raises(ValueError, match="is empty"):
        SentencePieces(b"", SPECIAL_TOKENS)
    with pytest.raises(ValueError, match="begins with"):
        Tokenizer(SentencePieces(sentencepieces(SIDES["source"], 60), list(vocabulary_of(["a"]))))
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ValueError, match=r"pip install 'attendo\[marian\]'"):
        Tokenizer.from_dict(state)
