"""The recipes on real corpora, shortened: they learn, and read every row. Needs ATTENDO_DATA_DIR."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real_data, pytest.mark.slow]


def train(folder: Path, *overrides: str) -> dict[str, float]:
    words = [sys.executable, "-m", "attendo", "train", *overrides]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (metrics,) = folder.glob("outputs/*/*/metrics.json")
    scores: dict[str, float] = json.loads(metrics.read_text(encoding="utf-8"))["test"]
    return scores


def test_sst2_is_learned_from_scratch(tmp_path) -> None:
    assert train(tmp_path, "experiment=sst2", "trainer.max_epochs=6")["test/accuracy"] > 0.75
    (predictions,) = tmp_path.glob("outputs/*/*/predictions/test.jsonl")
    assert len(predictions.read_text(encoding="utf-8").splitlines()) == 1821


def test_imdb_is_read_from_gzip_and_learned(tmp_path) -> None:
    scores = train(tmp_path, "experiment=imdb", "trainer.max_epochs=1", "data.max_length=100")
    assert scores["test/accuracy"] > 0.7


def test_multi30k_begins_to_translate(tmp_path) -> None:
    scores = train(tmp_path, "experiment=multi30k", "trainer.max_epochs=2", "trainer.precision=bf16-mixed")
    assert scores["test/bleu"] > 10


def test_movie_reviews_divide_into_ten_folds(tmp_path, corpora) -> None:
    train(
        tmp_path,
        "data=labelled_texts",
        f"data.train={corpora}/mr/all.tsv",
        "data.folds=10",
        "data.fold=3",
        "debug=fast",
        "trainer.limit_test_batches=1.0",
    )
    (predictions,) = tmp_path.glob("outputs/*/*/predictions/test.jsonl")
    assert len(predictions.read_text(encoding="utf-8").splitlines()) in (1066, 1067)


def test_glove_vectors_cover_most_of_sst2_and_help_from_the_first_epoch(tmp_path) -> None:
    scores = train(tmp_path, "experiment=sst2_glove", "trainer.max_epochs=2")
    assert scores["test/accuracy"] > 0.75
    (log,) = tmp_path.glob("outputs/*/*/train.log")
    assert "word vectors for 6,425 of the vocabulary's 7,138 words" in log.read_text(encoding="utf-8")


def test_r8_is_learned(tmp_path) -> None:
    scores = train(tmp_path, "experiment=r8", "model/encoder=bag", "trainer.max_epochs=4")
    assert scores["test/accuracy"] > 0.9
