"""Word vectors made by other programs: GloVe's text, word2vec's text and fastText's .vec files."""

import logging
import time
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from attendo.data.sources.text_lines import check_file
from attendo.data.vector_lines import vector_lines
from attendo.tokenization import PAD, SPECIAL_TOKENS

log = logging.getLogger(__name__)

LARGEST = float(np.finfo(np.float32).max)
SECONDS_BETWEEN_LINES = 10.0
EXACT, FOLDED, ALIKE, MISSING = range(4)  # how well a file's word suits one of the vocabulary; less is better


@dataclass(frozen=True, eq=False)
class WordVectors:
    """What a file says of a vocabulary.

    Attributes:
        matrix: a vector for every word of the vocabulary; zero where there is none.
        found: which have one.
        exact: which were found as they are spelled; others were in another case or normal form.
        entries: words in the file.
    """

    matrix: Float32[np.ndarray, "row feature"]
    found: Bool[np.ndarray, " row"]
    exact: Bool[np.ndarray, " row"]
    entries: int

    @property
    def dimension(self) -> int:
        return int(self.matrix.shape[1])


def read_word_vectors(path: str | Path, words: Sequence[str], dimension: int | None = None) -> WordVectors:
    """Read the vectors of some words, line by line: memory is that of their vectors.

    A word is looked for as it is spelled, then as its composed (NFC) lower case, then as any spelling with
    the same lower case; of several alike the first in the file counts. A first line of two whole numbers is
    word2vec's header. A word of the file may contain spaces: the last numbers of a line are its vector.

    Args:
        path: UTF-8 text, plain or compressed (.gz, .xz, .bz2, or .zip with one file in it).
        words: the vocabulary, by rows.
        dimension: numbers per word that the model expects; None for what the file has.

    Raises:
        ValueError: the file is binary, empty, damaged or not UTF-8, a line of it is wrong (the message says
            which), vectors have another dimension, or none of the words is in it.
        FileNotFoundError: there is no such file.
    """
    path = Path(path).expanduser()
    check_file(path)
    lines = vector_lines(path)
    first_number, first = next(lines, (0, b""))
    size, entries = _size(path, first_number, first, dimension)
    search = _Search(path, words, size)
    if entries is None:  # no header
        search.look(first_number, first)
    for number, line in lines:
        search.look(number, line)
    if entries is not None and entries != search.entries:
        counts = f"{entries:,} words, but {search.entries:,} follow"
        log.warning("%s:%d speaks of %s: did its download end early?", path, first_number, counts)
    return search.result()


def check_word_vectors(path: str | Path, dimension: int) -> None:
    """Look at a file's first line.

    Args:
        dimension: numbers per word that the model expects.

    Raises:
        ValueError, FileNotFoundError: as far as that line shows what `read_word_vectors` would refuse.
    """
    path = Path(path).expanduser()
    check_file(path)
    _size(path, *next(vector_lines(path), (0, b"")), dimension)


def _size(path: Path, number: int, first: bytes, dimension: int | None) -> tuple[int, int | None]:
    """Numbers per word, and the words that a header speaks of, if the first line is one."""
    if not first:
        raise ValueError(f"{path}: the file is empty; expected a word and its numbers on every line")
    if b"\t" in first:
        raise ValueError(f"{path}:{number}: there are tabs; expected spaces between the word and its numbers")
    fields = first.split(b" ")
    has_header = len(fields) == 2 and all(field.isdigit() for field in fields)
    size = int(fields[1]) if has_header else len(fields) - 1
    where = f"{path}:{number}"
    if size < 1:
        raise ValueError(
            f"{where}: expected a word and its numbers, with spaces between them, found {_shown(first)}"
        )
    if dimension is not None and size != dimension:
        raise ValueError(
            f"{where}: these vectors have {size} numbers, the model's have {dimension}: "
            f"set model.embedding_size={size}, or take a file of {dimension}"
        )
    return size, int(fields[0]) if has_header else None


def _is_number(text: bytes) -> bool:
    """Whether it is one that fits 32 bits."""
    try:
        return abs(float(text)) <= LARGEST
    except ValueError:
        return False


