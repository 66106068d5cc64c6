"""attendo inspect prints and writes what there is to know, trains nothing, and refuses what train refuses."""

import json
from pathlib import Path

import pytest

from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, composed, trained
from small_corpora import PAIRS, TEXTS, write_corpora, write_table

CACHE = "data.cache_dir=${oc.env:ATTENDO_CACHE}"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def inspected(*words: str, **environment: str) -> Ended:
    ended = attendo("inspect", CACHE, *words, **environment)
    assert ended.code == 0, ended.err
    return ended


def numbers(folder: str) -> dict:
    found: dict = json.loads(Path(folder, "data.json").read_text(encoding="utf-8"))
    return found


def test_it_leaves_a_page_and_the_numbers_in_one_place_and_nothing_else(tmp_path: Path) -> None:
    ended = inspected(*SMALL_DATA, *SMALL_CLASSIFIER)
    folder = tmp_path / "outputs" / "synthetic_sentiment" / "inspect"
    assert sorted(path.name for path in folder.iterdir()) == ["data.html", "data.json"]
    assert list((tmp_path / "outputs").glob("*/*")) == [folder]
    assert "outputs/synthetic_sentiment/inspect/data.html" in ended.out
    assert numbers(str(folder))["splits"]["train"]["rows"] == 64
    assert "attendo inspect" in (folder / "data.html").read_text(encoding="utf-8")


def test_the_tables_are_plain_text_that_fits_where_there_is_no_terminal() -> None:
    out = inspected(*SMALL_DATA, *SMALL_CLASSIFIER).out
    assert "\x1b" not in out
    lines = {" ".join(line.split()) for line in out.splitlines()}
    assert {"rows 64 16 16", "train validation test", "Model: SelfAttentiveClassifier"} <= lines
    tables = out.split("Worth a look")[0]
    assert max(map(len, tables.splitlines())) <= 80


def test_output_names_another_folder(tmp_path: Path) -> None:
    inspected(*SMALL_DATA, *SMALL_CLASSIFIER, "output=elsewhere/here")
    assert numbers("elsewhere/here")["name"] == "synthetic_sentiment"
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("words", [
    SMALL_TRANSFORMER,
    (*SMALL_TRANSFORMER, "tokenizer@target_tokenizer=character", "model.tied_embeddings=decoder"),
])  # fmt: skip
def test_pairs_are_inspected_as_well(words: tuple[str, ...]) -> None:
    inspected(*SMALL_DATA, *words)
    found = numbers("outputs/synthetic_dates/inspect")
    assert set(found["splits"]["train"]["texts"]) == {"source", "target"}
    assert len(found["vocabularies"]) == 1 + ("tokenizer@target_tokenizer=character" in words)
    assert [part["name"] for part in found["model"]["parts"]][-1] == "projection"


@pytest.mark.parametrize("name", ["sst2", "multi30k"])
def test_a_recipe_is_inspected_by_its_name(name: str, tmp_path: Path) -> None:
    write_corpora(tmp_path / "corpora")
    inspected(f"experiment={name}", *["tokenizer.vocabulary_size=60"] * (name == "multi30k"),
              ATTENDO_DATA_DIR=str(tmp_path / "corpora"))  # fmt: skip
    found = numbers(f"outputs/{name}/inspect")
    assert any("also occur in train" in sentence for sentence in found["findings"])


def test_examples_are_found_at_the_line_that_is_named(tmp_path: Path) -> None:
    kinds = ("good", "bad", "bad")
    rows = [(f"a {kinds[n % 3]} film, number {n % 37}{' indeed' * (n % 7)}", "pn"[n % 2]) for n in range(90)]
    write_table(tmp_path / "train.tsv", ("text", "label"), rows)
    words = ("data=labelled_texts", "data.train=train.tsv", "data.validation_fraction=0.3")
    inspected(*words, *SMALL_CLASSIFIER)
    lines = (tmp_path / "train.tsv").read_text(encoding="utf-8").splitlines()
    galleries = numbers("outputs/labelled_texts/inspect")["examples"]
    assert {"Longest (train)", "Longest (validation)"} < {gallery["title"] for gallery in galleries}
    for example in (example for gallery in galleries for example in gallery["examples"]):
        path, _, line = example["where"].rpartition(":")
        assert path == "train.tsv"
        assert lines[int(line) - 1] == f"{example['texts']['text']}\t{example['label']}"


