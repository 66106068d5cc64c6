"""Tokenizers of words, characters and whitespace-separated tokens, trained from texts.

Train on the training split only. A vocabulary shared by source and target comes from both sides' texts
in one call; separate vocabularies from one call each.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from attendo.tokenization.detokenisation import WORD_PATTERN
from attendo.tokenization.tokenizer import Tokenizer
from attendo.tokenization.vocabulary import SPECIAL_TOKENS

_UNKNOWN = "<unk>"


def train_word(
    texts: Iterable[str], *, lowercase: bool, minimum_count: int, maximum_size: int | None
) -> Tokenizer:
    """Train a tokenizer of words, numbers and symbols that needs no language: German as well as Chinese.

    Where a script has no spaces (Chinese, Japanese, Thai, …) every character is a token. The
    detokeniser's promise: `encode(decode(encode(text))) == encode(text)` for words in the vocabulary.

    Args:
        texts: the training texts.
        lowercase: encode "The" as "the".
        minimum_count: how often a word must occur to be in the vocabulary.
        maximum_size: most tokens in the vocabulary, the four special ones included; the most frequent
            stay, equally frequent ones in the order of their code points. None: no limit.

    Raises:
        ValueError: if there is no word to train on or a number makes no sense.
    """
    backend = tokenizers.Tokenizer(models.WordLevel({}, unk_token=_UNKNOWN))
    if lowercase:
        backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(WORD_PATTERN), "removed", invert=True)
    return _train_words(backend, texts, minimum_count, maximum_size)


def train_whitespace(
    texts: Iterable[str],
    *,
    lowercase: bool,
    minimum_count: int,
    maximum_size: int | None,
    split: str = "",
) -> Tokenizer:
    """Train a tokenizer for texts that are tokenized already: tokens are what stands between whitespace.

    `decode(encode(text)) == text` for tokens in the vocabulary with one space between them. A text's
    own "<eos>" (or another special token) is the token "\\\\<eos>" of the vocabulary.

    Args:
        texts: the training texts.
        lowercase: encode "The" as "the".
        split: characters that are always tokens of their own, such as ",." so that in "call self.save," there
            are the names of the program. Decoded, they have spaces around them.
        minimum_count: how often a token must occur to be in the vocabulary.
        maximum_size: most tokens in the vocabulary, the four special ones included; the most frequent
            stay, equally frequent ones in the order of their code points. None: no limit.

    Raises:
        ValueError: if there is no token to train on, a number makes no sense, or a special token would be
            split.
    """
    if wrong := sorted(set(split) & set("".join(SPECIAL_TOKENS) + "\\")):
        raise ValueError(f"split is {split!r}; {''.join(wrong)} is needed to tell special tokens from text.")
    backend = tokenizers.Tokenizer(models.WordLevel({}, unk_token=_UNKNOWN))
    escapes = [normalizers.Replace(token, f"\\{token}") for token in SPECIAL_TOKENS]
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase()] * lowercase + escapes)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if split:
        own = pre_tokenizers.Split(Regex(f"[{re.escape(split)}]"), "isolated")
        backend.pre_tokenizer = pre_tokenizers.Sequence([backend.pre_tokenizer, own])
    unescapes = [decoders.Replace(f"\\{token}", token) for token in SPECIAL_TOKENS]
    # this decoder puts a space before tokens without the prefix, and no token begins with a space
    join = decoders.WordPiece(prefix=" ", cleanup=False)
    backend.decoder = decoders.Sequence([join, decoders.Fuse(), *unescapes])
    return _train_words(backend, texts, minimum_count, maximum_size)


def train_character(
    texts: Iterable[str], *, lowercase: bool, minimum_count: int, maximum_size: int | None
) -> Tokenizer:
    """Train a tokenizer of characters (Unicode code points), spaces included.

    `decode(encode(text)) == text` for characters in the vocabulary.

    Args:
        texts: the training texts.
        lowercase: encode "T" as "t".
        minimum_count: how often a character must occur to be in the vocabulary.
        maximum_size: most tokens in the vocabulary, the four special ones included; the most frequent
            stay, equally frequent ones in the order of their code points. None: no limit.

    Raises:
        ValueError: if there is no character to train on or a number makes no sense.
    """
    _check_limits(texts, minimum_count, maximum_size)
    normalizer = normalizers.Sequence([normalizers.Lowercase()] * lowercase)
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(normalizer.normalize_str(text))
    kept = sorted((c for c in counts if counts[c] >= minimum_count), key=lambda c: (-counts[c], c))
    _check_found(len(kept), minimum_count)
    tokens = [*SPECIAL_TOKENS, *kept][:maximum_size]
    ids = {token: index for index, token in enumerate(tokens)}
    backend = tokenizers.Tokenizer(models.BPE(ids, [], unk_token=_UNKNOWN))  # no merges: characters
    backend.normalizer = normalizer
    backend.decoder = decoders.Fuse()
    return Tokenizer(backend)


def _train_words(
    backend: tokenizers.Tokenizer, texts: Iterable[str], minimum_count: int, maximum_size: int | None
) -> Tokenizer:
    """Fill the vocabulary with the words that the backend splits texts into, the most frequent first."""
    _check_limits(texts, minimum_count, maximum_size)
    trainer = trainers.WordLevelTrainer(
        vocab_size=sys.maxsize if maximum_size is None else maximum_size,
        min_frequency=minimum_count,
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    _check_found(backend.get_vocab_size() - len(SPECIAL_TOKENS), minimum_count)
    return Tokenizer(without_added_tokens(backend))


def without_added_tokens(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Return the same tokenizer without the trainer's wish to find special tokens in the text."""
    bare = tokenizers.Tokenizer(backend.model)
    if backend.normalizer:
        bare.normalizer = backend.normalizer
    if backend.pre_tokenizer:
        bare.pre_tokenizer = backend.pre_tokenizer
    if backend.decoder:
        bare.decoder = backend.decoder
    return bare


def refuse_single_text(texts: Iterable[str]) -> None:
    """Refuse one text where many are meant: its characters would each be a text."""
    if isinstance(texts, str):
        raise ValueError(f"A tokenizer is trained on many texts, not on the single text {texts[:40]!r}.")


def _check_limits(texts: Iterable[str], minimum_count: int, maximum_size: int | None) -> None:
    refuse_single_text(texts)
    if minimum_count < 1:
        raise ValueError(f"minimum_count is {minimum_count}; it must be at least 1.")
    if maximum_size is not None and maximum_size <= len(SPECIAL_TOKENS):
        raise ValueError(
            f"maximum_size is {maximum_size}; the four special tokens leave no room: take 5 or more."
        )


def _check_found(size: int, minimum_count: int) -> None:
    if size < 1:
        raise ValueError(
            f"Nothing to train a tokenizer on: the texts are empty or nothing in them occurs "
            f"{minimum_count} times (minimum_count)."
        )
