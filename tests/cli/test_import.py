"""``attendo import marian=…`` writes a run folder that all other commands use, or says why it cannot."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import attendo as package
from attendo.checkpoint.marian import MarianFolder, converted
from attendo.predictor import Translator
from command_line import attendo
from marian_folders import learn_to_translate, sentence_pairs, write_marian

PAIRS = sentence_pairs(40, seed=7)
SMALL = ("trainer.accelerator=cpu", "data.cache_dir=${oc.env:ATTENDO_CACHE}", "trainer.max_epochs=1")


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marian") / "opus-en-de"
    write_marian(folder, learn=learn_to_translate)
    return folder


@pytest.fixture(scope="module")
def run(marian: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("imported") / "run"
    ended = attendo("import", f"marian={marian}", f"output={place}")
    assert ended.code == 0, ended.err
    return place


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Sources and targets."""
    for side, name in enumerate(("en", "de")):
        lines = "".join(f"{pair[side]}\n" for pair in PAIRS)
        (tmp_path / f"all.{name}").write_text(lines, encoding="utf-8")
    return [str(tmp_path / f"all.{name}") for name in ("en", "de")]


# ------------------------------------------------------------------------------------------------- the folder
def test_the_folder_is_that_of_a_run(run: Path) -> None:
    names = {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}
    assert names == {"config.yaml", "environment.json", "checkpoints/best.ckpt"}
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert config["data"]["name"] == "opus-en-de"
    assert config["model"]["width"] == 32
    assert str(run) not in (run / "config.yaml").read_text().split("\n", 1)[1]  # it may be moved


