"""attendo score gives every pair its log-probability, also token by token, and all pairs a perplexity."""

import io
import json
import math
import re
from pathlib import Path
from unittest import mock

import pytest
import torch

import attendo as package
from attendo.predictor import Translator
from attendo.tokenization import BOS, EOS
from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, trained
from small_corpora import PAIRS, write_table

ROWS = [*PAIRS[:3], ("", "das Haus"), ("the house", ""), ("an ünknown house", "ein Haus")]
REAL = [0, 1, 2, 5]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    table = write_table(folder / "pairs.jsonl", ("en", "de"), PAIRS)
    columns = ("data.columns.source=en", "data.columns.target=de", "tokenizer=word")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = (*SMALL_TRANSFORMER, "data=paired_texts", f"data.train={table}", *columns)
        return trained(*words).folder.resolve()


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for side, name in enumerate(("a.en", "b.de")):
        Path(name).write_text("".join(f"{row[side]}\n" for row in ROWS), encoding="utf-8")
    pairs = ["" if "" in row else "\t".join(row) for row in ROWS]
    Path("pairs.txt").write_text("".join(f"{pair}\n" for pair in pairs), encoding="utf-8")


def scored(run: Path, *words: str, piped: bytes = b"") -> Ended:
    with mock.patch("attendo.cli.text_input.standard_input", lambda: io.BytesIO(piped)):
        ended = attendo("score", f"run={run}", "accelerator=cpu", *words)
    assert ended.code == 0, ended.err
    return ended


@torch.no_grad()
def stepped(run: Path, source: str, target: str) -> list[float]:
    """Log-probabilities of the target's tokens, asked for one by one."""
    translator = package.load(run, accelerator="cpu")
    assert isinstance(translator, Translator)
    model, tokenizers = translator.model, translator.trained.contents.tokenizers
    ids = torch.tensor([[*tokenizers["source"].encode(source), EOS]])
    state, found, last = model.start(model.encode(ids, torch.zeros_like(ids, dtype=torch.bool))), [], BOS
    for token in [*tokenizers["target"].encode(target), EOS]:
        log_probs, state = model.step(torch.tensor([last]), state)
        found.append(log_probs[0, token].item())
        last = token
    return found


@pytest.fixture(scope="module")
def expected(run: Path) -> list[list[float]]:
    """Of each pair; of those with an empty side, nothing."""
    return [stepped(run, *row) if all(row) else [] for row in ROWS]


@pytest.mark.parametrize(
    "form", ["two files", "a text file", "standard input", "a table", "places in a table"]
)
def test_every_pair_has_its_score(run: Path, expected: list[list[float]], form: str) -> None:
    write_table(Path("pairs.tsv"), ("de", "x", "en"), [(target, "-", source) for source, target in ROWS])
    words = {
        "two files": ("input=[a.en,b.de]",),
        "a text file": ("input=pairs.txt",),
        "standard input": (),
        "a table": ("input=pairs.tsv",),  # whose columns the run's data names
        "places in a table": ("input=pairs.tsv", "column=[2,0]"),
    }[form]
    ended = scored(run, *words, "per_token=true", "format=tsv", piped=Path("pairs.txt").read_bytes())
    lines = ended.out.splitlines()[1 if form == "places in a table" else 0 :]
    assert len(lines) == len(ROWS)
    for line, steps in zip(lines, expected, strict=True):
        if not steps:
            assert line == ""
            continue
        total, tokens, perplexity, each = line.split("\t")
        assert float(total) == pytest.approx(sum(steps), abs=1e-4)
        assert int(tokens) == len(steps)
        assert float(perplexity) == pytest.approx(math.exp(-sum(steps) / len(steps)), rel=1e-4)
        assert list(map(float, each.split())) == pytest.approx(steps, abs=1e-5)


def test_all_pairs_together_have_a_perplexity(run: Path, expected: list[list[float]]) -> None:
    ended = scored(run, "input=[a.en,b.de]", "output=scores.tsv")
    pairs, tokens, total, perplexity = re.search(
        r"(\d+) pairs  (\d+) tokens  log-probability (\S+)  perplexity (\S+)", ended.err
    ).groups()
    steps = [step for row in expected for step in row]
    assert (int(pairs), int(tokens)) == (len(REAL), len(steps))
    assert float(total) == pytest.approx(sum(steps), abs=1e-3)
    assert float(perplexity) == pytest.approx(math.exp(-sum(steps) / len(steps)), rel=1e-4)
    head, *rows = Path("scores.tsv").read_text().splitlines()
    assert head == "log_probability\ttokens\tperplexity"
    assert len(rows) == len(ROWS)


