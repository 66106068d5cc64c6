"""Hugging Face datasets from miniature local folders; nothing is downloaded."""

import json
from pathlib import Path

import datasets
import huggingface_hub
import pytest

from attendo.data.sources import BadRow, HubDataset

COLUMNS = {"text": "text", "label": "label"}
SPLITS = {"train": "train", "validation": None, "test": "test"}
TEXTS = [f"text {index}" for index in range(10)]


@pytest.fixture(autouse=True)
def offline_with_an_own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def labelled() -> datasets.Dataset:
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["no", "yes"]),
        }
    )
    labels = [index % 2 for index in range(10)]
    return datasets.Dataset.from_dict(
        {"id": list(range(10)), "text": TEXTS, "label": labels}, features=features
    )


EXPECTED = [(text, "yes" if index % 2 else "no") for index, text in enumerate(TEXTS)]


def read(source: HubDataset, split: str = "train") -> list[tuple[str, ...]]:
    source.check("train")
    return [row.fields for row in source.rows(split)]


@pytest.fixture
def parquet_copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    (folder / "data").mkdir(parents=True)
    labelled().to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    labelled().select(range(4)).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    both = datasets.DatasetDict({"train": labelled(), "test": labelled().select(range(4))})
    both.save_to_disk(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize("kind", ["parquet_copy", "saved"])
def test_class_labels_become_their_names(kind: str, request: pytest.FixtureRequest) -> None:
    source = HubDataset(str(request.getfixturevalue(kind)), COLUMNS, SPLITS)
    assert read(source) == EXPECTED
    assert read(source, "test") == EXPECTED[:4]
    assert not source.has("validation")
    assert [row.where for row in source.rows("test")][3] == f"{source.path}, split test:4"


def test_a_single_dataset_on_disk_is_its_split(tmp_path: Path) -> None:
    labelled().with_format("numpy").save_to_disk(tmp_path / "one")
    assert read(HubDataset(str(tmp_path / "one"), COLUMNS, {"train": "train"})) == EXPECTED


@pytest.mark.parametrize("kind", ["parquet_copy", "saved"])
def test_slices_divide_a_split(kind: str, request: pytest.FixtureRequest) -> None:
    folder = str(request.getfixturevalue(kind))
    source = HubDataset(
        folder, COLUMNS, {"train": "train[:80%]", "validation": "train[80%:]", "test": "train[:1]+test"}
    )
    assert read(source) == EXPECTED[:8]
    assert read(source, "validation") == EXPECTED[8:]
    assert read(source, "test") == EXPECTED[:1] + EXPECTED[:4]
    assert source.fingerprint("train") != source.fingerprint("validation")


def test_nested_columns_of_json_lines_are_reached_by_dot_path(tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    lines = [json.dumps({"translation": {"de": f"Satz {i}", "en": f"sentence {i}"}}) for i in range(3)]
    (folder / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    columns = {"source": "translation.de", "target": "translation.en"}
    source = HubDataset(str(folder), columns, {"train": "train"})
    assert read(source) == [(f"Satz {i}", f"sentence {i}") for i in range(3)]
    with pytest.raises(ValueError, match=r'no column "translation\.en_"; .*"translation\.de".* Did you mean'):
        HubDataset(str(folder), columns | {"target": "translation.en_"}, {"train": "train"}).check("train")


def test_nested_class_labels_and_translation_features_are_understood(tmp_path: Path) -> None:
    features = datasets.Features(
        {
            "translation": datasets.Translation(languages=("de", "en")),
            "meta": {"label": datasets.ClassLabel(names=["no", "yes"])},
        }
    )
    columns = {"translation": [{"de": "Hund", "en": "dog"}], "meta": [{"label": 1}]}
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(tmp_path / "saved")
    pair = HubDataset(
        str(tmp_path / "saved"), {"source": "translation.de", "target": "translation.en"}, {"train": "train"}
    )
    assert read(pair) == [("Hund", "dog")]
    named = HubDataset(
        str(tmp_path / "saved"), {"text": "translation.de", "label": "meta.label"}, {"train": "train"}
    )
    assert read(named) == [("Hund", "yes")]


def test_an_unlabelled_row_is_bad_and_the_others_are_read(tmp_path: Path) -> None:
    dataset = labelled().map(lambda row: {"label": -1 if row["id"] == 6 else row["label"]})
    dataset.save_to_disk(tmp_path / "saved")
    source = HubDataset(str(tmp_path / "saved"), COLUMNS, {"train": "train"})
    rows = list(source.rows("train"))
    problem = "found class -1, expected 0 to 1; is the split unlabelled?"
    assert rows.pop(6) == BadRow(f"{source.path}, split train:7", problem)
    assert [row.fields for row in rows] == EXPECTED[:6] + EXPECTED[7:]


@pytest.mark.parametrize("kind", ["parquet_copy", "saved"])
def test_missing_splits_and_columns_are_named_with_those_that_exist(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(kind))
    with pytest.raises(
        ValueError, match=r'no split "tets" .*the splits are "train", "test"\. Did you mean "test"'
    ):
        HubDataset(folder, COLUMNS, {"train": "tets"}).check("train")
    with pytest.raises(
        ValueError, match='no column "labl"; the columns are "id", "text", "label"\\. Did you mean "label"'
    ):
        HubDataset(folder, {"text": "text", "label": "labl"}, SPLITS).check("train")


def test_the_fingerprint_of_a_folder_follows_its_bytes(parquet_copy: Path, tmp_path: Path) -> None:
    source = HubDataset(str(parquet_copy), COLUMNS, SPLITS)
    before = source.fingerprint("train")
    moved = parquet_copy.rename(tmp_path / "moved")
    assert HubDataset(str(moved), COLUMNS, SPLITS).fingerprint("train") == before
    (moved / ".cache").write_text("unseen")
    assert HubDataset(str(moved), COLUMNS, SPLITS).fingerprint("train") == before
    labelled().select(range(9)).to_parquet(moved / "data" / "train-00000-of-00001.parquet")
    assert HubDataset(str(moved), COLUMNS, SPLITS).fingerprint("train") != before
    assert len(read(HubDataset(str(moved), COLUMNS, SPLITS))) == 9


def test_without_network_one_error_says_what_to_do() -> None:
    source = HubDataset("stanfordnlp/imdb", COLUMNS, SPLITS)
    with pytest.raises(ValueError, match="stanfordnlp/imdb: the dataset cannot be fetched") as caught:
        source.check("train")
    for advice in ("needs the network once", "data.path=FOLDER", "data=labelled_texts data.train=FILE"):
        assert advice in str(caught.value)


@pytest.mark.parametrize("error", [ConnectionError("refused"), TimeoutError("slow"), OSError("no route")])
def test_no_network_error_of_the_libraries_comes_through(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset_builder", unreachable)
    with pytest.raises(ValueError, match=f"org/name: .*{error}.*needs the network once"):
        HubDataset("org/name", COLUMNS, SPLITS).check("train")


def test_a_dataset_that_the_hub_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise datasets.exceptions.DatasetNotFoundError("doesn't exist")

    monkeypatch.setattr(datasets, "load_dataset_builder", unknown)
    with pytest.raises(ValueError, match="org/imbd: no such folder, and no such or a private dataset"):
        HubDataset("org/imbd", COLUMNS, SPLITS).check("train")


def test_hub_data_is_read_and_its_fingerprint_follows_the_commit(
    parquet_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = datasets.load_dataset_builder

    def from_the_hub(path: str, name: str | None, revision: str | None) -> datasets.DatasetBuilder:
        builder = real(str(parquet_copy), name)
        builder.hash = f"commit of {path} at {revision}"
        return builder

    monkeypatch.setattr(datasets, "load_dataset_builder", from_the_hub)
    first, again, second = (HubDataset("org/name", COLUMNS, SPLITS, revision=r) for r in ("a", "a", "b"))
    assert read(first) == EXPECTED
    assert first.fingerprint("train") == again.fingerprint("train") != second.fingerprint("train")
    assert first.fingerprint("train") != first.fingerprint("test")


def test_wrong_paths_and_options_are_refused(parquet_copy: Path, saved: Path) -> None:
    with pytest.raises(FileNotFoundError, match='copi: no such file\\. Did you mean "copy"'):
        HubDataset(str(parquet_copy.with_name("copi")), COLUMNS, SPLITS).check("train")
    with pytest.raises(ValueError, match=r"is a file, expected a folder.*data=labelled_texts"):
        HubDataset(str(next(parquet_copy.rglob("train*"))), COLUMNS, SPLITS).check("train")
    with pytest.raises(ValueError, match='has no configuration "plain"'):
        HubDataset(str(saved), COLUMNS, SPLITS, name="plain").check("train")
    with pytest.raises(ValueError, match=r"cannot be loaded as a dataset: .*plain"):
        HubDataset(str(parquet_copy), COLUMNS, SPLITS, name="plain").check("train")
    with pytest.raises(ValueError, match='splits: found "dev", expected "train", "validation", "test"'):
        HubDataset(str(saved), COLUMNS, {"dev": "validation"})


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty"):
        HubDataset(str(tmp_path / "empty"), COLUMNS, SPLITS).check("train")
