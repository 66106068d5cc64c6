"""Which source word each target word belongs to, by attention."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attendo.metrics.words import is_spaceless
from attendo.tokenization import Tokenizer

Words = Sequence[Sequence[int]]  # places of the tokens of each word
Links = list[tuple[int, int]]  # (source word, target word), from 0

SPACES = ("▁", " ")  # of subword tokenizers, and of those whose tokens are characters


@dataclass(frozen=True)
class Origin:
    """Where a target word came from, by a copy mechanism.

    Attributes:
        word: the target word.
        generate: p_gen, the probability that it was generated rather than copied; the mean of its tokens.
        place: number of the source word that copying looked at most, from 0.
        source: that word.
        weight: how much of its attention that word got.
        is_unknown: whether the target vocabulary lacks that word, or a part of it.
    """

    word: str
    generate: float
    place: int
    source: str
    weight: float
    is_unknown: bool


def has_spaces(tokenizer: Tokenizer) -> bool:
    """Whether its tokens say where a word begins; if not, every token is a word."""
    return any(token.startswith(SPACES) for token in tokenizer.vocabulary.tokens)


def words_of(tokens: Sequence[str], with_spaces: bool) -> list[list[int]]:
    """Joins the pieces of words: a word is what stands between spaces, or a token where none has a space.

    A script without spaces is not joined: there, every piece is a word.

    Args:
        tokens: of a text, without EOS.
        with_spaces: whether tokens say where a word begins.
    """
    words: list[list[int]] = []
    for place, token in enumerate(tokens):
        begins = place == 0 or not with_spaces or token.startswith(SPACES)
        if begins or is_spaceless(tokens[place - 1][-1:]) or is_spaceless(token[:1]):
            words.append([place])
        else:
            words[-1].append(place)
    return words


def spelled(tokens: Sequence[str], words: Words) -> list[str]:
    """The words as text."""
    return ["".join(tokens[place] for place in word).strip("▁ ") for word in words]


def between_words(
    weights: Float[np.ndarray, "target source"], source: Words, target: Words
) -> Float[np.ndarray, "target_word source_word"]:
    """What each target word gives to each source word: the sum over its pieces, the mean over its own."""
    to_words = np.stack([weights[:, list(word)].sum(axis=1) for word in source], axis=1)
    return np.stack([to_words[list(word)].mean(axis=0) for word in target])


def alignment(weights: Float[np.ndarray, "target source"], source: Words, target: Words) -> Links:
    """The source word that each target word looks at most; EOS is none of the words, and does not count."""
    if not source or not target:
        return []
    best = between_words(weights, source, target).argmax(axis=1)
    return sorted((int(place), number) for number, place in enumerate(best))


def pharaoh(links: Links) -> str:
    """As most tools read alignments: ``0-0 1-2``."""
    return " ".join(f"{source}-{target}" for source, target in links)


def origins(
    copy: Float[np.ndarray, "target source"],
    generate: Float[np.ndarray, " target"],
    is_unknown: Sequence[bool],
    source: tuple[Words, Sequence[str]],
    target: tuple[Words, Sequence[str]],
) -> list[Origin]:
    """Where each target word came from.

    Args:
        copy: attention of the copy mechanism.
        generate: p_gen.
        is_unknown: of each source token, whether the target vocabulary lacks it.
        source, target: their words, as places and as text.
    """
    if not source[0] or not target[0]:
        return []
    found = []
    for places, word, row in zip(*target, between_words(copy, source[0], target[0]), strict=True):
        best = int(row.argmax())
        found.append(
            Origin(
                word=word,
                generate=float(generate[list(places)].mean()),
                place=best,
                source=source[1][best],
                weight=float(row[best]),
                is_unknown=any(is_unknown[place] for place in source[0][best]),
            )
        )
    return found
