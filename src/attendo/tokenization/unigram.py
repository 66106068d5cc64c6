"""The unigram language model over pieces of words (Kudo 2018)."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import tokenizers
from tokenizers import models

_ROUNDS_PER_PRUNING = 2
_KEPT_PER_PRUNING = 0.75
_WORDS_AT_ONCE = 10_000
_DECIMALS = 6  # the library writes more into its JSON but reads them back inexactly
_UNSEEN_COUNT = 0.5  # a character that no word needs as a piece of its own keeps a finite score


def fit_unigram(words: Mapping[str, int], seeds: Mapping[str, int], size: int) -> dict[str, float]:
    """Return the pieces of a unigram model with their log probabilities, the most probable first.

    Expectation maximisation and pruning in turn (Kudo 2018, §3.2): log p(x) = log(count(x) / Σ count),
    then of the pieces longer than one character those go whose absence lowers the words' likelihood
    least, estimated from the likeliest other split of each piece by itself.
    Two departures from Kudo. Counts are those of the likeliest segmentation, not expected ones:
    integers have the same sum in any order, so the same texts give the same model in every process.
    And a character that is never a piece counts as half a one.

    Args:
        words: how often each word occurs.
        seeds: the pieces to begin with, all characters of the words included, and how often they occur.
        size: most pieces in the model; characters stay even where they are more.
    """
    scores = _log_probabilities(Counter(seeds))
    while True:
        for _ in range(_ROUNDS_PER_PRUNING):
            counts = count_pieces(_segmenter(scores), words)
            scores = _log_probabilities(Counter({piece: counts[piece] for piece in scores}))
        if len(scores) <= size or all(len(piece) == 1 for piece in scores):
            return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
        scores = _prune(scores, counts, max(size, int(_KEPT_PER_PRUNING * len(scores))))


def count_pieces(backend: tokenizers.Tokenizer, words: Mapping[str, int]) -> Counter[str]:
    """Count the tokens that a backend splits words into, each word as often as it occurs."""
    counts: Counter[int] = Counter()
    for batch in _batches(list(words)):
        encodings = backend.encode_batch_fast(batch, add_special_tokens=False)
        for word, encoding in zip(batch, encodings, strict=True):
            for index in encoding.ids:
                counts[index] += words[word]
    return Counter({str(backend.id_to_token(index)): count for index, count in counts.items()})


def _batches(words: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(words), _WORDS_AT_ONCE):
        yield words[start : start + _WORDS_AT_ONCE]


def _segmenter(scores: Mapping[str, float]) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer(models.Unigram(list(scores.items()), None, False))


def _log_probabilities(counts: Counter[str]) -> dict[str, float]:
    total = math.fsum(max(count, _UNSEEN_COUNT) for count in counts.values())
    logs = {piece: math.log(max(count, _UNSEEN_COUNT) / total) for piece, count in counts.items()}
    return {piece: round(log, _DECIMALS) for piece, log in logs.items()}


def _prune(scores: Mapping[str, float], counts: Counter[str], size: int) -> dict[str, float]:
    """Keep all characters and, up to the size, the pieces without which the words lose most likelihood."""
    losses = {
        piece: counts[piece] * (score - _best_split(piece, scores))
        for piece, score in scores.items()
        if len(piece) > 1
    }
    room = max(0, size - (len(scores) - len(losses)))
    lost = set(sorted(losses, key=lambda piece: (-losses[piece], piece))[room:])
    return {piece: score for piece, score in scores.items() if piece not in lost}


def _best_split(piece: str, scores: Mapping[str, float]) -> float:
    """Return the log probability of the likeliest way to write a piece with two or more others."""
    best = [0.0]  # for every end, of the characters before it
    for end in range(1, len(piece) + 1):
        starts = range(1 if end == len(piece) else 0, end)
        best.append(max(best[start] + scores.get(piece[start:end], -math.inf) for start in starts))
    return best[-1]
