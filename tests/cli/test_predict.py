"""attendo predict answers every line of its input in its order, in the form that was asked for."""

import functools
import gzip
import io
import json
import lzma
import os
from pathlib import Path
from unittest import mock

import pytest

import attendo as package
from attendo.predictor import Classifier, Translator
from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, trained
from small_corpora import PAIRS, TEXTS, write_table

LINES = ["a good film", "", "  bad, bad film ", "Ein Film: 東京 ✓", "a good film"]
ROWS = [(line, str(number)) for number, line in enumerate(LINES)]
ALL = ("trainer.limit_test_batches=null",)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Trained on files: two classifiers and a translator, and on generated dates another one."""
    folder = tmp_path_factory.mktemp("runs")
    texts = write_table(folder / "texts.tsv", ("text", "label"), TEXTS)
    pairs = write_table(folder / "pairs.jsonl", ("en", "de"), PAIRS)
    labelled = ("data=labelled_texts", f"data.train={texts}", f"data.test={texts}", *SMALL_CLASSIFIER, *ALL)
    columns = ("data.columns.source=en", "data.columns.target=de", "tokenizer=word")
    words = {
        "classifier": labelled,
        "other": (*labelled, "seed=2", "model/encoder=gru"),
        "translator": (*SMALL_TRANSFORMER, "data=paired_texts", f"data.train={pairs}", *columns),
        "dates": (*SMALL_DATA, *SMALL_TRANSFORMER, *ALL),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return {name: trained(*these).folder.resolve() for name, these in words.items()}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")


def predicted(run: Path | str, *words: str, piped: bytes | None = None) -> Ended:
    with mock.patch("attendo.cli.text_input.standard_input", lambda: io.BytesIO(piped or b"")):
        ended = attendo("predict", f"run={run}", "accelerator=cpu", *words)
    assert ended.code == 0, ended.err
    return ended


@functools.cache
def model_of(run: Path) -> Classifier | Translator:
    return package.load(run, accelerator="cpu")


def expected(run: Path, lines: list[str] = LINES) -> list[str]:
    """TSV lines, from Python."""
    found = []
    for line in lines:
        model = model_of(run)
        if not line.strip():
            found.append("")
        elif isinstance(model, Classifier):
            answer = model.classify(line)
            found.append(f"{answer.label}\t{answer.probability:.6f}")
        else:
            translation = model.translate(line)
            found.append(f"{translation.text}\t{translation.score:.6f}")
    return found


# --------------------------------------------------------------------------------------------- answers
@pytest.mark.parametrize(
    ("kind", "words"), [("classifier", ()), ("dates", ("data.tokens_per_micro_batch=64",))]
)
def test_the_answers_are_those_of_an_evaluation(
    kind: str, words: tuple[str, ...], runs: dict[str, Path]
) -> None:
    assert attendo("evaluate", f"run={runs[kind]}", "accelerator=cpu", "output=scored", *words).code == 0
    records = [json.loads(line) for line in Path("scored/test.jsonl").read_text().splitlines()]
    asked = "text" if kind == "classifier" else "source"
    Path("lines.txt").write_text("".join(f"{record[asked]}\n" for record in records))
    ended = predicted(runs[kind], "input=lines.txt", "format=jsonl")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [answer["text"] for answer in answers] == [record[asked] for record in records]
    if kind == "dates":
        assert [a["translation"] for a in answers] == [record["predicted"] for record in records]
        return
    assert [answer["label"] for answer in answers] == [record["predicted"] for record in records]
    for answer, record in zip(answers, records, strict=True):
        assert answer["probabilities"] == pytest.approx(record["probabilities"], abs=1e-6)


@pytest.mark.parametrize("kind", ["classifier", "dates"])
def test_line_i_answers_line_i_and_an_empty_one_an_empty_one(kind: str, runs: dict[str, Path]) -> None:
    from_file = predicted(runs[kind], "input=new.txt").out
    piped = predicted(runs[kind], piped="\n".join(LINES).encode()).out  # without a line end at the last
    assert from_file == piped == "".join(f"{line}\n" for line in expected(runs[kind]))


def test_a_byte_order_mark_and_carriage_returns_are_no_text(runs: dict[str, Path]) -> None:
    piped = predicted(runs["classifier"], piped=b"\xef\xbb\xbfa good film\r\n\r\nbad\r\n").out
    assert piped.splitlines() == expected(runs["classifier"], ["a good film", "", "bad"])


def test_nothing_in_is_nothing_out(runs: dict[str, Path]) -> None:
    assert predicted(runs["classifier"], piped=b"") == Ended(0, "", "")


def test_a_file_of_answers_has_a_header_and_says_on_standard_error_how_far_it_is(
    runs: dict[str, Path],
) -> None:
    ended = predicted(runs["classifier"], "input=new.txt", "output=new.tsv")
    answers = expected(runs["classifier"])
    assert Path("new.tsv").read_text().splitlines() == ["label\tprobability", *answers]
    assert (ended.out, "5 texts" in ended.err) == ("", True)
    assert not list(Path().glob("*.partial"))
    predicted(runs["dates"], "input=new.txt", "output=new.tsv")
    assert Path("new.tsv").read_text().startswith("translation\tscore\n")
    predicted(runs["classifier"], "input=new.txt", "output=bare.tsv", "header=false")
    assert Path("bare.tsv").read_text().splitlines() == answers
    with_header = predicted(runs["classifier"], "input=new.txt", "header=true").out
    assert with_header.startswith("label\tprobability\n")


@pytest.mark.parametrize("name", ["out.jsonl.gz", "out.txt.xz", "out.tsv.gz", "out"])
def test_the_name_of_the_output_chooses_the_form(name: str, runs: dict[str, Path]) -> None:
    predicted(runs["classifier"], "input=new.txt", f"output={name}")
    opened = {".gz": gzip.open, ".xz": lzma.open}.get(Path(name).suffix, open)
    with opened(name, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    answers = expected(runs["classifier"])
    if "jsonl" in name:
        records = [json.loads(line) for line in lines]
        assert [record["text"] for record in records] == [line.strip() for line in LINES]
        assert [record["label"] for record in records] == [a.split("\t")[0] or None for a in answers]
        assert records[1] == dict.fromkeys(("label", "probability", "probabilities", "labels")) | {"text": ""}
    elif "txt" in name:
        assert lines == [answer.split("\t")[0] for answer in answers]
    else:
        assert lines == ["label\tprobability", *answers]


def test_the_answers_of_several_runs_stand_side_by_side(runs: dict[str, Path]) -> None:
    names = ("classifier", "other", "dates")
    several = ",".join(str(runs[name]) for name in names)
    single = [expected(runs[name]) for name in names]
    together = predicted(f"[{several}]", "input=new.txt").out.splitlines()
    assert together == ["\t".join(row) if any(row) else "" for row in zip(*single, strict=True)]
    plain = predicted(f"[{several}]", "input=new.txt", "format=plain").out.splitlines()
    assert plain[0].split("\t") == [answers[0].split("\t")[0] for answers in single]
    header = predicted(f"[{several}]", "input=new.txt", "header=true").out.splitlines()[0].split("\t")
    assert header[0] == f"{runs['classifier']}:label"
    assert header[-1] == f"{runs['dates']}:score"
    records = predicted(f"[{several}]", "input=new.txt", "format=jsonl").out.splitlines()
    answers = json.loads(records[0])["answers"]
    assert list(answers) == [str(runs[name]) for name in names]
    assert set(answers[str(runs["dates"])]) == {"translation", "score"}


def test_what_ends_a_cell_or_a_line_is_a_space_in_an_answer(runs: dict[str, Path], tmp_path: Path) -> None:
    texts = [(f"{'good' if n % 2 else 'bad'}", "one\ttwo" if n % 2 else "a\nb\r\nc") for n in range(40)]
    table = write_table(tmp_path / "odd.jsonl", ("text", "label"), texts)
    run = trained("data=labelled_texts", f"data.train={table}", *SMALL_CLASSIFIER).folder
    for form in ("tsv", "plain"):
        for line in predicted(run, "input=new.txt", f"format={form}").out.split("\n")[:-1]:
            assert line.split("\t")[0] in ("one two", "a b  c", "")
    labels = {
        json.loads(line)["label"] for line in predicted(run, "input=new.txt", "format=jsonl").out.splitlines()
    }
    assert labels <= {"one\ttwo", "a\nb\r\nc", None}


# ---------------------------------------------------------------------------------------------- inputs
@pytest.mark.parametrize(("kind", "column"), [
    ("tsv", "text"), ("csv", "review"), ("jsonl", "text"), ("parquet", "review"), ("tsv.gz", "review"),
    ("csv.xz", "text"), ("jsonl.gz", "review"),
])  # fmt: skip
def test_tables_are_read_by_the_column_of_the_run_or_another(
    kind: str, column: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    table = write_table(tmp_path / f"new.{kind}", (column, "number"), ROWS)
    words = () if column == "text" else ("column=review",)
    ended = predicted(runs["classifier"], f"input={table}", *words)
    assert ended.out.splitlines() == expected(runs["classifier"])


def test_a_position_stands_for_a_column_without_a_name_and_null_for_an_empty_text(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "bare.tsv").write_text("1\ta good film\n2\tbad\n")
    answers = predicted(runs["dates"], "input=bare.tsv", "column=1").out.splitlines()
    assert answers == expected(runs["dates"], ["a good film", "bad"])
    (tmp_path / "null.jsonl").write_text('{"en": null}\n{"en": 7}\n')
    assert predicted(runs["translator"], "input=null.jsonl").out.splitlines() == expected(
        runs["translator"], ["", "7"]
    )


# -------------------------------------------------------------------------------------------- mistakes
WRONG = {
    "run=nowhere": "run=nowhere: there is no such file or folder",
    "": "run is missing: give run=…",
    "run=[CLASSIFIER,CLASSIFIER]": "expected a run, or a list of different ones",
    "run=[]": "expected a run, or a list of different ones",
    "run=CLASSIFIER checkpoint=beest": "found no checkpoints/beest.ckpt in it; there are best, last",
    "run=CLASSIFIER input=nwe.txt": 'nwe.txt: no such file. Did you mean "new.txt"?',
    "run=CLASSIFIER input=.": "is a folder; expected a file",
    "run=CLASSIFIER input=empty.txt": "empty.txt: the file is empty",
    "run=CLASSIFIER input=new.txt output=new.txt": "output=new.txt is the input, too",
    "run=CLASSIFIER output=nowhere/out.tsv": "output=nowhere/out.tsv: the folder nowhere does not exist",
    "run=CLASSIFIER output=.": "output=.: is a folder; expected a file",
    "run=CLASSIFIER output=/proc/out.tsv": "output=/proc/out.tsv: cannot be written",
    "run=CLASSIFIER output=out.csv": "answers are not written as .csv; expected .tsv, .jsonl, .txt",
    "run=CLASSIFIER format=json": 'format=json: expected tsv, jsonl, plain, or null. Did you mean "jsonl"?',
    "run=CLASSIFIER format=plain header=true": "header=true: only format=tsv has a header",
    "run=CLASSIFIER header=maybe": "header=maybe: expected true, false or null",
    "run=CLASSIFIER on_error=skp": 'on_error=skp: expected error or skip. Did you mean "skip"?',
    "run=CLASSIFIER batch_tokens=many": "batch_tokens=many: expected 1 or more tokens, or null",
    "run=CLASSIFIER column=text": "column=text: input=- is no table, and has no columns",
    "run=CLASSIFIER input=new.tsv column=txet": 'no column "txet"; the columns are "text", "number". Did',
    "run=CLASSIFIER input=new.tsv column=-2": "column=-2: expected a name or a 0-based position",
    "run=DATES input=new.tsv": "input=new.tsv: the run does not say which column to read: give column=…",
    "run=[CLASSIFIER,TRANSLATOR] input=new.tsv": "the runs do not say which column to read: give column=…",
    "run=CLASSIFIER decoding.length_factor=2": "is a classifier, which decodes nothing",
    "run=DATES decoding.length_factor=far": "decoding",
    "run=DATES decoding.length_fator=2": 'no key decoding.length_fator. Did you mean "length_factor"?',
    "run=CLASSIFIER accelerator=gpux": 'Did you mean "gpu"?',
    "run=CLASSIFIER threads=0": "threads=0: expected a number of CPU threads, or null",
    "run=CLASSIFIER inptu=x": 'there is no key inptu. Did you mean "input"?',
    "run=new.txt": "new.txt is no readable checkpoint",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_mistake_is_one_message_before_the_first_answer(
    words: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    Path("empty.txt").write_text("")
    write_table(tmp_path / "new.tsv", ("text", "number"), ROWS)
    before = sorted(path.name for path in tmp_path.iterdir())
    given = words
    for name, run in runs.items():
        given = given.replace(name.upper(), str(run))
    ended = attendo("predict", *given.split())
    assert (ended.code, WRONG[words] in ended.err) == (2, True), ended.err
    assert ended.err.startswith("error: ")
    assert (ended.out, "Traceback" in ended.err) == ("", False)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(("name", "text", "place"), [
    ("bad.txt", b"a good film\nb\xffd\nfine\n", "bad.txt:2: byte 0xff at offset 13 is no UTF-8"),
    ("bad.jsonl", b'{"text": "a good film"}\n{"text": 7\n{"text": "fine"}\n', "bad.jsonl:2: invalid JSON"),
    ("bad.tsv", b"text\tlabel\na good film\tpos\nbad\nfine\tpos\n", "bad.tsv:3: found 1 column, expected 2"),
    (None, b"a good film\nb\xffd\nfine\n", "standard input:2: byte 0xff at offset 13 is no UTF-8"),
])  # fmt: skip
def test_a_bad_line_ends_the_work_after_those_before_it_or_is_skipped(
    name: str | None, text: bytes, place: str, runs: dict[str, Path]
) -> None:
    if name:
        Path(name).write_bytes(text)
    words = (f"input={name or '-'}", "output=out.txt", "accelerator=cpu")
    good, fine = (line.split("\t")[0] for line in expected(runs["classifier"], ["a good film", "fine"]))
    Path("out.txt").write_text("from before\n")
    with mock.patch("attendo.cli.text_input.standard_input", lambda: io.BytesIO(text)):
        ended = attendo("predict", f"run={runs['classifier']}", *words)
    assert (ended.code, f"error: {place}" in ended.err) == (2, True), ended.err
    assert "the answers so far are in out.txt.partial" in ended.err
    assert Path("out.txt.partial").read_text().splitlines() == [good]
    assert Path("out.txt").read_text() == "from before\n"
    ended = predicted(runs["classifier"], *words, "on_error=skip", piped=text)
    assert f"bad lines, answered like empty ones: 1, the first of them {place}" in ended.err
    assert Path("out.txt").read_text().splitlines() == [good, "", fine]


def test_texts_that_are_cut_are_counted_in_the_end(runs: dict[str, Path]) -> None:
    Path("long.txt").write_text("good " * 300 + "\nshort\n" + "bad " * 257 + "\n")
    ended = predicted(runs["classifier"], "input=long.txt")
    assert ended.err.count("warning: ") == 1
    assert "2 of the texts had more tokens than the 256 that" in ended.err


def test_a_device_stays_a_device_and_a_link_a_link(runs: dict[str, Path]) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    predicted(runs["classifier"], "input=new.txt", "output=pipe", "header=false")
    assert os.read(reader, 2**16).decode().splitlines() == expected(runs["classifier"])
    os.close(reader)
    Path("target.tsv").write_text("old")
    Path("link.tsv").symlink_to("target.tsv")
    predicted(runs["classifier"], "input=new.txt", "output=link.tsv")
    assert Path("link.tsv").is_symlink()
    assert Path("target.tsv").read_text().startswith("label\t")
