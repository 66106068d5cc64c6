"""attendo predict asks classifiers of pairs and of several labels."""

import io
import json
from pathlib import Path
from unittest import mock

import pytest

import attendo as package
from command_line import Ended, attendo
from kinds_of_runs import multilabel_run, pair_run
from small_corpora import write_table

PAIRS = [("the sun 1", "a sun"), ("", "a moon"), ("rain", "Ein Wind: 東京 ✓"), ("the moon", "")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    kinds = {"pairs": pair_run, "labels": multilabel_run}
    return {name: train(tmp_path_factory.mktemp(name)) for name, train in kinds.items()}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.txt").write_text("".join(f"{text}\t{text_b}\n" for text, text_b in PAIRS), encoding="utf-8")


def predict(run: Path | str, *words: str, piped: bytes = b"") -> Ended:
    with mock.patch("attendo.cli.text_input.standard_input", lambda: io.BytesIO(piped)):
        return attendo("predict", f"run={run}", "accelerator=cpu", *words)


def expected(run: Path) -> list[str]:
    """TSV lines, from Python."""
    answers = package.load(run, accelerator="cpu").classify(*map(list, zip(*PAIRS, strict=True)))
    return [f"{one.label}\t{one.probability:.6f}" if one.label else "" for one in answers]


def test_a_line_is_a_pair_with_a_tab_between(runs: dict[str, Path]) -> None:
    from_file = predict(runs["pairs"], "input=new.txt")
    piped = predict(runs["pairs"], piped=Path("new.txt").read_bytes() + b"\r\n\n")
    assert from_file.code == piped.code == 0
    assert from_file.out.split("\n")[:-1] == expected(runs["pairs"])
    assert piped.out.split("\n")[:-1] == [*expected(runs["pairs"]), "", ""]


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
@pytest.mark.parametrize("names", [("premise", "hypothesis"), ("one", "two")])
def test_pairs_stand_in_two_columns_of_a_table(
    kind: str, names: tuple[str, str], runs: dict[str, Path], tmp_path: Path
) -> None:
    table = write_table(tmp_path / f"new.{kind}", names, PAIRS)
    words = () if names[0] == "premise" else ("column=[one,two]",)
    ended = predict(runs["pairs"], f"input={table}", "format=jsonl", *words)
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [(record["text"], record["text_b"]) for record in records] == PAIRS
    assert [record["label"] for record in records] == [
        line.split("\t")[0] or None for line in expected(runs["pairs"])
    ]
    swapped = predict(runs["pairs"], f"input={table}", f"column=[{names[1]},{names[0]}]")
    assert swapped.out.split("\n")[1:4:2] == ["", ""]


@pytest.mark.parametrize(("line", "found"), [("no pair", "no tab"), ("a\tb\tc", "2 tabs")])
def test_a_line_that_is_no_pair_is_named_or_skipped(line: str, found: str, runs: dict[str, Path]) -> None:
    Path("bad.txt").write_text(f"the sun 1\ta sun\n{line}\n")
    ended = predict(runs["pairs"], "input=bad.txt")
    message = f"bad.txt:2: found {found}; expected a pair of texts: the first text, a tab, the second text"
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert ended.out.splitlines() == expected(runs["pairs"])[:1]
    skipped = predict(runs["pairs"], "input=bad.txt", "on_error=skip")
    assert skipped.out.split("\n") == [*expected(runs["pairs"])[:1], "", ""]


@pytest.mark.parametrize(("run", "words", "message"), [
    ("PAIRS", ("input=new.tsv", "column=premise"), "column=premise: expected two, column=[FIRST,SECOND]"),
    ("LABELS", ("input=new.tsv", "column=[premise,hypothesis]"), "expected one column: the run reads single"),
    ("PAIRS", ("input=new.tsv", "column=[premise,-1]"), "expected a name or a 0-based position, or for"),
    ("[PAIRS,LABELS]", ("input=new.txt",), "some of the runs read pairs of texts, others single ones"),
])  # fmt: skip
def test_a_mistake_about_pairs_is_one_message(
    run: str, words: tuple[str, ...], message: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    write_table(tmp_path / "new.tsv", ("premise", "hypothesis"), PAIRS)
    for name, folder in runs.items():
        run = run.replace(name.upper(), str(folder))
    ended = predict(run, *words)
    assert (ended.code, message in ended.err, ended.out) == (2, True, ""), ended.err


def test_several_labels_are_joined_and_in_json_a_list(runs: dict[str, Path]) -> None:
    texts = ["the sun and the moon 1", "", "wind"]
    answers = package.load(runs["labels"], accelerator="cpu").classify(texts)
    piped = "".join(f"{text}\n" for text in texts).encode()
    lines = predict(runs["labels"], "header=true", piped=piped).out.splitlines()
    assert lines[0] == "labels\tprobability"
    assert lines[2] == ""
    for line, answer in [(lines[1], answers[0]), (lines[3], answers[2])]:
        assert line == f"{'|'.join(answer.labels)}\t{answer.probability:.6f}"
    records = predict(runs["labels"], "format=jsonl", piped=piped).out.splitlines()
    for line, answer in [(records[0], answers[0]), (records[2], answers[2])]:
        assert json.loads(line)["labels"] == list(answer.labels)
        assert list(json.loads(line)["probabilities"]) == ["moon", "rain", "sun"]
    assert set(json.loads(records[1]).values()) == {"", None}
