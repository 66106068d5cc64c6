"""Word vectors in every form that is around, and what is wrong in a file, by line."""

import bz2
import gzip
import logging
import lzma
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from attendo.data import word_vectors
from attendo.data.word_vectors import coverage_lines, read_word_vectors, start_embedding
from attendo.tokenization import PAD, SPECIAL_TOKENS

TABLE = {"the": [0.1, -2.0, 3e-4], "film": [1.0, 2.0, 3.0], "Café": [4.0, 5.0, 6.0], "€": [7.0, 8.0, 9.0]}
WORDS = [*SPECIAL_TOKENS, "film", "nowhere", "€", "the"]


def lines(table: dict[str, list[float]], end: str = "\n") -> str:
    return "".join(f"{word} {' '.join(map(str, numbers))}{end}" for word, numbers in table.items())


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def zipped(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/glove.txt", data)


WRITERS = {
    ".txt": lambda path, data: path.write_bytes(data),
    ".vec": lambda path, data: path.write_bytes(data),
    ".gz": lambda path, data: path.write_bytes(gzip.compress(data)),
    ".XZ": lambda path, data: path.write_bytes(lzma.compress(data)),
    ".bz2": lambda path, data: path.write_bytes(bz2.compress(data)),
    ".zip": zipped,
}
FORMS = {
    "GloVe": lines(TABLE),
    "word2vec, which ends lines with a space": "4 3\n" + lines(TABLE, " \n"),
    "Windows": lines(TABLE, "\r\n"),
    "byte order mark, blank end": "\ufeff" + lines(TABLE) + "\n\n",
    "no end of line": lines(TABLE).rstrip("\n"),
}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_and_compression_gives_the_same_vectors(folder, form, suffix, caplog):
    path = folder / f"vectors{suffix}"
    WRITERS[suffix](path, FORMS[form].encode())
    vectors = read_word_vectors(path, WORDS, 3)
    expected = np.array([TABLE.get(word, [0.0] * 3) for word in WORDS], np.float32)
    np.testing.assert_array_equal(vectors.matrix, expected)
    assert vectors.found.tolist() == vectors.exact.tolist() == [word in TABLE for word in WORDS]
    assert (vectors.entries, vectors.dimension) == (4, 3) and not caplog.records


def test_words_that_contain_spaces_are_split_from_the_right(folder):
    table = {"the": [1.0, 2.0], ". . .": [3.0, 4.0], "at name@domain.com": [5.0, 6.0], "a\u00a0b": [7.0, 8.0]}
    table |= {"\u0085": [9.0, 1.0], "7": [2.0, 3.0]}
    vectors = read_word_vectors(write(folder / "glove.txt", lines(table)), list(table))
    np.testing.assert_array_equal(vectors.matrix, np.array(list(table.values()), np.float32))


def test_the_spelling_wins_then_the_lower_case_then_the_first_that_is_alike(folder):
    entries = [
        ("FILM", 1),
        ("Film", 2),
        ("film", 3),
        ("film", 4),
        ("Paris", 5),
        ("PARIS", 6),
        ("U\u0308ber", 7),
    ]
    text = "".join(f"{word} {number} 0\n" for word, number in entries)
    wanted = {"Film": 2, "film": 3, "fILM": 3, "paris": 5, "PARIS": 6, "\u00fcber": 7, "\u00dcBER": 7, "x": 0}
    vectors = read_word_vectors(write(folder / "v.txt", text), list(wanted))
    assert vectors.matrix[:, 0].tolist() == list(wanted.values())
    assert vectors.exact.tolist() == [True, True, False, False, True, False, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2 3\nb 1 2\n", r"v\.txt:2: expected 3 numbers after the word, found 2"),
        ("a 1 2 3\n\nfilm 1 x 3\n", r"v\.txt:3: expected a number that fits 32 bits, found 'x'"),
        ("a 1 2 3\nfilm 1 nan 3\n", r"v\.txt:2: .*found 'nan'"),
        ("film 1 -inf 3\n", r"v\.txt:1: .*found '-inf'"),
        ("film 1 1e39 3\n", r"v\.txt:1: .*found '1e39'"),
        ("film 1  3\n", r"v\.txt:1: .*found ''"),
        (
            "film 1 2\n",
            r"v\.txt:1: these vectors have 2 numbers, the model's have 3: set model\.embedding_size=2",
        ),
        ("5 300\nfilm 1 2 3\n", r"v\.txt:1: these vectors have 300 numbers"),
        ("film\n", r"v\.txt:1: expected a word and its numbers"),
        ("", r"v\.txt: the file is empty"),
        ("\n \n", r"v\.txt: the file is empty"),
        ("le 1 2 3\nfilms 1 2 3\n", r"v\.txt: has none of the 8 words of the vocabulary \('film', 'nowhere'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(folder, text, message):
    with pytest.raises(ValueError, match=message):
        read_word_vectors(write(folder / "v.txt", text), WORDS, 3)


def test_a_wrong_dimension_is_refused_before_the_second_line(folder, monkeypatch):
    path = folder / "v.txt"
    path.write_bytes(b"film 1 2\n" + b"\xff" * 100)
    with pytest.raises(ValueError, match="these vectors have 2 numbers"):
        read_word_vectors(path, WORDS, 3)


def test_binary_models_and_other_encodings_are_named(folder):
    vectors = np.random.default_rng(1).normal(size=(50, 20)).astype("<f4")
    word2vec = b"50 20\n" + b"".join(b"word%d " % n + row.tobytes() for n, row in enumerate(vectors))
    fasttext = struct.pack("<ii", 793712314, 12) + vectors.tobytes()
    for data, message in [
        (word2vec, "binary file, perhaps word2vec's"),
        (fasttext, r"model of fastText \(.bin\).*take the .vec"),
        (b"the 1 2 3\ncaf\xe9 1 2 3\n", r"v:2: the word is no UTF-8 \(byte 0xe9\)"),
    ]:
        for suffix in ("", ".gz"):
            path = folder / f"v{suffix}"
            path.write_bytes(gzip.compress(data) if suffix else data)
            with pytest.raises(ValueError, match=message.replace("v:2", rf"v{suffix}:2")):
                read_word_vectors(path, WORDS)


@pytest.mark.parametrize("suffix", [".gz", ".XZ", ".bz2", ".zip"])
def test_a_damaged_or_cut_compressed_file_is_refused(folder, suffix):
    path = folder / f"v{suffix}"
    words = {f"word{number}": [number * 0.1, 1.0] for number in range(5000)}
    WRITERS[suffix](path, lines(words).encode())
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"no such format", b""):
        path.write_bytes(data)
        with pytest.raises(
            ValueError, match=rf"v\{suffix}:?\d*: (the file is damaged or ends early|the file is empty)"
        ):
            read_word_vectors(path, ["word1"])


def test_an_archive_of_several_files_is_refused_by_their_names(folder):
    with zipfile.ZipFile(folder / "glove.zip", "w") as archive:
        for size in (50, 100):
            archive.writestr(f"glove.{size}d.txt", "the 1 2\n")
    with pytest.raises(ValueError, match=r"holds 2 files \(glove.50d.txt, glove.100d.txt\); expected one"):
        read_word_vectors(folder / "glove.zip", WORDS)


def test_a_missing_file_has_the_nearest_name(folder):
    write(folder / "glove.txt", "the 1\n")
    with pytest.raises(FileNotFoundError, match=r'Did you mean "glove.txt"'):
        read_word_vectors(folder / "glvoe.txt", WORDS)


def test_a_header_that_speaks_of_more_words_is_doubted(folder, caplog):
    read_word_vectors(write(folder / "v.vec", "10 3\n" + lines(TABLE)), WORDS)
    assert "speaks of 10 words, but 4 follow" in caplog.text


def test_reading_takes_the_memory_of_the_vocabulary_and_tells_how_far_it_is(folder, caplog, monkeypatch):
    monkeypatch.setattr(word_vectors, "SECONDS_BETWEEN_LINES", 0.0)
    path = folder / "v.gz"
    row = " ".join(["0.123456"] * 50)
    path.write_bytes(gzip.compress("".join(f"word{number} {row}\n" for number in range(10_000)).encode()))
    tracemalloc.start()
    with caplog.at_level(logging.INFO):
        read_word_vectors(path, ["word7", "word9999"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000, "the file's vectors would take 2 MB, its text 4.5"
    assert "v.gz: read 10,000 words, found 2 of 2" in caplog.text


def test_coverage_counts_words_and_occurrences_and_names_the_worst_misses(folder):
    words = [*SPECIAL_TOKENS, "film", "rare", "Nowhere", "The"]
    vectors = read_word_vectors(write(folder / "v.txt", lines(TABLE)), words)
    counts = np.array([0, 10, 0, 0, 50, 1, 29, 10])
    said = coverage_lines(vectors, words, counts)
    assert (
        "2 of the vocabulary's 4 words (50.0%; 1 as spelled), which are 60.0% of 100 training tokens"
        in said[0]
    )
    assert said[1] == "most frequent without: Nowhere 29, rare 1"
    assert len(coverage_lines(vectors, words, counts * 0)) == 2


def test_an_embedding_starts_from_the_vectors_and_from_noise_of_their_size(folder):
    generator = np.random.default_rng(1)
    table = {f"w{number}": list(generator.normal(0, 0.4, 30)) for number in range(400)}
    words = [*SPECIAL_TOKENS, *table, *(f"new{number}" for number in range(400))]
    vectors = read_word_vectors(write(folder / "v.txt", lines(table)), words)
    embedding = nn.Embedding(len(words), 30, padding_idx=PAD)
    torch.manual_seed(5)
    start_embedding(embedding.weight, vectors)
    weight = embedding.weight.detach().clone()
    np.testing.assert_array_equal(weight[4:404].numpy(), np.array(list(table.values()), np.float32))
    assert not weight[PAD].any() and embedding.weight.requires_grad
    assert float(weight[404:].std()) == pytest.approx(0.4, rel=0.05)
    assert float(weight[404:].mean()) == pytest.approx(0.0, abs=0.02)
    assert weight[1:4].any(dim=1).all()
    again = nn.Embedding(len(words), 30).double()
    torch.manual_seed(5)
    start_embedding(again.weight, vectors)
    torch.testing.assert_close(again.weight.detach().float(), weight)