def test_json_lines_tell_the_tokens(run: Path, expected: list[list[float]]) -> None:
    scored(run, "input=pairs.txt", "output=scores.jsonl", "per_token=true")
    records = [json.loads(line) for line in Path("scores.jsonl").read_text(encoding="utf-8").splitlines()]
    assert records[3]["log_probability"] is None
    assert records[3]["pieces"] is None
    record = records[5]
    assert (record["source"], record["target"]) == ROWS[5]
    assert len(record["pieces"]) == len(record["token_log_probabilities"]) == record["tokens"]
    assert record["pieces"][-1] == "<eos>"
    assert record["token_log_probabilities"] == pytest.approx(expected[5], abs=1e-5)
    scored(run, "input=pairs.txt", "output=less.jsonl")
    assert "pieces" not in json.loads(Path("less.jsonl").read_text(encoding="utf-8").splitlines()[0])


def test_plain_lines_are_log_probabilities_alone(run: Path, expected: list[list[float]]) -> None:
    lines = scored(run, "input=pairs.txt", "format=plain").out.splitlines()
    assert [bool(line) for line in lines] == [bool(steps) for steps in expected]
    assert float(lines[0]) == pytest.approx(sum(expected[0]), abs=1e-4)
    lines = scored(run, "input=pairs.txt", "format=plain", "per_token=true").out.splitlines()
    assert list(map(float, lines[0].split("\t")[1].split())) == pytest.approx(expected[0], abs=1e-5)


def test_bad_lines_stop_it_or_are_passed_over(run: Path) -> None:
    Path("bad.txt").write_text("the house\tdas Haus\nno tab\nthe house 1\tdas Haus 1\n")
    ended = attendo("score", f"run={run}", "input=bad.txt", "output=s.tsv")
    assert ended.code == 2
    assert "bad.txt:2: found no tab" in ended.err
    assert len(Path("s.tsv.partial").read_text().splitlines()) == 2  # with the header
    ended = scored(run, "input=bad.txt", "on_error=skip")
    assert [bool(line) for line in ended.out.splitlines()] == [True, False, True]
    assert "bad lines, answered like empty ones: 1" in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("input=[a.en,short.de]",), "a.en has more lines than short.de"),
        (("input=[short.de,a.en]",), "a.en has more lines than short.de"),
        (("input=[a.en,b.de,a.en]",), "expected one file of pairs, or two"),
        (("input=[a.en,-]",), "expected one file of pairs, or two"),
        (("input=[a.en,c.de]",), "c.de"),
        (("input=[a.en,pairs.tsv]",), "a table holds both sides"),
        (("input=[a.en,b.de]", "output=b.de"), "output=b.de is the input, too"),
        (("input=pairs.txt", "column=[0,1]"), "is no table"),
        (("input=pairs.tsv", "column=en"), "column=en: expected two, column=[FIRST,SECOND]"),
        (("input=pairs.txt", "format=csv"), "format=csv: expected tsv, jsonl, plain"),
        (("input=pairs.txt", "per_tokens=true"), "per_token"),
        (("input=pairs.txt", "on_error=stop"), "on_error=stop"),
        (("input=pairs.txt", "checkpoint=worst"), "worst.ckpt"),
    ],
)
def test_mistakes_are_told(run: Path, words: tuple[str, ...], message: str) -> None:
    Path("short.de").write_text("eins\nzwei\n")
    write_table(Path("pairs.tsv"), ("en", "de"), ROWS)
    ended = attendo("score", f"run={run}", *words)
    assert ended.code == 2
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_classifier_scores_no_pairs(tmp_path: Path) -> None:
    classifier = trained(*SMALL_CLASSIFIER, *SMALL_DATA).folder
    ended = attendo("score", f"run={classifier}", "input=pairs.txt")
    assert ended.code == 2
    assert "is a classifier" in ended.err
