"""What there is to know about prepared data before a model is trained on it.

One pass over the ids, one over the texts, and a few numbers per row in memory.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attendo.data.labels import label_groups, rows_per_label
from attendo.data.preparation import PreparedData, Split
from attendo.data.reading import SkippedRow
from attendo.data.tables import ROWS_PER_CHUNK, IdColumn, Rows
from attendo.tokenization import SPECIAL_TOKENS, UNK, Tokenizer

Counts = NDArray[np.int64]
Fingerprints = NDArray[np.int64]

# Thai and Lao, Burmese, Khmer, kana, and the ideographs of Chinese and Japanese
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
UNSPACED_CHARACTER = re.compile(rf"[{UNSPACED}]")
WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
MOST_TOKENS = 10_000_000  # about 15 s of looking for unknown words


@dataclass(frozen=True)
class TextStatistics:
    """One text of every row of a split: of pairs, one side.

    Attributes:
        tokens: of each row, cut at data.max_length, without BOS and EOS.
        unknown: tokens of each row that the vocabulary lacks.
        characters: of each row's raw text, never cut.
        words: the same: what stands between white space; where a script has none, every character.
        prints: 64-bit hashes of the raw texts, the same for texts that differ in case and white space only.
            They are Python's own, and differ from process to process. Two other texts among a million have
            the same with a probability of 3e-8.
        counts: how often the split has each token of the vocabulary.
        without_tokens: rows whose text gave no token (one unknown token stands for it).
    """

    tokens: Counts
    unknown: Counts
    characters: Counts
    words: Counts
    prints: Fingerprints
    counts: Counts
    without_tokens: Rows


@dataclass(frozen=True)
class SplitStatistics:
    """One split. Texts are the same if they differ in case and white space only.

    Attributes:
        texts: role → numbers of its texts.
        class_counts: rows of each class (multi-label: with each label); None for source and target.
        labels_per_row: how many labels each row has; None unless it may have several.
        prints: what → a hash of it in each row; each text by its role, and "pair" of two.
        repeated: what → rows where it is the same as in an earlier row.
        in_training: what → rows where it is the same as in a training row; empty for the training split.
        contradictory: rows whose text (or pair) has other labels elsewhere in the split.
        copied: rows of pairs whose sides are the same.
        too_long: rows that were cut or left out.
    """

    name: str
    rows: int
    too_long: int
    texts: Mapping[str, TextStatistics]
    class_counts: Counts | None
    labels_per_row: Counts | None
    prints: Mapping[str, Fingerprints]
    repeated: Mapping[str, Rows]
    in_training: Mapping[str, Rows]
    contradictory: Rows
    copied: Rows

    @property
    def example(self) -> str:
        """All texts of a row, as a key of ``prints``."""
        return "pair" if "pair" in self.prints else "text"

    @property
    def question(self) -> str:
        """What a model reads of a row to answer with the rest, as a key of ``prints``."""
        return "source" if "source" in self.prints else self.example


@dataclass(frozen=True)
class VocabularyStatistics:
    """One vocabulary.

    Attributes:
        roles: whose texts it is for.
        size: tokens, the four special ones included.
        unseen: tokens that never occur in the training split.
    """

    roles: tuple[str, ...]
    size: int
    unseen: tuple[str, ...]


@dataclass(frozen=True)
class Statistics:
    """Everything about prepared data; the training split comes first.

    Attributes:
        skipped: bad rows that are in no split.
    """

    splits: Mapping[str, SplitStatistics]
    vocabularies: tuple[VocabularyStatistics, ...]
    labels: tuple[str, ...]
    skipped: tuple[SkippedRow, ...]
    is_multilabel: bool = False


def statistics(data: PreparedData) -> Statistics:
    """The numbers of every split; a million short texts take a few seconds."""
    splits: dict[str, SplitStatistics] = {}
    for name, split in data.splits.items():
        splits[name] = split_statistics(split, data, splits.get("train"))
    numbers = vocabularies(data, splits["train"])
    return Statistics(splits, numbers, tuple(data.labels), tuple(data.skipped), data.is_multilabel)


def split_statistics(split: Split, data: PreparedData, train: SplitStatistics | None) -> SplitStatistics:
    """Args: train: None for the training split itself."""
    texts = {role: text_statistics(split, role, data.tokenizers[role]) for role in split.ids.columns}
    prints, nothing = fingerprints(texts), np.empty(0, np.int64)
    known = {} if train is None else {what: np.isin(prints[what], train.prints[what]) for what in prints}
    labels, two_texts = split.labels, len(texts) == 2
    example = prints["pair" if two_texts else "text"]
    return SplitStatistics(
        name=split.name,
        rows=len(split),
        too_long=split.too_long,
        texts=texts,
        class_counts=None if labels is None else rows_per_label(labels, len(data.labels)),
        labels_per_row=labels.sum(axis=1) if labels is not None and data.is_multilabel else None,
        prints=prints,
        repeated={what: repetitions(values) for what, values in prints.items()},
        in_training={what: np.flatnonzero(is_known) for what, is_known in known.items()},
        contradictory=nothing if labels is None else contradictions(example, label_groups(labels)),
        copied=np.flatnonzero(np.equal(*(prints[role] for role in texts))) if two_texts else nothing,
    )


# --------------------------------------------------------------------------------------------------- one text
def text_statistics(split: Split, role: str, tokenizer: Tokenizer) -> TextStatistics:
    """Numbers of one text of every row."""
    column = split.ids.columns[role]
    unknown, counts = np.zeros(len(column), np.int64), np.zeros(len(tokenizer), np.int64)
    for rows, ids, starts in blocks(column):
        unknown[rows] = np.add.reduceat(ids == UNK, starts, dtype=np.int64)
        counts += np.bincount(ids, minlength=len(tokenizer))
    of_texts = [
        np.array([of_text(text) for text in chunk]) for chunk in split.texts.stream(role, split.ids.rows)
    ]
    characters, words, prints = np.concatenate([np.empty((0, 3), np.int64), *of_texts]).T.copy()
    return TextStatistics(
        tokens=column.lengths.astype(np.int64),
        unknown=unknown,
        characters=characters,
        words=words,
        prints=prints,
        counts=counts,
        without_tokens=rows_without_tokens(split, role, tokenizer, unknown),
    )


def of_text(text: str) -> tuple[int, int, int]:
    """Characters, words, and a hash that upper case and the kind of white space do not change."""
    words = text.casefold().split()
    has_unspaced = not text.isascii() and UNSPACED_CHARACTER.search(text)
    count = len(WORD.findall(text)) if has_unspaced else len(words)
    return len(text), count, hash(" ".join(words))


def blocks(column: IdColumn) -> Iterator[tuple[slice, NDArray[np.unsignedinteger], Rows]]:
    """Some rows at a time: which, their ids one after the other, and where each row begins among them."""
    for start in range(0, len(column), ROWS_PER_CHUNK):
        offsets = column.offsets[start : start + ROWS_PER_CHUNK + 1]
        ids = column.values[offsets[0] : offsets[-1]]
        yield slice(start, start + len(offsets) - 1), ids, offsets[:-1] - offsets[0]


def tokens_per_word(text: TextStatistics, too_long: int) -> float | None:
    """Mean tokens of a word; of rows that may have been cut, the tokens are not all there."""
    whole = (
        text.tokens < text.tokens.max() if too_long and len(text.tokens) else np.ones_like(text.tokens, bool)
    )
    words = int(text.words[whole].sum())
    return float(text.tokens[whole].sum()) / words if words else None


def rows_without_tokens(split: Split, role: str, tokenizer: Tokenizer, unknown: Counts) -> Rows:
    """Rows whose text gave no token: they look as if it had given an unknown one."""
    suspects = np.flatnonzero((split.ids.columns[role].lengths == 1) & (unknown == 1))
    texts = split.texts.stream(role, split.ids.rows[suspects])
    are_empty = [not ids for chunk in texts for ids in tokenizer.encode_batch(chunk)]
    found: Rows = suspects[np.array(are_empty, bool)]
    return found


# ------------------------------------------------------------------------------------------------- same texts
def fingerprints(texts: Mapping[str, TextStatistics]) -> dict[str, Fingerprints]:
    """What → a hash of it in each row; of two texts also "pair", of both."""
    prints = {role: text.prints for role, text in texts.items()}
    if len(prints) == 2:
        both = zip(*(side.tolist() for side in prints.values()), strict=True)
        prints["pair"] = np.fromiter(map(hash, both), np.int64)
    return prints


def repetitions(prints: Fingerprints) -> Rows:
    """Rows that are the same as an earlier one."""
    is_first = np.zeros(len(prints), bool)
    is_first[np.unique(prints, return_index=True)[1]] = True
    return np.flatnonzero(~is_first)


def contradictions(prints: Fingerprints, labels: Counts) -> Rows:
    """Rows whose text occurs with several labels."""
    _, first, text = np.unique(prints, return_index=True, return_inverse=True)
    has_several = np.zeros(len(first), bool)
    has_several[text[labels != labels[first][text]]] = True
    return np.flatnonzero(has_several[text])


# ----------------------------------------------------------------------------------------------- vocabularies
def vocabularies(data: PreparedData, train: SplitStatistics) -> tuple[VocabularyStatistics, ...]:
    """The vocabularies; a joint one is one, and its tokens occur on either side."""
    found = []
    for tokenizer in dict.fromkeys(data.tokenizers.values()):
        roles = tuple(role for role, other in data.tokenizers.items() if other == tokenizer)
        counts = sum(train.texts[role].counts for role in roles)
        unseen = np.flatnonzero(np.equal(counts, 0))
        names = [tokenizer.vocabulary.token(i) for i in unseen.tolist() if i >= len(SPECIAL_TOKENS)]
        found.append(VocabularyStatistics(roles, len(tokenizer), tuple(names)))
    return tuple(found)


def unknown_words(split: Split, role: str, tokenizer: Tokenizer, unknown: Counts) -> tuple[Counter[str], int]:
    """What the unknown tokens of a split stand for, as often as it does; and n, for "in every n-th row".

    Args:
        unknown: how many each row has.
    """
    lengths = split.ids.columns[role].lengths
    rows = np.flatnonzero(unknown)
    step = max(1, -(-int(lengths[rows].sum()) // MOST_TOKENS))
    rows = rows[::step]
    words: Counter[str] = Counter()
    for start in range(0, len(rows), ROWS_PER_CHUNK):
        here = rows[start : start + ROWS_PER_CHUNK]
        for row, text in zip(here.tolist(), split.raw(role, here), strict=True):
            begin, end = split.ids.columns[role].offsets[row : row + 2]
            ids = split.ids.columns[role].values[begin:end].tolist()
            # a text that was cut has more pieces than ids, and one without tokens fewer
            pieces = zip(ids, tokenizer.pieces(text), strict=False)
            words.update(piece for index, piece in pieces if index == UNK)
    return words, step


def token_oddness(split: Split, role: str, counts: Counts) -> NDArray[np.float64]:
    """How odd each row's tokens are: Σ (bits − mean) / (standard deviation · √tokens).

    A token's bits are −log₂ of its share of the training tokens; an unknown token counts as never seen, and
    what was never seen as seen half a time. Mean and deviation are those of the training tokens, so that
    texts like them have about 0 ± 1, whatever their length.

    Args:
        counts: of the training split.
    """
    seen = counts.astype(np.float64)
    seen[UNK] = 0
    shares = np.maximum(seen, 0.5) / max(1.0, seen.sum())
    bits = -np.log2(shares)
    weights = seen / max(1.0, seen.sum())
    mean = float(bits @ weights)
    deviation = max(1e-9, float((bits - mean) ** 2 @ weights) ** 0.5)
    column = split.ids.columns[role]
    odd = np.zeros(len(column))
    for rows, ids, starts in blocks(column):
        odd[rows] = np.add.reduceat((bits - mean)[ids], starts) / deviation
    scores: NDArray[np.float64] = odd / np.sqrt(column.lengths)
    return scores
