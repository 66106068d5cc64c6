"""attendo explain writes what a classifier says and where it looks, for inputs and for the run's own rows."""

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import attendo as package
from attendo.cli.explain_rows import evenly_spaced
from attendo.predictor import Classifier
from command_line import SMALL_CLASSIFIER, Ended, attendo, trained
from explanations import Reader, weights_in
from mistakes import assert_is_one_message
from small_corpora import TEXTS, write_table

LINES = ["a good film", "", "  bad, bad film ", "<script>alert('東京')</script> ✓ فيلم"]
ALL = ("trainer.limit_test_batches=null",)
TOPICS = [(text, label if number % 3 else f"{label}|odd") for number, (text, label) in enumerate(TEXTS)]
PAIRED = [(text, f"film {number}", label) for number, (text, label) in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Classifiers that were trained on files of texts, of pairs, of several labels."""
    folder = tmp_path_factory.mktemp("runs")
    files = {
        "texts": write_table(folder / "texts.tsv", ("text", "label"), TEXTS),
        "pairs": write_table(folder / "pairs.tsv", ("text", "other", "label"), PAIRED),
        "topics": write_table(folder / "topics.tsv", ("text", "label"), TOPICS),
    }
    more = {
        "texts": ("data.max_length=24",),
        "pairs": ("data.columns.text_b=other", "model/pair=features"),
        "topics": ("data.label_separator='|'", "model.head=multilabel"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = {
            name: trained(
                "data=labelled_texts",
                f"data.train={file}",
                f"data.test={file}",
                *SMALL_CLASSIFIER,
                *ALL,
                *more[name],
            ).folder.resolve()
            for name, file in files.items()
        }
        untested = ("data=labelled_texts", f"data.train={files['texts']}", *SMALL_CLASSIFIER)
        found["untested"] = trained(*untested).folder.resolve()
    return found


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")


def explained(run: Path, *words: str, piped: bytes = b"") -> Ended:
    with mock.patch("attendo.cli.text_input.standard_input", lambda: io.BytesIO(piped)):
        ended = attendo("explain", f"run={run}", "accelerator=cpu", "faithfulness=0", "figures=0", *words)
    assert ended.code == 0, ended.err
    return ended


def records(folder: Path | str = "out") -> list[dict]:
    return [
        json.loads(line) for line in Path(folder, "attention.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def page_of(folder: Path | str = "out") -> list[dict]:
    return Reader(Path(folder, "index.html").read_text(encoding="utf-8")).data["texts"]


def model_of(run: Path) -> Classifier:
    model = package.load(run, accelerator="cpu")
    assert isinstance(model, Classifier)
    return model


def assert_is_what_the_model_says(run: Path, sides: Sequence[Sequence[str]], folder: str = "out") -> None:
    """Every record and every text of the page, against the model asked about one text at a time."""
    model, found, shown = model_of(run), records(folder), page_of(folder)
    assert len(found) == len(shown) == len(sides)
    for texts, record, page in zip(sides, found, shown, strict=True):
        assert [record[name] for name in ("text", "text_b")[: len(texts)]] == [text.strip() for text in texts]
        if not all(text.strip() for text in texts):
            assert (record["tokens"], record["predicted"], page["confidence"]) == ([], None, None)
            continue
        answer, looked = model.classify(*texts), model.attention(*texts)
        assert record["probabilities"] == pytest.approx(answer.probabilities, abs=1e-6)
        assert page["probabilities"] == pytest.approx(list(answer.probabilities.values()), abs=1e-6)
        for look, suffix in zip(page["looks"], ("", "_b"), strict=False):
            assert record[f"tokens{suffix}"] == look["tokens"] == getattr(looked, f"tokens{suffix}")
            expected = getattr(looked, f"weights{suffix}")
            np.testing.assert_allclose(np.array(record[f"weights{suffix}"]), expected, atol=1e-6)
            np.testing.assert_allclose(weights_in(look), expected, atol=1e-6)


# ----------------------------------------------------------------------------------------------------- inputs
def test_every_line_is_explained_as_the_model_answers_it_alone(runs: dict[str, Path]) -> None:
    explained(runs["texts"], "input=new.txt", "output=out")
    assert_is_what_the_model_says(runs["texts"], [(line,) for line in LINES])
    assert [record["where"] for record in records()] == [f"new.txt:{number}" for number in range(1, 5)]
    explained(runs["texts"], "input=-", "output=piped", piped="\n".join(LINES).encode())
    assert [{**r, "where": ""} for r in records("piped")] == [{**r, "where": ""} for r in records()]


def test_pairs_come_from_lines_with_a_tab_and_from_two_columns(runs: dict[str, Path]) -> None:
    pairs = [("a good film", "film 3"), ("bad", "film"), ("", "film 4")]
    Path("pairs.txt").write_text("".join(f"{one}\t{other}\n" for one, other in pairs))
    explained(runs["pairs"], "input=pairs.txt", "output=out")
    assert_is_what_the_model_says(runs["pairs"], pairs)
    write_table(Path("pairs.csv"), ("premise", "hypothesis"), pairs)
    explained(runs["pairs"], "input=pairs.csv", "column=[premise,hypothesis]", "output=table", "figures=2")
    assert_is_what_the_model_says(runs["pairs"], pairs, "table")
    drawn = sorted(path.name for path in Path("table/heatmaps").iterdir())
    assert drawn == ["0001.png", "0001_b.png", "0002.png", "0002_b.png"]


def test_truth_comes_with_a_table_that_has_it(runs: dict[str, Path]) -> None:
    rows = [("a good film", "pos"), ("a bad film", "pos"), ("a film", "")]
    write_table(Path("own.tsv"), ("text", "label"), rows)
    write_table(Path("other.jsonl"), ("text", "stars"), rows)
    explained(runs["texts"], "input=own.tsv", "output=out")
    explained(runs["texts"], "input=other.jsonl", "output=unknown")
    explained(runs["texts"], "input=other.jsonl", "label_column=stars", "output=stars")
    assert [r["label"] for r in records()] == [r["label"] for r in records("stars")] == ["pos", "pos", None]
    assert [r["label"] for r in records("unknown")] == [None] * 3
    for text, record in zip(page_of(), records(), strict=True):
        expected = None if record["label"] is None else record["predicted"] == record["label"]
        assert text["isRight"] is expected


def test_of_several_labels_all_are_told(runs: dict[str, Path]) -> None:
    write_table(Path("new.tsv"), ("text", "label"), [("a good film", "odd| pos"), ("a bad film", "")])
    ended = explained(runs["topics"], "input=new.tsv", "output=out")
    assert [record["label"] for record in records()] == [["odd", "pos"], []]
    assert_is_what_the_model_says(runs["topics"], [("a good film",), ("a bad film",)])
    for record in records():
        assert record["predicted"] == [name for name, p in record["probabilities"].items() if p > 0.5]
    right = sum(set(record["label"]) == set(record["predicted"]) for record in records())
    assert f"right: {right} of 2" in ended.out


# ----------------------------------------------------------------------------------------- the run's own rows
def test_rows_of_the_run_itself_are_those_of_an_evaluation(runs: dict[str, Path]) -> None:
    explained(runs["texts"], "output=out")
    predictions = (runs["texts"] / "predictions" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    scored = {record["row"]: record for record in map(json.loads, predictions)}
    assert len(records()) == len(scored) == len(TEXTS)
    for row, record in enumerate(records()):
        assert {name: record[name] for name in ("text", "label", "predicted")} == {
            name: scored[row][name] for name in ("text", "label", "predicted")
        }


def test_a_limit_takes_rows_from_everywhere_and_is_told(runs: dict[str, Path]) -> None:
    ended = explained(runs["texts"], "limit=5", "output=out")
    chosen = [0, 10, 20, 29, 39]  # 39 / 4 = 9.75 apart
    assert evenly_spaced(40, 5).tolist() == chosen
    assert [record["text"] for record in records()] == [TEXTS[row][0] for row in chosen]
    assert "5 of the 40 test rows" in ended.err
    explained(runs["texts"], "input=new.txt", "limit=2", "output=two")
    assert [record["text"] for record in records("two")] == [LINES[0].strip(), LINES[3].strip()]
    assert evenly_spaced(3, None).tolist() == evenly_spaced(3, 9).tolist() == [0, 1, 2]


def test_everything_lies_in_the_run_folder_unless_told_otherwise(runs: dict[str, Path]) -> None:
    ended = explained(runs["texts"], "split=train", "limit=3")
    folder = runs["texts"] / "explanations" / "train"
    assert {path.name for path in folder.iterdir()} == {"index.html", "attention.jsonl", "heatmaps"}
    assert (folder / "index.html").as_uri() in ended.out
    explained(runs["texts"], "input=new.txt", "checkpoint=last")
    assert (runs["texts"] / "explanations" / "new.txt_last" / "index.html").is_file()


# ------------------------------------------------------------------------------------- pictures, faithfulness
def test_pictures_are_of_the_first_texts_and_none_stays_from_an_earlier_time(runs: dict[str, Path]) -> None:
    explained(runs["texts"], "input=new.txt", "output=out", "figures=9")
    names = [path.name for path in sorted(Path("out/heatmaps").iterdir())]
    assert names == ["0001.png", "0003.png", "0004.png"]  # the second text is empty
    assert Path("out/heatmaps/0001.png").read_bytes().startswith(b"\x89PNG")
    explained(runs["texts"], "input=new.txt", "output=out", "figures=1")
    assert [path.name for path in Path("out/heatmaps").iterdir()] == ["0001.png"]


def test_whether_attention_means_anything_is_measured_shown_and_written(runs: dict[str, Path]) -> None:
    ended = explained(runs["texts"], "output=out", "faithfulness=6", "threads=1")
    measured = json.loads(Path("out/faithfulness.json").read_text(encoding="utf-8"))
    names = {(each["name"], each["of"]): each for each in measured["measures"]}
    value = names["comprehensiveness", "attention"]
    assert value["texts"] == 6
    reader = Reader(Path("out/index.html").read_text(encoding="utf-8"))
    place = reader.texts["td"].index("comprehensiveness: attention")
    assert reader.texts["td"][place + 1].startswith(f"{value['mean']:.3f}")
    assert re.search(rf"comprehensiveness: attention +{value['mean']:.3f}", ended.out)
    explained(runs["texts"], "output=out")
    assert not Path("out/faithfulness.json").exists()


def test_texts_that_were_cut_are_counted_and_told(runs: dict[str, Path]) -> None:
    Path("long.txt").write_text(f"{'good ' * 25}\n{'good ' * 24}\n")
    ended = explained(runs["texts"], "input=long.txt", "output=out", "faithfulness=2")
    assert [len(record["tokens"]) for record in records()] == [24, 24]
    assert ended.err.count("1 texts had more tokens than the model reads") == 1


# --------------------------------------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("input=nowhere.txt", "nowhere.txt"),
        ("split=tset", 'Did you mean "test"'),
        ("figures=-1", "figures=-1: expected a whole number, 0 or more"),
        ("limit=0", "limit=0: expected a whole number, 1 or more"),
        ("on_error=ignore", "on_error=ignore: expected error, skip, null"),
        ("input=new.txt column=text", "column=text: input=new.txt is no table"),
        ("label_column=label", "label_column=label: input=null is no table"),
        ("input=rows.tsv column=1.5", "column=1.5: expected a name or a 0-based position"),
        ("output=new.txt", "the folder of explanations new.txt cannot be written"),
        ("checkpoint=worst", "worst"),
    ],
)
def test_mistakes_are_found_before_the_model_is_loaded(
    words: str, expected: str, runs: dict[str, Path]
) -> None:
    write_table(Path("rows.tsv"), ("text", "label"), TEXTS)
    with mock.patch("attendo.cli.explain.load", side_effect=AssertionError):
        assert_is_one_message(attendo("explain", f"run={runs['texts']}", *words.split()), expected)


@pytest.mark.parametrize(
    ("run", "words", "expected"),
    [
        (
            "texts",
            "input=wrong.tsv",
            "wrong.tsv:3: label 'ops' does not occur in training (classes: neg, pos)",
        ),
        ("texts", "input=wrong.tsv column=txet", 'no column "txet"'),
        ("texts", "input=wrong.tsv column=[text,label]", "expected one column"),
        ("texts", "input=wrong.tsv label_column=lable", 'no column "lable"'),
        ("pairs", "input=new.txt", "new.txt:1: found no tab; expected a pair of texts"),
        ("pairs", "input=wrong.tsv column=text", "expected two, column=[FIRST,SECOND]"),
        ("texts", "input=bytes.txt", "bytes.txt:2"),
        ("texts", "targets=own", "is a classifier, which has no use for it"),
        ("texts", "alignment.head=1", "alignment.head=1"),
    ],
)
def test_mistakes_in_an_input_are_found_before_anything_is_written(
    run: str, words: str, expected: str, runs: dict[str, Path]
) -> None:
    write_table(Path("wrong.tsv"), ("text", "label"), [("a film", "pos"), ("a good film", "ops")])
    Path("bytes.txt").write_bytes(b"good\n\xff\n")
    ended = attendo("explain", f"run={runs[run]}", "output=out", "accelerator=cpu", *words.split())
    assert_is_one_message(ended, expected)
    assert list(Path("out").iterdir()) == []


def test_a_run_without_a_test_split_is_told_which_one_there_is(runs: dict[str, Path]) -> None:
    ended = attendo("explain", f"run={runs['untested']}", "output=out", "accelerator=cpu")
    assert_is_one_message(ended, "split=test: the run's data has no test split; give split=validation")
    explained(runs["untested"], "split=validation", "output=out")
    assert records()


def test_bad_lines_can_be_left_out(runs: dict[str, Path]) -> None:
    write_table(Path("wrong.tsv"), ("text", "label"), [("a film", "pos"), ("a good film", "ops")])
    ended = explained(runs["texts"], "input=wrong.tsv", "on_error=skip", "output=out")
    assert [record["text"] for record in records()] == ["a film"]
    assert "bad lines, left out: 1, the first of them wrong.tsv:3" in ended.err
