"""The corpora of the hub, on miniature copies in each corpus's own format; nothing is downloaded."""

import json
import re
from pathlib import Path

import datasets
import huggingface_hub
import pytest
import yaml
from datasets import ClassLabel, Dataset, Features, Translation, Value

from attendo.cli.conf import CONF
from command_line import FAST, SMALL_CLASSIFIER, SMALL_TRANSFORMER, attendo, trained

ROWS = 24
ENGLISH = [f"the house {n} stands empty" for n in range(ROWS)]
GERMAN = [f"das Haus {n} steht leer" for n in range(ROWS)]


@pytest.fixture(autouse=True)
def offline_in_an_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()


def classes(names: list[str]) -> tuple[ClassLabel, list[int]]:
    return ClassLabel(names=names), [n % len(names) for n in range(ROWS)]


def parquet(folder: Path, columns: dict[str, tuple[object, list]], *splits: str) -> None:
    """Splits as the hub stores them."""
    folder.mkdir(parents=True, exist_ok=True)
    features = Features({name: feature for name, (feature, _) in columns.items()})
    rows = Dataset.from_dict({name: values for name, (_, values) in columns.items()}, features=features)
    for split in splits:
        rows.to_parquet(folder / f"{split}-00000-of-00001.parquet")


def json_lines(folder: Path, columns: dict[str, list], *files: str) -> None:
    folder.mkdir(parents=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    for file in files:
        (folder / f"{file}.jsonl").write_text("\n".join(lines), encoding="utf-8")


def imdb(folder: Path) -> list[str]:
    columns = {"text": (Value("string"), ENGLISH), "label": classes(["neg", "pos"])}
    parquet(folder / "plain_text", columns, "train", "test", "unsupervised")
    return ["neg", "pos"]


def ag_news(folder: Path) -> list[str]:
    names = ["World", "Sports", "Business", "Sci/Tech"]
    parquet(folder / "data", {"text": (Value("string"), ENGLISH), "label": classes(names)}, "train", "test")
    return sorted(names)


def sst2(folder: Path) -> list[str]:
    labels = [n % 2 for n in range(ROWS)]
    names = ["positive" if label else "negative" for label in labels]
    json_lines(folder, {"text": ENGLISH, "label": labels, "label_text": names}, "train", "dev", "test")
    return ["negative", "positive"]


def trec(folder: Path) -> list[str]:
    names = ["ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"]  # codespell:ignore
    columns = {
        "text": (Value("string"), ENGLISH),
        "coarse_label": classes(names),
        "fine_label": classes(["ABBR:abb", "ABBR:exp", "ENTY:animal"]),  # codespell:ignore
    }
    parquet(folder / "default", columns, "train", "test")
    return sorted(names)


def snli(folder: Path) -> list[str]:
    feature, labels = classes(["entailment", "neutral", "contradiction"])
    labels[2::6] = [-1] * len(labels[2::6])  # no gold label
    texts = {"premise": (Value("string"), ENGLISH), "hypothesis": (Value("string"), GERMAN)}
    parquet(folder / "plain_text", {**texts, "label": (feature, labels)}, "train", "validation", "test")
    return ["contradiction", "entailment", "neutral"]


LABELLED = {"imdb": imdb, "ag_news": ag_news, "sst2": sst2, "trec": trec, "snli": snli}
NEEDED = {"snli": ["model/pair=features"]}  # beside the data


def multi30k(folder: Path) -> None:
    json_lines(folder, {"en": ENGLISH, "de": GERMAN}, "train", "val", "test")


def iwslt14(folder: Path) -> None:
    pairs = [{"de": de, "en": en} for de, en in zip(GERMAN, ENGLISH, strict=True)]
    parquet(
        folder / "de-en", {"translation": (Translation(("de", "en")), pairs)}, "train", "validation", "test"
    )


def cnn_dailymail(folder: Path) -> None:
    columns = {"article": ENGLISH, "highlights": GERMAN, "id": [str(n) for n in range(ROWS)]}
    typed = {name: (Value("string"), values) for name, values in columns.items()}
    for version in ("1.0.0", "3.0.0"):
        parquet(folder / version, typed, "train", "validation", "test")
    files = {
        v: [{"split": s, "path": f"{v}/{s}-*"} for s in ("train", "validation", "test")]
        for v in ("1.0.0", "3.0.0")
    }
    configs = {"configs": [{"config_name": version, "data_files": paths} for version, paths in files.items()]}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(configs)}---\n", encoding="utf-8")


PAIRS = {"multi30k": multi30k, "iwslt14": iwslt14, "cnn_dailymail": cnn_dailymail}


def test_every_corpus_has_a_miniature() -> None:
    paths = {
        file.stem: yaml.safe_load(file.read_text(encoding="utf-8")).get("path")
        for file in Path(CONF, "data").glob("*")
    }
    assert {name for name, path in paths.items() if path and path != "???"} == set(LABELLED) | set(PAIRS)


@pytest.mark.parametrize("name", LABELLED)
def test_a_labelled_corpus_trains_on_its_miniature(name: str, tmp_path: Path) -> None:
    expected = LABELLED[name](tmp_path / "copy")
    words = (f"data={name}", "data.path=copy", *NEEDED.get(name, []), *SMALL_CLASSIFIER)
    ended = trained(*words)
    printed = next(line for line in ended.out.splitlines() if line.startswith("classes"))
    assert re.sub(r" [\d.]+ %", "", printed) == f"classes    {', '.join(expected)}"
    first = json.loads((ended.folder / "predictions" / "test.jsonl").read_text().splitlines()[0])
    assert (first["text"], first["label"] in expected) == (ENGLISH[0], True)


@pytest.mark.parametrize(("name", "words", "expected"), [
    ("multi30k", [], (ENGLISH, GERMAN)),
    ("multi30k", ["data.columns.source=de", "data.columns.target=en"], (GERMAN, ENGLISH)),
    ("iwslt14", [], (GERMAN, ENGLISH)),
    ("cnn_dailymail", [], (ENGLISH, GERMAN)),
])  # fmt: skip
def test_a_corpus_of_pairs_trains_on_its_miniature(
    name: str, words: list[str], expected: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    PAIRS[name](tmp_path / "copy")
    words = [f"data={name}", "data.path=copy", *words]
    ended = trained(*SMALL_TRANSFORMER, *words, "tokenizer.vocabulary_size=60")
    first = json.loads((ended.folder / "predictions" / "test.jsonl").read_text().splitlines()[0])
    assert (first["source"], first["target"]) == (expected[0][0], expected[1][0])


@pytest.mark.parametrize("name", [*LABELLED, *PAIRS])
def test_without_network_the_message_says_what_to_download_and_what_else_to_do(name: str) -> None:
    model = "transformer" if name in PAIRS else "self_attentive"
    ended = attendo("train", *FAST, f"model={model}", f"data={name}", *NEEDED.get(name, []))
    repository = yaml.safe_load(Path(CONF, "data", f"{name}.yaml").read_text(encoding="utf-8"))["path"]
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"error: {repository}: the dataset cannot be fetched" in ended.err
    for advice in ("needs the network once", "data.path=FOLDER", "data=labelled_texts data.train=FILE"):
        assert advice in ended.err
