"""From outside the package: one's own encoder and corpus, with no fork and no line of attendo changed."""

import json
import re
from pathlib import Path

import pytest
import yaml

from command_line import SMALL_CLASSIFIER, SMALL_DATA, attendo, trained

ENCODER = '''
from torch import Tensor, nn


class Averages(nn.Module):
    """Every token sees the mean of its sentence."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.projection = nn.Linear(input_size, hidden_size)
        self.output_size = hidden_size

    def forward(self, inputs: Tensor, is_padding: Tensor) -> Tensor:
        is_real = (~is_padding)[:, :, None]
        means = (inputs * is_real).sum(dim=1, keepdim=True) / is_real.sum(dim=1, keepdim=True)
        return (self.projection(inputs) + self.projection(means)).relu()
'''
ENCODER_YAML = """
_target_: my_package.averages.Averages
input_size: ${model.embedding_size}
hidden_size: 12
"""
SOURCE = '''
from attendo.data.sources import Row


class Parity:
    """Numbers in words, even or odd."""

    roles = ("text", "label")

    def __init__(self, count: int) -> None:
        self.count = count

    def check(self, split: str) -> None:
        if self.count < 1:
            raise ValueError(f"data.source.count={self.count}: expected 1 or more")

    def has(self, split: str) -> bool:
        return split in ("train", "test")

    def fingerprint(self, split: str) -> str:
        return f"Parity {self.count} {split}"

    def rows(self, split: str):
        for number in range(self.count):
            yield Row((f"{split} {number % 7} more", ("even", "odd")[number % 7 % 2]), f"{split}:{number}")
'''
SOURCE_YAML = """
name: parity
source:
  _target_: my_package.parity.Parity
  count: 40
"""
TABLE_YAML = """
name: reviews
source:
  _target_: attendo.data.sources.TableFiles
  columns: {text: review, label: stars}
  train: reviews.tsv
"""


@pytest.fixture(autouse=True)
def my_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with its conf/ inside, in the folder where the user works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # PYTHONPATH=., or an installed package
    for name, text in {
        "my_package/__init__.py": "",
        "my_package/averages.py": ENCODER,
        "my_package/parity.py": SOURCE,
        "my_package/conf/__init__.py": "",
        "my_package/conf/model/encoder/averages.yaml": ENCODER_YAML,
        "my_package/conf/data/parity.yaml": SOURCE_YAML,
        "my_package/conf/data/reviews.yaml": TABLE_YAML,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("", ".averages", ".parity", ".conf"):
        monkeypatch.delitem(__import__("sys").modules, f"my_package{name}", raising=False)


FOUND_BY = {
    "a folder": ["--config-dir", "my_package/conf"],
    "a folder on the search path": ["hydra.searchpath=[file://my_package/conf]"],
    "a package": ["hydra.searchpath=[pkg://my_package.conf]"],
}
SMALL = (*SMALL_DATA, "model.embedding_size=5", "model.mlp_size=7")


@pytest.mark.parametrize("way", FOUND_BY)
def test_my_encoder_in_my_package_trains(way: str) -> None:
    folder = trained(*FOUND_BY[way], "model/encoder=averages", "model.encoder.hidden_size=9", *SMALL).folder
    encoder = yaml.safe_load((folder / "config.yaml").read_text())["model"]["encoder"]
    assert encoder == {
        "_target_": "my_package.averages.Averages",
        "input_size": "${model.embedding_size}",
        "hidden_size": 9,
    }


def test_my_encoder_is_checked_like_any_other() -> None:
    words = (*FOUND_BY["a package"], "model/encoder=averages")
    assert 'Did you mean "hidden_size"?' in attendo("train", *words, "+model.encoder.hiden_size=9").err
    assert (
        "model.encoder.hidden_size='wide': expected int"
        in attendo("train", *words, "model.encoder.hidden_size=wide").err
    )
    wrong = attendo("train", *FOUND_BY["a package"], "model/encoder=average")
    assert wrong.err.startswith("error: model/encoder has no option 'average'. Did you mean \"averages\"?")


def test_a_checkpoint_with_my_encoder_is_loaded_by_who_trusts_my_package() -> None:
    folder = trained(
        *FOUND_BY["a folder"], "model/encoder=averages", "trainer.limit_test_batches=null", *SMALL
    ).folder
    refused = attendo("evaluate", f"run={folder}", "accelerator=cpu")
    assert refused.code == 2
    assert (
        "model.encoder._target_='my_package.averages.Averages' is not one of the objects that may be"
        in refused.err
    )
    assert "trust=[PACKAGE]" in refused.err
    other = attendo("evaluate", f"run={folder}", "accelerator=cpu", "trust=[my_packages]")
    assert other.code == 2
    trusting = attendo("evaluate", f"run={folder}", "accelerator=cpu", "trust=[my_package]")
    assert trusting.code == 0, trusting.err
    expected = json.loads((folder / "metrics.json").read_text())["test"]
    assert json.loads((folder / "predictions" / "test.json").read_text())["scores"] == pytest.approx(
        expected, abs=1e-6
    )


def test_a_run_with_my_encoder_repeats_from_its_config_alone() -> None:
    folder = trained(*FOUND_BY["a folder"], "model/encoder=averages", *SMALL).folder
    ended = attendo("train", "--config-dir", str(folder), "--config-name", "config")
    assert ended.code == 0, ended.err


def test_my_corpus_with_a_source_of_attendos(tmp_path: Path) -> None:
    rows = "".join(f"a {'good' if n % 2 else 'bad'} film {n}\t{n % 2}\n" for n in range(30))
    (tmp_path / "reviews.tsv").write_text(f"review\tstars\n{rows}")
    ended = trained("--config-dir", "my_package/conf", "data=reviews", *SMALL_CLASSIFIER)
    assert re.search(r"^classes    0 \d.*, 1 \d", ended.out, re.M)
    assert ended.folder.parent.name == "reviews"


def test_my_corpus_with_a_source_of_my_own() -> None:
    words = ("--config-dir", "my_package/conf", "data=parity", "trainer.limit_test_batches=null")
    ended = trained(*words, "data.source.count=35", "data.max_length=2", *SMALL_CLASSIFIER)
    assert re.search(r"^classes    even \d.*, odd \d", ended.out, re.M)
    assert len((ended.folder / "predictions" / "test.jsonl").read_text().splitlines()) == 35
    assert attendo("evaluate", f"run={ended.folder}", "accelerator=cpu").code == 2
    scored = attendo("evaluate", f"run={ended.folder}", "accelerator=cpu", "trust=[my_package]")
    assert scored.code == 0, scored.err


def test_a_mistake_that_my_source_finds_is_one_message() -> None:
    ended = attendo("train", "--config-dir", "my_package/conf", "data=parity", "data.source.count=0")
    assert (ended.code, ended.err.splitlines()[0]) == (2, "error: data.source.count=0: expected 1 or more")