def test_it_lies_under_outputs_where_nothing_else_is_said(
    marian: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = attendo("import", f"marian={marian}")
    assert ended.code == 0, ended.err
    (place,) = (tmp_path / "outputs" / "opus-en-de").iterdir()
    assert str(place.relative_to(tmp_path)) in ended.out
    assert isinstance(package.load(place), Translator)


def test_weights_in_pytorchs_own_form_are_read(marian: Path, run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(marian, tmp_path / "old")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "generation_config.json").rename(tmp_path / "unknown_to_old_versions.json")
    ended = attendo("import", f"marian={folder}", f"output={tmp_path / 'run'}")
    assert ended.code == 0, ended.err
    ours, theirs = (
        torch.load(r / "checkpoints" / "best.ckpt")["state_dict"] for r in (run, tmp_path / "run")
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


# ----------------------------------------------------------------------------------------- the other commands
def test_it_predicts_and_evaluates(run: Path, files: list[str], tmp_path: Path) -> None:
    ended = attendo("predict", f"run={run}", f"input={files[0]}", f"output={tmp_path / 'answers.txt'}")
    assert ended.code == 0, ended.err
    answers = (tmp_path / "answers.txt").read_text(encoding="utf-8").splitlines()
    assert sum(a.split()[0] == de.split()[0] for a, (_, de) in zip(answers, PAIRS, strict=True)) > 20
    test = f"data.test=[{','.join(files)}]"
    ended = attendo("evaluate", f"run={run}", test, f"output={tmp_path / 'scores'}")
    assert ended.code == 0, ended.err
    (predictions,) = (tmp_path / "scores").glob("*.jsonl")
    records = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    assert [record["predicted"] for record in records] == answers


def test_it_goes_on_learning_with_its_own_vocabulary(run: Path, files: list[str], tmp_path: Path) -> None:
    pairs = f"[{','.join(files)}]"
    words = ("--config-dir", str(run), "--config-name", "config", f"init_from={run}", *SMALL)
    data = (f"data.train={pairs}", f"data.validation={pairs}", "data.tokens_per_step=64", "optimizer.lr=1e-3")
    place = tmp_path / "tuned"
    ended = attendo("train", *words, *data, f"hydra.run.dir={place}", "trainer.max_steps=3")
    assert ended.code == 0, ended.err
    assert "100.0% of the numbers" in ended.out
    before, after = (package.load(folder, "last" if folder == place else "best") for folder in (run, place))
    assert dict(before.trained.contents.tokenizers) == dict(after.trained.contents.tokenizers)
    shapes = [
        {name: tuple(p.shape) for name, p in each.model.state_dict().items()} for each in (before, after)
    ]
    assert shapes[0] == shapes[1]
    moved = [
        name
        for (name, one), other in zip(before.model.named_parameters(), after.model.parameters(), strict=True)
        if not torch.equal(one, other)
    ]
    assert len(moved) == len(list(before.model.parameters()))
    sources, targets = map(list, zip(*PAIRS, strict=True))
    scores = [sum(s.log_probability for s in each.score(sources, targets)) for each in (before, after)]
    assert scores[1] > scores[0]


@pytest.mark.slow
def test_a_run_of_words_takes_its_tokenizers(run: Path, files: list[str], tmp_path: Path) -> None:
    pairs = f"[{','.join(files)}]"
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["model"]
    shape = (
        f"model.width={config['width']}", "model.encoder.layers=2", "model.decoder.layers=1",
        "model.output_bias=true",
        "model.encoder.norm=post", "model.encoder.feed_forward_size=48", "model.encoder.activation=silu",
    )  # fmt: skip
    words = (
        "model=transformer",
        "data=parallel_texts",
        f"data.train={pairs}",
        f"init_from={run}",
        *shape,
        *SMALL,
    )
    ended = attendo("train", *words, "tokenizer=from_run", "debug=fast", f"hydra.run.dir={tmp_path / 'one'}")
    assert ended.code == 2
    assert (
        "tokenizer.role=source tokenizer@target_tokenizer=from_run target_tokenizer.role=target" in ended.err
    )
    two = (
        "tokenizer=from_run", "tokenizer.role=source", "tokenizer@target_tokenizer=from_run",
        "target_tokenizer.role=target",
    )  # fmt: skip
    ended = attendo("train", *words, *two, "debug=fast", f"hydra.run.dir={tmp_path / 'two'}")
    assert ended.code == 0, ended.err
    assert "100.0% of the numbers" in ended.out


def test_it_cannot_go_on_as_if_it_had_been_trained_here(run: Path) -> None:
    ended = attendo("train", f"resume={run}")
    assert ended.code == 2
    assert "Traceback" not in ended.err


# -------------------------------------------------------------------------------------------------- refusals
def changed_json(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps({**content, **values}), encoding="utf-8")

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def damaged(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"version https://git-lfs.github.com/spec/v1")


def changed_weights(name: str, value: torch.Tensor | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        weights.pop(name, None)
        save_file({**weights, **({} if value is None else {name: value})}, folder / "model.safetensors")

    return change


REFUSALS = {
    "another architecture": (
        changed_json("config.json", model_type="t5", architectures=["T5ForConditionalGeneration"]),
        "holds a t5 model; attendo imports Marian",
    ),
    "another head": (
        changed_json("config.json", architectures=["MarianForCausalLM"]),
        "holds a MarianForCausalLM model",
    ),
    "no configuration": (without("config.json"), "found no config.json"),
    "no vocabulary": (without("vocab.json"), "found no vocab.json"),
    "no sources": (without("source.spm"), "found no source.spm"),
    "no targets": (without("target.spm"), "found no target.spm"),
    "no weights": (without("model.safetensors"), "found neither model.safetensors nor pytorch_model.bin"),
    "damaged configuration": (damaged("config.json"), "config.json: is no JSON"),
    "damaged vocabulary": (damaged("vocab.json"), "vocab.json: is no JSON"),
    "damaged sources": (damaged("source.spm"), "source.spm: These bytes are no SentencePiece model"),
    "damaged weights": (damaged("model.safetensors"), "model.safetensors is no readable file of weights"),
    "another vocabulary": (changed_json("vocab.json", more=84), "they do not belong together"),
    "an id twice": (changed_json("vocab.json", more=0), "expected every id from 0 to"),
    "other special tokens": (changed_json("tokenizer_config.json", eos_token="<end>"), "token '<end>'"),
    "another activation": (changed_json("config.json", activation_function="tanh"), "function is tanh"),
    "pre-norm": (changed_json("config.json", normalize_before=True), "normalize_before is True"),
    "another start": (changed_json("config.json", decoder_start_token_id=5), "decoder_start_token_id is 5"),
    "another end": (changed_json("config.json", eos_token_id=5), "eos_token_id is 5, but"),
    "no width": (changed_json("config.json", d_model=None), "d_model is None"),
    "a weight less": (
        changed_weights("model.decoder.layers.0.fc1.weight", None),
        "its weights lack model.decoder.layers.0.fc1.weight",
    ),
    "a weight more": (
        changed_weights("model.encoder.layernorm_embedding.weight", torch.ones(32)),
        "layernorm_embedding.weight, which a Marian model has not",
    ),
    "other sizes": (changed_json("config.json", encoder_ffn_dim=40), "do not fit"),
    "learned positions": (
        changed_weights("model.encoder.embed_positions.weight", torch.randn(64, 32)),
        "are no sinusoids",
    ),
}  # fmt: skip


TOLD = ("another architecture", "damaged sources", "a weight less", "other sizes")  # by the command itself


def changed(marian: Path, folder: Path, mistake: str) -> Path:
    REFUSALS[mistake][0](shutil.copytree(marian, folder))
    return folder


@pytest.mark.parametrize("mistake", [mistake for mistake in REFUSALS if mistake not in TOLD])
def test_what_is_no_such_folder_is_refused(marian: Path, tmp_path: Path, mistake: str) -> None:
    path = changed(marian, tmp_path / "folder", mistake)
    with pytest.raises((ValueError, FileNotFoundError)) as refusal:
        folder = MarianFolder.read(path)
        assert folder.tokenizers
        converted(folder.weights(), folder)
    assert REFUSALS[mistake][1] in str(refusal.value)


@pytest.mark.parametrize("mistake", TOLD)
def test_refusals_are_told_and_nothing_is_written(marian: Path, tmp_path: Path, mistake: str) -> None:
    folder, message = changed(marian, tmp_path / "folder", mistake), REFUSALS[mistake][1]
    ended = attendo("import", f"marian={folder}", f"output={tmp_path / 'run'}")
    assert ended.code == 2
    assert message in ended.err.replace("\n", " ")
    assert "Traceback" not in ended.err
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_there_and_a_run_that_is_are_refused(marian: Path, run: Path) -> None:
    ended = attendo("import", "marian=nowhere")
    assert ended.code == 2
    assert "marian=nowhere: there is no such folder" in ended.err
    ended = attendo("import", f"marian={marian}", f"output={run}")
    assert ended.code == 2
    assert "holds a run already" in ended.err
