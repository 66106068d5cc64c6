"""Subword tokenizers, trained from texts: byte-pair encoding and the unigram language model.

Both write a space as "▁" and put one before the text. What the text itself contains of "▁" is escaped,
so nothing is lost: `decode(encode(text)) == text` for all texts over the characters of the training
texts, and for every text with `byte_fallback`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from attendo.tokenization.tokenizer import Tokenizer
from attendo.tokenization.training import refuse_single_text, without_added_tokens
from attendo.tokenization.unigram import count_pieces, fit_unigram
from attendo.tokenization.vocabulary import SPECIAL_TOKENS, UNK

_UNKNOWN = SPECIAL_TOKENS[UNK]
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_SPACE = "▁"
_LONGEST_PIECE = 16  # characters
_SEEDS_PER_PIECE, _SEED_COUNT = 4, 2  # a unigram model begins with 4 times its pieces, each seen twice
# Three private characters spell "▁" and the first of them, should a text contain these.
_ESCAPE, _ESCAPED_ESCAPE, _ESCAPED_SPACE = "\ue000", "\ue000\ue001", "\ue000\ue002"


def train_bpe(
    texts: Iterable[str], *, vocabulary_size: int, lowercase: bool, minimum_count: int, byte_fallback: bool
) -> Tokenizer:
    """Train byte-pair encoding: merge the most frequent pair again and again (Sennrich et al. 2016).

    Args:
        texts: the training texts.
        vocabulary_size: tokens in the vocabulary, special ones and bytes included; fewer where the
            texts have no more pairs to merge.
        lowercase: encode "The" as "the".
        minimum_count: how often a pair must occur to be merged.
        byte_fallback: encode unknown characters as UTF-8 bytes (256 more tokens) instead of UNK.

    Raises:
        ValueError: if there is no text to train on, or more characters than the vocabulary has room for.
    """
    refuse_single_text(texts)
    if minimum_count < 1:
        raise ValueError(f"minimum_count is {minimum_count}; it must be at least 1.")
    trainer = _merge_trainer(vocabulary_size, minimum_count, byte_fallback)
    backend, merges = _learn_merges(texts, trainer, lowercase)
    ids = backend.get_vocab(with_added_tokens=False)
    _check_room(ids, vocabulary_size, byte_fallback)
    backend.model = models.BPE(ids, merges, unk_token=_UNKNOWN, fuse_unk=True, byte_fallback=byte_fallback)
    return Tokenizer(without_added_tokens(backend))


def train_unigram(
    texts: Iterable[str], *, vocabulary_size: int, lowercase: bool, byte_fallback: bool
) -> Tokenizer:
    """Train a unigram language model over pieces and split texts into the likeliest ones (Kudo 2018).

    It begins with the pieces of a four times larger byte-pair encoding; `fit_unigram` does the rest.

    Args:
        texts: the training texts.
        vocabulary_size: tokens in the vocabulary, special ones and bytes included; fewer where the
            texts have no more pieces.
        lowercase: encode "The" as "the".
        byte_fallback: encode unknown characters as UTF-8 bytes (256 more tokens) instead of UNK.

    Raises:
        ValueError: if there is no text to train on, or more characters than the vocabulary has room for.
    """
    refuse_single_text(texts)
    texts = list(texts)
    trainer = _merge_trainer(_SEEDS_PER_PIECE * vocabulary_size, _SEED_COUNT, byte_fallback)
    backend, merges = _learn_merges(texts, trainer, lowercase)
    _check_room(backend.get_vocab(with_added_tokens=False), vocabulary_size, byte_fallback)
    words = _count_words(backend, texts)
    reserved = _reserved(byte_fallback)
    pieces = fit_unigram(words, _count_seeds(backend, merges, words), vocabulary_size - len(reserved))
    scores = [*((token, 0.0) for token in reserved), *pieces.items()]
    backend.model = models.Unigram(scores, UNK, byte_fallback)
    return Tokenizer(without_added_tokens(backend))


def _reserved(byte_fallback: bool) -> tuple[str, ...]:
    return SPECIAL_TOKENS + _BYTES if byte_fallback else SPECIAL_TOKENS


def _merge_trainer(size: int, minimum_count: int, byte_fallback: bool) -> trainers.BpeTrainer:
    return trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=minimum_count,
        special_tokens=list(_reserved(byte_fallback)),
        max_token_length=_LONGEST_PIECE,
        show_progress=False,
    )


def _learn_merges(
    texts: Iterable[str], trainer: trainers.BpeTrainer, lowercase: bool
) -> tuple[tokenizers.Tokenizer, list[tuple[str, str]]]:
    """Return a byte-pair encoding of the texts, with the way to it and back, and its merges in order."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.normalizer = normalizers.Sequence(
        [
            *[normalizers.Lowercase()] * lowercase,
            normalizers.Replace(_ESCAPE, _ESCAPED_ESCAPE),
            normalizers.Replace(_SPACE, _ESCAPED_SPACE),
            normalizers.Prepend(" "),
        ]
    )
    # a word has the same pieces whether a comma follows or not, and no piece of a text can be "<eos>"
    words = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="never", split=True)
    backend.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.Punctuation("contiguous")])
    backend.decoder = decoders.Sequence(
        [
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(_SPACE, 1, 0),
            decoders.Replace(_SPACE, " "),
            decoders.Replace(_ESCAPED_SPACE, _SPACE),
            decoders.Replace(_ESCAPED_ESCAPE, _ESCAPE),
        ]
    )
    backend.train_from_iterator(texts, trainer)
    merges = json.loads(backend.to_str())["model"]["merges"]
    return backend, [(left, right) for left, right in merges]


def _check_room(tokens: Iterable[str], vocabulary_size: int, byte_fallback: bool) -> None:
    """Refuse a vocabulary that has no room for the characters of the texts."""
    characters = sum(len(token) == 1 for token in tokens)
    if not characters:
        raise ValueError("Nothing to train a tokenizer on: the texts are empty.")
    reserved = len(_reserved(byte_fallback))
    if reserved + characters > vocabulary_size:
        bytes_too = f", {len(_BYTES)} bytes" if byte_fallback else ""
        raise ValueError(
            f"vocabulary_size is {vocabulary_size}, too small for {len(SPECIAL_TOKENS)} special tokens"
            f"{bytes_too} and the {characters} different characters of the texts: "
            f"at least {reserved + characters} are needed."
        )


def _count_words(backend: tokenizers.Tokenizer, texts: Iterable[str]) -> Counter[str]:
    normalise, split = backend.normalizer.normalize_str, backend.pre_tokenizer.pre_tokenize_str
    return Counter(word for text in texts for word, _ in split(normalise(text)))


def _count_seeds(
    backend: tokenizers.Tokenizer, merges: Sequence[tuple[str, str]], words: Counter[str]
) -> Counter[str]:
    """Count the pieces of a byte-pair encoding in words, also those that went into longer pieces."""
    segmenter = tokenizers.Tokenizer(backend.model)
    counts = count_pieces(segmenter, words)
    parts: dict[str, tuple[str, str]] = {}
    for left, right in merges:
        parts.setdefault(left + right, (left, right))
    for piece, (left, right) in reversed(parts.items()):
        counts[left] += counts[piece]
        counts[right] += counts[piece]
    kept = [
        token for token in backend.get_vocab(with_added_tokens=False) if token in parts or len(token) == 1
    ]
    return Counter({piece: counts[piece] for piece in sorted(kept)})