class _Search:
    """The vectors found so far."""

    def __init__(self, path: Path, words: Sequence[str], dimension: int) -> None:
        self.path, self.words, self.dimension = path, words, dimension
        self.rows: dict[str, list[int]] = defaultdict(list)
        for row, word in enumerate(words):
            self.rows[folded(word)].append(row)
        self.matrix = np.zeros((len(words), dimension), np.float32)
        self.quality = np.full(len(words), MISSING)
        self.entries = 0
        self.last_line = time.monotonic()

    def look(self, number: int, line: bytes) -> None:
        """Keep the line's vector if a word of the vocabulary has no better one yet."""
        spaces = line.count(b" ")
        if spaces < self.dimension:
            raise ValueError(
                f"{self.path}:{number}: expected {self.dimension} numbers after the word, found {spaces}"
            )
        self.entries += 1
        is_plain = spaces == self.dimension
        if not is_plain and all(map(_is_number, line.split(b" ")[1:])):
            raise ValueError(
                f"{self.path}:{number}: expected {self.dimension} numbers after the word, found {spaces}"
            )
        encoded = line[: line.index(b" ")] if is_plain else line.rsplit(b" ", self.dimension)[0]
        try:
            word = encoded.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self.path}:{number}: the word is no UTF-8 (byte {encoded[error.start]:#04x}); "
                "expected UTF-8 text (iconv or recode can convert other encodings)"
            ) from None
        small = folded(word)
        rows = self.rows.get(small)
        if rows:
            self.keep(number, line[len(encoded) + 1 :], rows, word, small)
        if self.entries % 1000 == 0:
            self.tell()

    def keep(self, number: int, numbers: bytes, rows: list[int], word: str, small: str) -> None:
        as_folded = FOLDED if word == small else ALIKE
        quality = {row: EXACT if self.words[row] == word else as_folded for row in rows}
        better = [row for row in rows if quality[row] < self.quality[row]]
        if better:
            self.matrix[better] = self.vector(number, numbers)
            self.quality[better] = [quality[row] for row in better]

    def vector(self, number: int, numbers: bytes) -> Float[np.ndarray, " feature"]:
        for text in numbers.split(b" "):
            if not _is_number(text):
                raise ValueError(
                    f"{self.path}:{number}: expected a number that fits 32 bits, found {_shown(text)}"
                )
        return np.array(numbers.split(b" "), dtype=np.float64)

    def tell(self) -> None:
        if time.monotonic() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            found = int((self.quality < MISSING).sum())
            log.info(
                "%s: read %s words, found %s of %s",
                self.path.name,
                f"{self.entries:,}",
                f"{found:,}",
                f"{len(self.words):,}",
            )

    def result(self) -> WordVectors:
        found = self.quality < MISSING
        if not found.any():
            sample = ", ".join(repr(word) for word in self.words[len(SPECIAL_TOKENS) :][:5])
            raise ValueError(
                f"{self.path}: has none of the {len(self.words):,} words of the vocabulary ({sample}, …); "
                "expected vectors of the same language, and a tokenizer of whole words"
            )
        return WordVectors(self.matrix, found, self.quality == EXACT, self.entries)


def coverage_lines(
    vectors: WordVectors, words: Sequence[str], occurrences: Int[np.ndarray, " row"], misses: int = 10
) -> list[str]:
    """Say what share of the vocabulary and of the training texts has vectors, and what is missed most.

    Args:
        vectors: of the vocabulary.
        words: the vocabulary; the special tokens are not counted as words of it.
        occurrences: of each in the training texts. Of the unknown word too, which is one of the misses.
        misses: how many of them to name.
    """
    is_word = np.array([word not in SPECIAL_TOKENS for word in words])
    of_words, covered = int(is_word.sum()), int((vectors.found & is_word).sum())
    total, seen = int(occurrences.sum()), int(occurrences[vectors.found].sum())
    as_spelled = int((vectors.exact & is_word).sum())
    lines = [
        f"word vectors for {covered:,} of the vocabulary's {of_words:,} words "
        f"({covered / max(of_words, 1):.1%}; {as_spelled:,} as spelled), "
        f"which are {seen / max(total, 1):.1%} of {total:,} training tokens"
    ]
    missed = np.flatnonzero(~vectors.found & is_word)
    most = missed[np.argsort(-occurrences[missed], kind="stable")][:misses]
    if len(most):
        lines.append(
            "most frequent without: " + ", ".join(f"{words[row]} {occurrences[row]:,}" for row in most)
        )
    return lines


@torch.no_grad()
def start_embedding(weight: Float[Tensor, "row feature"], vectors: WordVectors) -> None:
    """Set an embedding's weight, in place.

    Words without a vector are drawn from N(0, σ²) with the σ of all the vectors' numbers, by the global
    generator of the CPU; padding stays zero.
    """
    assert weight.shape == vectors.matrix.shape, f"{weight.shape} for vectors of {vectors.matrix.shape}"
    found = torch.from_numpy(vectors.found)
    matrix = torch.from_numpy(vectors.matrix)
    drawn = torch.randn(matrix.shape) * matrix[found].std(correction=0)
    start = torch.where(found[:, None], matrix, drawn)
    start[PAD] = 0.0
    weight.copy_(start)


def folded(word: str) -> str:
    """The spelling that words which differ in case or normal form share."""
    return word.lower() if word.isascii() else unicodedata.normalize("NFC", word).lower()


def _shown(text: bytes) -> str:
    return repr(text[:40].decode(errors="replace"))
