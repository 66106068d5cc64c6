"""attendo explain of translators: every head over their own answers, over given targets, over own rows."""

import io
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch

import attendo as package
from attendo.data.batches import decoder_inputs
from attendo.models.transformer.attention_maps import attention_maps
from attendo.predictor import Translator
from attendo.tokenization import EOS
from command_line import SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, trained
from explanations import Reader
from mistakes import assert_is_one_message
from small_corpora import write_table

SOURCES = ["the 3rd of may 2019", "", " 12 june 1987 ", "<script>alert('東京')</script>"]
TARGETS = ["2019-05-03", "1999-01-01", "1987-06-12", "✓ فيلم"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A translator that generates, and one that copies as well."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small = (*SMALL_DATA, *SMALL_TRANSFORMER, "model.encoder.layers=2")
        return {
            "plain": trained(*small).folder.resolve(),
            "copying": trained(*small, "model/copy=pointer", "tokenizer=word").folder.resolve(),
        }


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("new.txt").write_text("\n".join(SOURCES) + "\n", encoding="utf-8")
    pairs = zip(SOURCES, TARGETS, strict=True)
    Path("pairs.txt").write_text("".join(f"{one}\t{other}\n" for one, other in pairs), encoding="utf-8")


def explained(run: Path, *words: str, piped: bytes = b"") -> Ended:
    with mock.patch("attendo.cli.explain_translator.standard_input", lambda: io.BytesIO(piped)):
        ended = attendo("explain", f"run={run}", "accelerator=cpu", "output=out", "figures=0", *words)
    assert ended.code == 0, ended.err
    return ended


def records(folder: Path | str = "out") -> list[dict]:
    lines = Path(folder, "attention.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def page_of(folder: Path | str = "out") -> dict:
    return Reader(Path(folder, "index.html").read_text(encoding="utf-8")).data


def model_of(run: Path) -> Translator:
    model = package.load(run, accelerator="cpu")
    assert isinstance(model, Translator)
    return model


def assert_heads_are_the_models(model: Translator, record: dict, source: str, target: str) -> None:
    """Of a pair that the model is given alone."""
    ids = [
        torch.tensor([[*reader.ids([text])[0], EOS]])
        for reader, text in ((model.reader, source), (model.target_reader, target))
    ]
    maps = attention_maps(
        model.model, ids[0], torch.zeros_like(ids[0], dtype=torch.bool), decoder_inputs(ids[1]), ids[0], 0
    )
    for kind in ("encoder", "decoder", "cross"):
        expected = getattr(maps, kind)[0].numpy()
        np.testing.assert_allclose(np.array(record["attention"][kind]), expected, atol=1e-5)


# ----------------------------------------------------------------------------------------------------- inputs
def test_sources_are_translated_as_the_model_translates_them_alone(runs: dict[str, Path]) -> None:
    explained(runs["plain"], "input=new.txt")
    model = model_of(runs["plain"])
    for text, record, shown in zip(SOURCES, records(), page_of()["texts"], strict=True):
        answer = model.translate(text)
        assert (record["source"], record["target"]) == (text.strip(), answer.text)
        if text:
            assert record["log_probability"] == pytest.approx(answer.score, abs=1e-5)
            assert record["is_own"] and record["reference"] is None
            assert record["target_tokens"][-1] == "<eos>"
        else:
            assert (record["log_probability"], record["attention"], shown["score"]) == (None, {}, None)
        assert shown["target"]["tokens"] == record["target_tokens"]
    assert [record["where"] for record in records()] == [f"new.txt:{number}" for number in range(1, 5)]


@pytest.mark.parametrize("run", ["plain", "copying"])
def test_given_targets_are_scored_and_looked_at_as_they_are(runs: dict[str, Path], run: str) -> None:
    explained(runs[run], "input=pairs.txt")
    model, found = model_of(runs[run]), records()
    for text, target, record in zip(SOURCES, TARGETS, found, strict=True):
        assert (record["target"], record["is_own"]) == (target, False)
        if text:
            assert record["log_probability"] == pytest.approx(model.score(text, target).per_token, abs=1e-5)
    assert found[1]["attention"] == {}
    assert_heads_are_the_models(model, found[0], SOURCES[0], TARGETS[0])


def test_pairs_come_from_lines_from_a_pipe_and_from_two_columns(runs: dict[str, Path]) -> None:
    run = runs["plain"]
    explained(run, "input=pairs.txt")
    expected = [{**record, "where": ""} for record in records()]
    explained(run, "input=-", piped=Path("pairs.txt").read_bytes())
    assert [{**record, "where": ""} for record in records()] == expected
    write_table(Path("new.csv"), ("en", "iso"), list(zip(SOURCES, TARGETS, strict=True)))
    explained(run, "input=new.csv", "column=[en,iso]")
    assert [{**record, "where": ""} for record in records()] == expected
    explained(run, "input=new.csv", "column=en")
    own = records()
    assert all(record["is_own"] and record["reference"] is None for record in own)
    explained(run, "input=pairs.txt", "targets=own")
    for with_reference, alone, target in zip(records(), own, TARGETS, strict=True):
        assert with_reference["target"] == alone["target"] and with_reference["reference"] == target


def test_rows_of_the_run_itself_are_translated_beside_their_references(runs: dict[str, Path]) -> None:
    ended = explained(runs["plain"], "limit=6")
    assert "6 of the 16 test rows" in ended.err
    assert all(record["is_own"] and len(record["reference"]) == 10 for record in records())
    right = sum(record["target"] == record["reference"] for record in records())
    facts = Path("out/index.html").read_text(encoding="utf-8")
    assert f"{right} of 6 are exactly the reference" in facts
    explained(runs["plain"], "limit=2", "targets=given", "split=validation")
    assert [record["is_own"] for record in records()] == [False, False]


# --------------------------------------------------------------------------------------- what is made of them
def test_words_are_aligned_by_the_head_that_is_asked_for(runs: dict[str, Path]) -> None:
    explained(runs["plain"], "input=pairs.txt", "alignment.layer=2", "alignment.head=1")
    lines = Path("out/alignments.txt").read_text().splitlines()
    assert len(lines) == 4 and lines[1] == ""
    for line, record in zip(lines, records(), strict=True):
        assert line == record["alignment"]
        if not line:
            continue
        links = [tuple(map(int, pair.split("-"))) for pair in line.split()]
        assert sorted(target for _, target in links) == list(range(len(record["target_words"])))
        weights = np.array(record["attention"]["cross"])[1, 0]
        if len(record["source_words"]) + 1 == len(record["source_tokens"]):
            best = weights[:-1, :-1].argmax(axis=1)
            assert dict((target, source) for source, target in links) == dict(enumerate(best))
    view = page_of()["view"]
    assert view == {"kind": "cross", "layer": "2", "head": "1"}


def test_a_copying_model_tells_where_words_came_from(runs: dict[str, Path]) -> None:
    Path("new.txt").write_text("4 may zzyzx 2019\n", encoding="utf-8")
    explained(runs["copying"], "input=new.txt")
    (record,) = records()
    known = model_of(runs["copying"]).target_reader.tokenizer.vocabulary
    assert "zzyzx" in record["source_words"] and "zzyzx" not in known
    assert len(record["p_gen"]) == len(record["target_tokens"]) == len(record["attention"]["copy"])
    assert [origin["word"] for origin in record["origins"]] == record["target_words"]
    for origin, row in zip(record["origins"], record["attention"]["copy"], strict=False):
        best = int(np.argmax(row[:-1]))
        assert (origin["place"], origin["source"]) == (best, record["source_words"][best])
        assert origin["weight"] == pytest.approx(row[best], abs=1e-5)
        assert origin["is_unknown"] == (origin["source"] not in known)
    assert page_of()["view"]["kind"] == "copy"


def test_kinds_of_attention_can_be_left_out(runs: dict[str, Path]) -> None:
    explained(runs["plain"], "input=pairs.txt", "attention=[encoder]")
    assert set(records()[0]["attention"]) == {"encoder", "cross"}
    assert [kind["name"] for kind in page_of()["kinds"]] == ["encoder", "cross"]


def test_pictures_are_of_the_first_texts(runs: dict[str, Path]) -> None:
    explained(runs["plain"], "input=new.txt", "figures=3")
    names = [path.name for path in sorted(Path("out/heatmaps").iterdir())]
    assert names == ["0001.png", "0001_heads.png", "0003.png", "0003_heads.png"]


# --------------------------------------------------------------------------------------------------- mistakes
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("targets=gven", 'Did you mean "given"'),
        ("attention=[corss]", 'Did you mean "cross"'),
        ("attention=cross", "attention=cross: expected a list of encoder, decoder, cross, copy"),
        ("alignment.layer=0", "alignment.layer=0: expected a whole number, 1 or more"),
        ("alignment.layer=3", "alignment.layer=3: the model's cross-attention has 2"),
        ("alignment.kind=copy", "alignment.kind=copy: the model has none; it has cross"),
        ("attention=[copy]", "attention=copy: the model has none; it has encoder, decoder, cross"),
        ("input=new.txt targets=given", "targets=given: input=new.txt has none"),
        ("input=new.csv label_column=iso", "is a translator, which has no use for it"),
        ("input=new.csv column=[en,is]", 'no column "is"'),
        ("input=torn.txt", "torn.txt:2: found no tab"),
    ],
)
def test_mistakes_are_one_message(words: str, expected: str, runs: dict[str, Path]) -> None:
    Path("torn.txt").write_text("a\tb\nc\n")
    write_table(Path("new.csv"), ("en", "iso"), list(zip(SOURCES, TARGETS, strict=True)))
    ended = attendo("explain", f"run={runs['plain']}", "output=out", "accelerator=cpu", *words.split())
    assert_is_one_message(ended, expected)


def test_more_weights_than_a_page_can_hold_are_refused_with_what_would_fit(runs: dict[str, Path]) -> None:
    with mock.patch("attendo.cli.explain_translator.MOST_WEIGHTS", 2000):
        ended = attendo("explain", f"run={runs['plain']}", "output=out", "accelerator=cpu")
    assert ended.code == 2 and list(Path("out").iterdir()) == []
    assert ended.err.endswith("give limit=1, or fewer kinds, as attention=[cross]\n")
