"""What all tests share: one thread, real corpora where they are, advice of Lightning not meant for tests."""

import os
from pathlib import Path

import pytest
import torch

from attendo.data.preparation import PreparedData
from small_runs import prepared_pairs, prepared_tagged, prepared_texts

NOISE = (
    "html5lib's sanitizer is deprecated",  # TensorBoard's own use of it
    "`isinstance\\(treespec, LeafSpec\\)` is deprecated",  # Lightning's own use of torch
)


def pytest_configure(config: pytest.Config) -> None:
    for message in NOISE:
        config.addinivalue_line("filterwarnings", f"ignore:{message}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("real_data") and not os.environ.get("ATTENDO_DATA_DIR"):
        pytest.skip("ATTENDO_DATA_DIR names no folder of corpora")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Labelled texts: 96 to train on, 23 to validate, 17 to test."""
    return prepared_texts(tmp_path_factory.mktemp("cache"), (96, 23, 17))


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Digits and the same digits in reverse: 96 pairs to train on, 23 to validate, 17 to test."""
    return prepared_pairs(tmp_path_factory.mktemp("cache"), (96, 23, 17))


@pytest.fixture(scope="session")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    """Texts with several labels each, or none: 96 to train on, 23 to validate, 17 to test."""
    return prepared_tagged(tmp_path_factory.mktemp("cache"), (96, 23, 17))


@pytest.fixture(params=["texts", "pairs"])
def data(request: pytest.FixtureRequest) -> PreparedData:
    """Both kinds of data, and so both tasks."""
    prepared: PreparedData = request.getfixturevalue(request.param)
    return prepared


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real corpora; for tests marked ``real_data``."""
    return Path(os.environ["ATTENDO_DATA_DIR"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
