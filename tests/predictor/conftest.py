"""Small trained runs to ask."""

from pathlib import Path

import pytest

from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, trained
from kinds_of_runs import multilabel_run, pair_run

ALL = ("trainer.limit_test_batches=null",)
OWN_VOCABULARIES = ("tokenizer@target_tokenizer=character", "model.tied_embeddings=decoder")
LEARNED = ("model.positions=learned", "model.max_positions=12", "data.max_length=11")


def run_of(folder: Path, *words: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return trained(*SMALL_DATA, *ALL, *words).folder.resolve()


@pytest.fixture(scope="session")
def classifier_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("classifier"), *SMALL_CLASSIFIER, "data.max_length=64")


@pytest.fixture(scope="session")
def labels_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of texts with any number of labels."""
    return multilabel_run(tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="session")
def pairs_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of pairs of texts."""
    return pair_run(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="session")
def translator_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("translator"), *SMALL_TRANSFORMER, *OWN_VOCABULARIES)


@pytest.fixture(scope="session")
def learned_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator with learned positions, of which there are twelve."""
    return run_of(tmp_path_factory.mktemp("learned"), *SMALL_TRANSFORMER, *LEARNED)
