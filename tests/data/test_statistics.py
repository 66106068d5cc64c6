"""The numbers of prepared data, against loops over the raw texts and against what was planted."""

import functools
import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from text_files import COLUMNS, Rows, labelled, parallel, preparation, table
from tokenizers import models, normalizers, pre_tokenizers

from attendo.data import PreparedData
from attendo.data import statistics as module
from attendo.data.sources import TableFiles
from attendo.data.statistics import (
    Statistics,
    contradictions,
    of_text,
    repetitions,
    statistics,
    token_oddness,
    unknown_words,
)
from attendo.tokenization import SPECIAL_TOKENS, Tokenizer, train_bpe, train_character, train_whitespace

SPACES = functools.partial(train_whitespace, lowercase=False, minimum_count=2, maximum_size=None)
FREQUENT = functools.partial(train_whitespace, lowercase=False, minimum_count=12, maximum_size=None)
LETTERS = functools.partial(train_character, lowercase=False, minimum_count=1, maximum_size=None)


def random_rows(seed: int, count: int) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    words = [f"w{n}" for n in range(400)] + ["ü", "日本", "Straße"]
    return [
        (" ".join(draw.choices(words, k=draw.randint(1, 30))), draw.choice(["a", "b", "b", "c"]))
        for _ in range(count)
    ]


def three_splits(folder: Path, train: Rows, validation: Rows, test: Rows) -> TableFiles:
    files = {"train": train, "validation": validation, "test": test}
    folder.mkdir(exist_ok=True)
    return TableFiles(COLUMNS, **{name: table(folder / f"{name}.tsv", rows) for name, rows in files.items()})


def measured(data: PreparedData) -> tuple[PreparedData, Statistics]:
    return data, statistics(data)


# ---------------------------------------------------------------------------------------- numbers of all rows
@pytest.fixture(scope="module")
def rows() -> dict[str, list[tuple[str, str]]]:
    sizes = {"train": 300, "validation": 9000, "test": 50}  # more than a chunk
    return {name: random_rows(seed, size) for seed, (name, size) in enumerate(sizes.items())}


