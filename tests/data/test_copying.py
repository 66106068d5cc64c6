"""Copying: which target id every source token has."""

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from text_files import FakeTrainer, parallel, preparation

from attendo.data import BatchSizes, BpeDropout, Copying, PreparedData, Seq2SeqBatch, TextDataModule
from attendo.data.preparation import TokenizerTrainer
from attendo.tokenization import (
    BOS,
    EOS,
    PAD,
    UNK,
    Tokenizer,
    train_bpe,
    train_character,
    train_unigram,
    train_whitespace,
    train_word,
)

LIMITS = {"minimum_count": 1, "maximum_size": None}
SIZES = BatchSizes(tokens_per_step=None, sentences_per_step=4, tokens_per_micro_batch=1000, pool_steps=2)
TRAINING = ["the dog sees the cat", "a cat and a dog run", "dogs run . cats see , and run"]


def whitespace(texts: Sequence[str], lowercase: bool = False) -> Tokenizer:
    return train_whitespace(texts, lowercase=lowercase, **LIMITS)


def tokenizers() -> dict[str, Tokenizer]:
    subwords = {"vocabulary_size": 40, "lowercase": False, "byte_fallback": False}
    return {
        "whitespace": whitespace(TRAINING),
        "word": train_word(TRAINING, lowercase=False, **LIMITS),
        "character": train_character(TRAINING, lowercase=False, **LIMITS),
        "bpe": train_bpe(TRAINING, minimum_count=2, **subwords),
        "unigram": train_unigram(TRAINING, **subwords),
    }


TOKENIZERS = tokenizers()
WORDS = st.sampled_from(["dog", "cat", "the", ",", "zebra", "Ünal", "x7", "2019", "鱼", "<unk>", "\\<eos>"])


