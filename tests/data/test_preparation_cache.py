"""What the cache may and may not do to prepared data."""

import functools
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from text_files import DECOMPOSED, JOINT, TRAIN, WORDS, Rows, cached, decoded, labelled, preparation

from attendo.data.preparation import TokenizerTrainer
from attendo.data.sources import TableFiles
from attendo.tokenization import Tokenizer, train_word


def test_the_same_content_at_another_path_is_read_from_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    preparation(labelled(tmp_path / "a"), cache).train(JOINT)
    before = cached(cache)
    assert len(before) == 3  # texts, tokenizer, ids
    preparation(labelled(tmp_path / "b"), cache).train(JOINT)
    assert cached(cache) == before


def test_errors_name_the_file_as_it_is_now_not_as_it_was_when_it_was_cached(tmp_path: Path) -> None:
    test = [("good", "pos"), ("fine", "strange")]
    for name in ("old", "new"):
        with pytest.raises(ValueError, match=rf"/{name}/test\.tsv:2: label 'strange'"):
            preparation(labelled(tmp_path / name, test=test), tmp_path / "cache").train(JOINT)


def test_nothing_is_read_or_trained_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, trained = labelled(tmp_path), []

    def train_and_tell(texts: list[str]) -> Tokenizer:
        trained.append(len(list(texts)))
        return WORDS(["a"])

    prepared = preparation(source, tmp_path / "cache")
    prepared.train({"joint": functools.partial(train_and_tell)})
    whole = TableFiles.rows
    monkeypatch.setattr(TableFiles, "rows", lambda self, split: islice(whole(self, split), 1))
    prepared.train({"joint": functools.partial(train_and_tell)})
    assert trained == [len(TRAIN)]


def words(lowercase: bool, texts: Iterable[str]) -> Tokenizer:
    """A trainer with an argument before the texts."""
    return train_word(texts, lowercase=lowercase, minimum_count=1, maximum_size=None)


CHANGES: dict[str, tuple[Rows, dict[str, Any], TokenizerTrainer]] = {
    "a text": ([("Good Film", "pos"), *TRAIN[1:]], {}, WORDS),
    "a label": ([("good film", "neg"), *TRAIN[1:]], {}, WORDS),
    "the order": (TRAIN[::-1], {}, WORDS),
    "the normal form": ([(DECOMPOSED, "pos"), *TRAIN[1:]], {"unicode": "NFC"}, WORDS),
    "no normal form": ([(DECOMPOSED, "pos"), *TRAIN[1:]], {}, WORDS),
    "the longest": (TRAIN, {"maximum": 1}, WORDS),
    "what happens to long rows": ([("bad", "pos"), *TRAIN], {"maximum": 1, "too_long": "drop"}, WORDS),
    "the fold": (TRAIN, {"fold": (2, 1)}, WORDS),
    "the validation rows": (TRAIN, {"validation": 0.5}, WORDS),
    "the tokenizer": (
        TRAIN,
        {},
        functools.partial(WORDS.func, lowercase=True, minimum_count=1, maximum_size=5),
    ),
    "an argument in its place": (TRAIN, {}, functools.partial(words, True)),
    "another in its place": ([("Good Film", "pos"), *TRAIN[1:]], {}, functools.partial(words, False)),
    "the same but that": ([("Good Film", "pos"), *TRAIN[1:]], {}, functools.partial(words, True)),
}


@pytest.fixture(scope="module")
def used_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which every change has been built, and the state before the changes."""
    folder = tmp_path_factory.mktemp("used")
    for number, (rows, settings, trainer) in enumerate([(TRAIN, {}, WORDS), *CHANGES.values()]):
        preparation(labelled(folder / str(number), rows), folder / "cache", **settings).train(
            {"joint": trainer}
        )
    return folder / "cache"


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_else_is_cached_the_result_is_that_of_an_empty_cache(
    tmp_path: Path, used_cache: Path, change: str
) -> None:
    rows, settings, trainer = CHANGES[change]
    before = cached(used_cache)
    results = []
    for cache in (used_cache, tmp_path / "empty"):
        data = preparation(labelled(tmp_path / "files", rows), cache, **settings).train({"joint": trainer})
        of_splits = [
            (
                name,
                decoded(data, name),
                split.raw("text", np.arange(len(split))),
                split.labels.tolist(),
                split.too_long,
            )
            for name, split in data.splits.items()
        ]
        results.append((of_splits, data.labels, data.tokenizers["text"].vocabulary.tokens))
    assert results[0] == results[1]
    assert cached(used_cache) == before  # nothing was built twice