@pytest.fixture(scope="module")
def found(
    rows: dict[str, list[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[PreparedData, Statistics]:
    folder = tmp_path_factory.mktemp("files")
    return measured(preparation(three_splits(folder, **rows), folder / "cache").train({"joint": FREQUENT}))


@pytest.fixture(scope="module")
def vocabulary(rows: dict[str, list[tuple[str, str]]]) -> set[str]:
    counts = Counter(word for text, _ in rows["train"] for word in text.split())
    return {word for word, count in counts.items() if count >= 12}


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_rows_and_classes_are_counted(found, rows, split) -> None:
    numbers = found[1].splits[split]
    assert numbers.rows == len(rows[split])
    assert numbers.class_counts is not None
    assert dict(zip(found[1].labels, numbers.class_counts.tolist(), strict=True)) == Counter(
        label for _, label in rows[split]
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_tokens_words_and_characters_are_those_of_each_row(found, rows, split) -> None:
    text = found[1].splits[split].texts["text"]
    assert text.tokens.tolist() == [len(line.split()) for line, _ in rows[split]]
    assert text.characters.tolist() == [len(line) for line, _ in rows[split]]
    # a Japanese word of two characters counts as two
    assert text.words.tolist() == [len(line.split()) + line.count("日本") for line, _ in rows[split]]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_unknown_tokens_are_counted_and_named(found, rows, vocabulary, split) -> None:
    data, numbers = found
    unknown = [[word for word in line.split() if word not in vocabulary] for line, _ in rows[split]]
    text = numbers.splits[split].texts["text"]
    assert text.unknown.tolist() == [len(words) for words in unknown]
    words, step = unknown_words(data.splits[split], "text", data.tokenizers["text"], text.unknown)
    assert step == 1
    assert words == Counter(word for row in unknown for word in row)
    assert len(words) > 20


def test_every_token_is_counted(found, rows, vocabulary) -> None:
    data, numbers = found
    text = numbers.splits["validation"].texts["text"]
    expected = Counter(
        word if word in vocabulary else "<unk>" for line, _ in rows["validation"] for word in line.split()
    )
    names = data.tokenizers["text"].vocabulary.tokens
    assert {names[i]: n for i, n in enumerate(text.counts.tolist()) if n} == expected


def test_oddness_is_the_mean_surprisal_in_standard_errors(found, rows, vocabulary) -> None:
    data, numbers = found
    counts = Counter(word for line, _ in rows["train"] for word in line.split() if word in vocabulary)
    total = sum(counts.values())
    bits = {word: -math.log2(count / total) for word, count in counts.items()}
    mean = sum(bits[word] * count / total for word, count in counts.items())
    deviation = math.sqrt(sum((bits[word] - mean) ** 2 * count / total for word, count in counts.items()))
    never = -math.log2(0.5 / total)
    expected = [
        sum(bits.get(word, never) - mean for word in words) / deviation / math.sqrt(len(words))
        for words in (line.split() for line, _ in rows["test"])
    ]
    scores = token_oddness(data.splits["test"], "text", numbers.splits["train"].texts["text"].counts)
    np.testing.assert_allclose(scores, expected, rtol=1e-9)


def test_looking_for_unknown_words_may_skip_rows_and_says_so(found, monkeypatch) -> None:
    data, numbers = found
    unknown = numbers.splits["validation"].texts["text"].unknown
    monkeypatch.setattr(module, "MOST_TOKENS", 1000)
    words, step = unknown_words(data.splits["validation"], "text", data.tokenizers["text"], unknown)
    assert step > 50
    assert 0 < sum(words.values()) < unknown.sum() / 20


# ------------------------------------------------------------------------------------------- what was planted
TRAIN = [
    ("a good film", "pos"), ("A  good FILM", "neg"), ("so bad", "neg"), ("so bad", "neg"), ("never", "neg"),
    ("well", "pos"), ("well made", "pos"),
]  # fmt: skip


def test_the_same_texts_are_found_whatever_their_case_and_spaces(tmp_path: Path) -> None:
    test = [("SO bad", "pos"), ("new", "pos"), ("new", "pos"), ("never", "neg"), ("good film", "pos")]
    data = preparation(labelled(tmp_path, TRAIN, test), tmp_path / "cache").train({"joint": SPACES})
    numbers = statistics(data).splits
    assert numbers["train"].repeated["text"].tolist() == [1, 3]
    assert numbers["train"].contradictory.tolist() == [0, 1]
    assert numbers["train"].in_training == {}
    assert numbers["test"].repeated["text"].tolist() == [2]
    assert numbers["test"].contradictory.tolist() == []
    assert numbers["test"].in_training["text"].tolist() == [0, 3]
    assert numbers["train"].copied.tolist() == []


def test_pairs_are_compared_by_either_side_and_as_a_whole(tmp_path: Path) -> None:
    sides = ["a b", "a b", "c", "A B", "d"], ["x", "y", "y", "X", "D"]
    data = preparation(parallel(tmp_path, *sides), tmp_path / "cache", validation=0.0).train(
        {"joint": LETTERS}
    )
    numbers = statistics(data).splits["train"]
    assert {what: rows.tolist() for what, rows in numbers.repeated.items()} == {
        "source": [1, 3], "target": [2, 3], "pair": [3],
    }  # fmt: skip
    assert numbers.copied.tolist() == [4]
    assert numbers.class_counts is None


def test_held_out_rows_are_compared_with_those_that_train(tmp_path: Path) -> None:
    rows = [(f"text {n // 2}", "a" if n % 2 else "b") for n in range(200)]
    data = preparation(labelled(tmp_path, rows), tmp_path / "cache", validation=0.2).train({"joint": LETTERS})
    numbers = statistics(data).splits["validation"]
    texts = {name: split.raw("text", np.arange(len(split))) for name, split in data.splits.items()}
    expected = [row for row, text in enumerate(texts["validation"]) if text in set(texts["train"])]
    assert numbers.in_training["text"].tolist() == expected
    assert 0 < len(expected) < 40


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=30))
def test_repetitions_and_contradictions_are_those_of_a_loop(rows: Sequence[tuple[int, int]]) -> None:
    prints, labels = np.array([p for p, _ in rows], np.int64), np.array([n for _, n in rows], np.int64)
    seen: set[int] = set()
    again = [place for place, (text, _) in enumerate(rows) if text in seen or seen.add(text)]  # type: ignore[func-returns-value]
    several = [
        place for place, (text, label) in enumerate(rows) if any(t == text and n != label for t, n in rows)
    ]
    assert repetitions(prints).tolist() == again
    assert contradictions(prints, labels).tolist() == several


def test_long_rows_are_counted_and_cut(tmp_path: Path) -> None:
    rows = [("a b c d e f", "x"), ("a b", "y"), ("a b c", "x"), ("a b c d", "y")]
    for too_long, kept in (("truncate", [3, 2, 3, 3]), ("drop", [2, 3])):
        files = labelled(tmp_path / too_long, rows)
        data = preparation(files, tmp_path / "cache", maximum=3, too_long=too_long).train({"joint": SPACES})
        numbers = statistics(data).splits["train"]
        assert numbers.too_long == 2
        assert numbers.texts["text"].tokens.tolist() == kept
    assert numbers.texts["text"].characters.tolist() == [3, 5]


def test_rows_without_a_token_are_told_from_rows_with_an_unknown_one(tmp_path: Path) -> None:
    def without_hyphens(texts: Iterable[str]) -> Tokenizer:
        names = [*SPECIAL_TOKENS, "good", "bad"]
        backend = tokenizers.Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, "<unk>"))
        backend.normalizer = normalizers.Replace("-", "")
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        return Tokenizer(backend)

    rows = [("good", "pos"), ("--", "pos"), ("other", "neg"), ("-", "neg"), ("bad other", "neg")]
    data = preparation(labelled(tmp_path, rows), tmp_path / "cache").train(
        {"joint": functools.partial(without_hyphens)}
    )
    text = statistics(data).splits["train"].texts["text"]
    assert text.without_tokens.tolist() == [1, 3]
    assert text.unknown.tolist() == [0, 1, 1, 1, 1]