def with_eos(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [[*tokenizer.encode(text), EOS] for text in texts]


def read_back(source: Tokenizer, target: Tokenizer, texts: Sequence[str]) -> list[str]:
    copied, words = Copying(source, target).copy_source(with_eos(source, texts), texts)
    return [target.decode(ids, words) for ids in copied.tolist()]


# --------------------------------------------------------------------------------------------------- sources
@pytest.mark.parametrize("name", ["character", "bpe", "unigram"])
@given(texts=st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_copying_every_piece_gives_back_any_text(name: str, texts: list[str]) -> None:
    texts = [f"{text}a" for text in texts]  # a text with no piece at all is UNK
    assert read_back(TOKENIZERS[name], TOKENIZERS[name], texts) == texts


@pytest.mark.parametrize("name", ["whitespace", "word"])
@given(rows=st.lists(st.lists(WORDS, min_size=1), min_size=1, max_size=4))
def test_copying_every_word_gives_back_the_words(name: str, rows: list[list[str]]) -> None:
    tokenizer, texts = TOKENIZERS[name], [" ".join(row) for row in rows]
    found = read_back(tokenizer, tokenizer, texts)
    if name == "whitespace":
        assert found == texts
    assert [tokenizer.pieces(text) for text in found] == [tokenizer.pieces(text) for text in texts]


@given(rows=st.lists(st.lists(WORDS, min_size=1), min_size=1, max_size=4))
def test_two_vocabularies_give_back_the_words_as_well(rows: list[list[str]]) -> None:
    source, target = whitespace(["dog zebra the"]), whitespace(["cat dog x7"])
    texts = [" ".join(row) for row in rows]
    assert read_back(source, target, texts) == texts


def test_a_token_has_the_target_id_of_its_string_or_else_the_number_of_its_word() -> None:
    source, target = whitespace(["a b c"]), whitespace(["x c b"])
    size, id_of = len(target), target.vocabulary.id
    texts = ["a b new", "newer a x new"]
    copied, words = Copying(source, target).copy_source(with_eos(source, texts), texts)
    assert words == ("a", "new", "newer")  # as they come; "x" is new to the source only
    assert copied.tolist() == [
        [size, id_of("b"), size + 1, EOS, PAD],
        [size + 2, size, id_of("x"), size + 1, EOS],
    ]


def test_a_joint_vocabulary_keeps_its_ids() -> None:
    tokenizer = TOKENIZERS["word"]
    assert np.array_equal(Copying(tokenizer, tokenizer).target_ids, np.arange(len(tokenizer)))


def test_unknown_words_are_spelled_as_the_tokenizer_reads_them() -> None:
    lower = whitespace(["dog"], lowercase=True)
    copied, words = Copying(lower, lower).copy_source(with_eos(lower, ["NEW Dog new"]), ["NEW Dog new"])
    assert words == ("new",)
    assert lower.decode(copied[0].tolist(), words) == "new dog new"


def test_a_text_without_a_piece_stays_unknown() -> None:
    tokenizer = TOKENIZERS["word"]
    copied, words = Copying(tokenizer, tokenizer).copy_source([[UNK, EOS]], ["\u200b"[:0]])
    assert copied.tolist() == [[UNK, EOS]] and words == ()


def test_tokenizers_that_join_tokens_differently_are_refused() -> None:
    for one in TOKENIZERS:
        for other in TOKENIZERS:
            if one == other or {one, other} == {"bpe", "unigram"}:
                Copying(TOKENIZERS[one], TOKENIZERS[other])
            else:
                with pytest.raises(ValueError, match="needs tokenizers that join tokens in the same way"):
                    Copying(TOKENIZERS[one], TOKENIZERS[other])


def test_only_texts_with_something_unknown_are_asked_for() -> None:
    tokenizer = whitespace(["a b"])
    asked: list[int] = []

    def texts(rows: np.ndarray) -> list[str]:
        asked.extend(rows.tolist())
        return ["a new"]

    source = np.array([tokenizer.encode("a b"), tokenizer.encode("a new")])
    Copying(tokenizer, tokenizer).copied_source(source, texts)
    assert asked == [1]


# --------------------------------------------------------------------------------------------------- batches
SOURCES = ["a b new1", "b new2 new1 new2 a", "a a b b", "new3 a"]
TARGETS = ["new1 b gone", "new1 a new2", "new2 b", "a new3"]
FREQUENT_WORDS = functools.partial(train_whitespace, lowercase=False, minimum_count=5, maximum_size=None)
KNOWN = [("a b", "b a")] * 3


def data_of(
    folder: Path,
    sources: Sequence[str] = SOURCES,
    targets: Sequence[str] = TARGETS,
    roles: Sequence[str] = ("joint",),
    maximum: int | None = None,
    train: TokenizerTrainer = FREQUENT_WORDS,
) -> PreparedData:
    """Rows to train on, of which those words are known that occur five times."""
    rows = [*zip(sources, targets, strict=True), *KNOWN]
    source = parallel(folder, *zip(*rows, strict=True))
    prepared = preparation(source, folder / "cache", maximum=maximum)
    return prepared.train(dict.fromkeys(roles, train))


def training_batches(data: PreparedData, sizes: BatchSizes = SIZES, **options: object) -> list[Seq2SeqBatch]:
    module = TextDataModule(data, sizes, seed=1, copies=True, **options)  # type: ignore[arg-type]
    module.trainer = FakeTrainer(num_training_batches=100)  # type: ignore[assignment]
    return [part for step in module.train_dataloader() for part in step if isinstance(part, Seq2SeqBatch)]


def spelled(data: PreparedData, batch: Seq2SeqBatch, ids: torch.Tensor) -> dict[int, str]:
    decode = data.tokenizers["target"].decode
    texts = [decode(row, batch.unknown_words) for row in ids.tolist()]
    return dict(zip(batch.rows.tolist(), texts, strict=True))


@pytest.mark.parametrize("roles", [("joint",), ("source", "target")])
def test_targets_can_be_copied_where_their_own_source_has_them(tmp_path: Path, roles: Sequence[str]) -> None:
    data = data_of(tmp_path, roles=roles)
    sources: dict[int, str] = {}
    targets: dict[int, str] = {}
    for batch in training_batches(data):
        assert batch.copy_ids is not None
        sources |= spelled(data, batch, batch.copy_ids)
        targets |= spelled(data, batch, batch.targets)
        known = len(data.tokenizers["target"])
        expected = torch.where(batch.targets >= known, UNK, batch.targets)
        assert torch.equal(
            batch.target_inputs[:, 1:], torch.where(batch.target_inputs[:, 1:] == PAD, PAD, expected[:, :-1])
        )
        assert (batch.target_inputs[:, 0] == BOS).all()
        assert torch.equal(batch.copy_ids == PAD, batch.source_is_padding)
        assert batch.copy_ids.max() < known + len(batch.unknown_words)
        assert len(set(batch.unknown_words)) == len(batch.unknown_words)
    assert [sources[row] for row in range(4)] == SOURCES
    # "gone" is in no source; "new2" is in a source, but not in that of the third row
    assert [targets[row] for row in range(4)] == ["new1 b <unk>", "new1 a new2", "<unk> b", "a new3"]


def test_what_was_cut_from_the_source_cannot_be_copied(tmp_path: Path) -> None:
    data = data_of(tmp_path, ["a b new1", "new2 b new1"], ["new1", "new2 new1"], maximum=2)
    found: dict[int, str] = {}
    for batch in training_batches(data):
        assert set(batch.unknown_words) <= {"new2"}
        found |= spelled(data, batch, batch.targets)
    assert found[0] == "<unk>" and found[1] == "new2 <unk>"


def test_fillers_and_batches_to_evaluate_on_offer_copies_too(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    module = TextDataModule(
        PreparedData({"test": data.splits["train"]}, data.tokenizers, []), SIZES, seed=1, copies=True
    )
    module.trainer = FakeTrainer(global_rank=1, world_size=20)  # type: ignore[assignment]
    (batch,) = module.test_dataloader()
    assert isinstance(batch, Seq2SeqBatch) and batch.copy_ids is not None
    module.trainer = FakeTrainer()  # type: ignore[assignment]
    for batch in module.test_dataloader():
        assert isinstance(batch, Seq2SeqBatch) and batch.copy_ids is not None
        found = spelled(data, batch, batch.copy_ids)
        assert list(found.values()) == batch.raw["source"]


def test_rows_that_were_skipped_shift_no_texts(tmp_path: Path) -> None:
    source = parallel(tmp_path, ["a b new1", "", "b new2", "a b", "a b"], ["new1", "x", "new2", "b a", "b a"])
    words = functools.partial(train_whitespace, lowercase=False, minimum_count=3, maximum_size=None)
    data = preparation(source, tmp_path / "cache", on_error="skip").train({"joint": words})
    targets: dict[int, str] = {}
    for batch in training_batches(data):
        targets |= spelled(data, batch, batch.targets)
    assert [targets[row] for row in range(4)] == ["new1", "new2", "b a", "b a"]


def latin_subwords(texts: Iterable[str]) -> Tokenizer:
    latin = [text for text in texts if text.isascii()]
    return train_bpe(latin, vocabulary_size=14, lowercase=False, minimum_count=2, byte_fallback=False)


def test_subword_dropout_changes_nothing_of_what_can_be_copied(tmp_path: Path) -> None:
    sources, targets = ["abab 鱼 baba 鯨鮫 aab", "bb 鮫 ab"], ["鮫 鱼 鯨鮫", "鮫 鱼"]
    longest = "ab " * 30  # whatever is drawn for the others is shorter
    data = data_of(
        tmp_path, [*sources, longest], [*targets, longest], train=functools.partial(latin_subwords)
    )
    can_copy = ["<unk> 鱼 鯨鮫", "鮫 <unk>"]
    for batch in training_batches(data, subword_dropout=BpeDropout(0.5)):
        assert batch.copy_ids is not None
        found = spelled(data, batch, batch.copy_ids)
        assert all(found[row] == sources[row] for row in {0, 1} & found.keys())
        found = spelled(data, batch, batch.targets)
        assert all(found[row] == can_copy[row] for row in {0, 1} & found.keys())


def test_without_copying_batches_offer_nothing(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    module = TextDataModule(data, SIZES, seed=1)
    module.trainer = FakeTrainer(num_training_batches=100)  # type: ignore[assignment]
    for step in module.train_dataloader():
        for batch in step:
            assert isinstance(batch, Seq2SeqBatch)
            assert batch.copy_ids is None and batch.unknown_words == ()
            assert batch.targets.max() < len(data.tokenizers["target"])