def test_parallel_files_and_their_leaks(tmp_path: Path) -> None:
    for name, pairs in (("train", PAIRS), ("test", PAIRS[:3])):
        for side, language in enumerate(("en", "de")):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            (tmp_path / f"{name}.{language}").write_text(text, encoding="utf-8")
    files = ("data=parallel_texts", "data.train=[train.en,train.de]", "data.test=[test.en,test.de]")
    out = inspected(*files, *SMALL_TRANSFORMER, "tokenizer=word", "data.validation_fraction=0.0").out
    assert "- 3 of the 3 test sources (100.0 %) also occur in train, 3 of them with the same target" in out


def test_rows_that_are_skipped_are_told_and_the_others_keep_their_lines(tmp_path: Path) -> None:
    lines = ["text\tlabel", "a b c\tx", "no label", "a b c d e\ty", "\tx", "a b\tx"]
    (tmp_path / "train.tsv").write_text("\n".join([*lines, *["a b\ty"] * 20]) + "\n", encoding="utf-8")
    words = (
        "data=labelled_texts",
        "data.train=train.tsv",
        "data.on_error=skip",
        "data.validation_fraction=0.0",
    )
    out = inspected(*words, *SMALL_CLASSIFIER).out
    assert "- 2 bad rows were left out (data.on_error=skip), the first at train.tsv:3: " in out
    found = numbers("outputs/labelled_texts/inspect")
    assert [row["where"] for row in found["skipped"]] == ["train.tsv:3", "train.tsv:5"]
    longest = next(gallery for gallery in found["examples"] if gallery["title"] == "Longest (train)")
    assert [example["where"] for example in longest["examples"]][:2] == ["train.tsv:4", "train.tsv:2"]


def test_a_sweep_keeps_the_pages_apart(tmp_path: Path) -> None:
    inspected(*SMALL_DATA, *SMALL_CLASSIFIER, "-m", "tokenizer=word,character")
    folder = tmp_path / "outputs" / "synthetic_sentiment" / "inspect"
    sizes = [numbers(str(folder / job))["vocabularies"][0]["size"] for job in ("0", "1")]
    assert sizes[0] > sizes[1]


def test_the_words_of_train_are_those_of_inspect() -> None:
    words = (
        "model=transformer",
        "data=parallel_texts",
        "data.train=[a,b]",
        "optimizer=adamw",
        "clipping=value",
    )
    ours, theirs = composed("inspect", *words), composed("train", *words)
    assert ours.pop("output") == "outputs/parallel_texts/inspect"
    assert ours == theirs


@pytest.mark.parametrize(("words", "expected"), [
    ("data.max_lenght=3", 'there is no key data.max_lenght. Did you mean "max_length"?'),
    ("outputt=here", 'there is no key outputt. Did you mean "output"?'),
    ("data=labelled_texts", "data.train is missing: give data.train=…"),
    ("data=labelled_texts data.train=nowhere.tsv", "nowhere.tsv: no such file"),
    ("data=synthetic_dates", "has pairs, but the model classifies texts: add model=transformer"),
    ("model.encoder.hidden_size=-3", "model.encoder: hidden_size must be at least 1, not -3"),
    ("experiment=sst3", "experiment has no option 'sst3'. Did you mean \"sst2\"?"),
    ("threads=none", "threads=none: expected a number of CPU threads, or null"),
])  # fmt: skip
def test_mistakes_are_one_message(words: str, expected: str) -> None:
    ended = attendo("inspect", CACHE, *words.split())
    assert ended.code == 2
    assert expected in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("a file", encoding="utf-8")
    ended = attendo("inspect", CACHE, *SMALL_DATA, *SMALL_CLASSIFIER, "output=here")
    assert ended.code == 2
    assert "here" in ended.err and "Traceback" not in ended.err


def test_help_speaks_of_inspect_and_shows_the_keys() -> None:
    out = attendo("inspect", "--help").out
    assert out.startswith("attendo inspect: ")
    assert "output: outputs/${name}/inspect" in out


def test_what_is_inspected_trains(tmp_path: Path) -> None:
    write_table(tmp_path / "train.tsv", ("text", "label"), TEXTS)
    words = ("data=labelled_texts", "data.train=train.tsv", *SMALL_CLASSIFIER)
    inspected(*words)
    model = numbers("outputs/labelled_texts/inspect")["model"]
    assert f"{model['parameters']:,} parameters (" in trained(*words).out