# ----------------------------------------------------------------------------------------------- vocabularies
def test_tokens_that_training_never_has_are_named(tmp_path: Path) -> None:
    bpe = functools.partial(
        train_bpe, vocabulary_size=40, lowercase=False, minimum_count=2, byte_fallback=False
    )
    sides = ["lower lowest newer"] * 3, ["wider widest"] * 3
    source = parallel(tmp_path, *sides)
    data, numbers = measured(preparation(source, tmp_path / "cache").train({"joint": bpe}))
    (joint,) = numbers.vocabularies
    tokenizer = data.tokenizers["source"]
    used = {piece for text in (*sides[0], *sides[1]) for piece in tokenizer.pieces(text)}
    assert joint.roles == ("source", "target") and joint.size == len(tokenizer)
    assert set(joint.unseen) == set(tokenizer.vocabulary.tokens) - used - set(SPECIAL_TOKENS)
    assert joint.unseen

    data, numbers = measured(
        preparation(source, tmp_path / "cache").train({"source": bpe, "target": LETTERS})
    )
    assert [(one.roles, one.size) for one in numbers.vocabularies] == [
        (("source",), len(data.tokenizers["source"])),
        (("target",), len(data.tokenizers["target"])),
    ]


@given(st.text())
def test_words_are_what_split_gives_where_scripts_have_spaces(text: str) -> None:
    characters, words, _ = of_text(text)
    assert characters == len(text)
    has_unspaced = module.UNSPACED_CHARACTER.search(text)
    assert words >= len(text.split()) if has_unspaced else words == len(text.split())


@pytest.mark.parametrize(("text", "words"), [
    ("我爱你", 3), ("これは ペンです", 7), ("ich 爱 you", 3), ("mixed日本text", 4), ("ภาษา", 4), ("", 0),
])  # fmt: skip
def test_every_character_of_a_script_without_spaces_is_a_word(text: str, words: int) -> None:
    assert of_text(text)[1] == words
