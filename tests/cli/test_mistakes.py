"""Mistakes are found before any data is read, one message each, with the nearest spelling and exit code 2."""

from pathlib import Path

import pytest

from command_line import FAST, SMALL_DATA, attendo, attendo_process
from mistakes import assert_is_one_message

WORDS = {
    # keys
    "modeel=transformer": 'no key modeel. Did you mean "model"?',
    "data.max_lenght=3": 'no key data.max_lenght. Did you mean "max_length"?',
    "model.encoder.hiden_size=3": 'no key model.encoder.hiden_size. Did you mean "hidden_size"?',
    "model.encodr.hidden_size=3": 'no key model.encodr. Did you mean "encoder"?',
    "callbacks.early_stoping.patience=3": 'no key callbacks.early_stoping. Did you mean "early_stopping"?',
    "+optimizer.lrr=1": 'no key optimizer.lrr. Did you mean "lr"?',
    "+sead=1": 'no key sead. Did you mean "seed"?',
    "+data.extra=1": "no key data.extra.",
    "data=labelled_texts data.train=x data.culumns.text=a": 'no key data.culumns. Did you mean "columns"?',
    "hydra.rrun.dir=x": 'no key hydra.rrun. Did you mean "run"?',
    # options and groups
    "optimizer=adaam": "optimizer has no option 'adaam'. Did you mean \"adam\"? It has: adam, adamw, sgd",
    "model=trnsformer": "model has no option 'trnsformer'. Did you mean \"transformer\"?",
    "data=_share": "data has no option '_share'.",
    "experiment=sst3": "experiment has no option 'sst3'. Did you mean \"sst2\"?",
    "tokenizer@target_tokenizer=bpee": "tokenizer has no option 'bpee'. Did you mean \"bpe\"?",
    "model/encodr=gru": 'no key model/encodr. Did you mean "model/encoder"?',
    "optimiser=adam": 'no key optimiser. Did you mean "optimizer"?',
    "logger=null": "logger=null: choose an option, or leave the group out: ~GROUP",
    # missing values
    "~clipping": "clipping cannot be left out; set it to null, or to an option such as none",
    "~data.pool_steps": "data.pool_steps cannot be left out",
    "data=labelled_texts": "data.train is missing: give data.train=…",
    "data=hub_labelled": "data.path is missing: give data.path=…",
    # types
    "trainer.max_epochs=abc": "trainer.max_epochs='abc': expected int or null",
    "data.max_length=long": "data.max_length='long': expected int, like 256",
    "regularization.class_weights=balance": "regularization.class_weights='balance': expected",
    "data.sampling=balanced regularization.class_weights=balanced": "would make up for rare classes twice",
    "data.folds=many data.fold=1": "data.folds='many': expected int or null",
    "optimizer.lr=fast": "optimizer.lr='fast': expected float",
    "model.encoder.bidirectional=3": "model.encoder.bidirectional=3: expected bool",
    "model.encoder.hidden_size=1.5": "model.encoder.hidden_size=1.5: expected int",
    "regularization.mlp_dropout=some": "regularization.mlp_dropout='some': expected float, like 0.2",
    "seed=one": "seed='one': expected int, like 1",
    "test=perhaps": "test='perhaps': expected bool, like True",
    "threads=two": "threads=two: expected a number of CPU threads, or null",
    "data.unicode=NFX": "data.unicode='NFX': expected",
    "data.too_long=trunkate": "data.too_long='trunkate': expected truncate or drop or error. Did you mean",
    "model=transformer model.positions=sine": "model.positions='sine': expected sinusoidal or",
    # classes
    "optimizer._target_=torch.optim.SGD": "optimizer.betas: torch.optim.SGD takes no such argument.",
    "model.encoder._target_=attendo.models.encoders.LSTMEncodr": 'Did you mean "LSTMEncoder"?',
    "clipping._target_=nowhere.Clip": "clipping._target_=nowhere.Clip: cannot be imported",
    "scheduler._target_=attendo.__version__": "is a str, which cannot be called",
    # numbers that make no sense
    "model=transformer model.width=30": "width=30 cannot be shared equally by heads=4",
    "model.encoder.hidden_size=-3": "model.encoder: hidden_size must be at least 1, not -3",
    "optimizer.lr=-1": "Invalid learning rate: -1",
    "clipping.max_norm=0.0": "clipping.max_norm=0.0: expected a number above 0",
    "regularization.mlp_dropout=1.5": "model: dropout probability has to be between 0 and 1, but got 1.5",
    "data.validation_fraction=1.5": "data.validation_fraction=1.5: expected 0 ≤ fraction < 1",
    "data.source.train=-1": "train: found -1 examples, expected at least 1",
    "model=transformer scheduler=noam scheduler.warmup_steps=0": "scheduler.warmup_steps=0",
    "trainer.devices=0": "devices",
    "trainer=mps": "MPS",
    # contradictions
    "data=synthetic_dates": "data=synthetic_dates has pairs, but the model classifies texts: add model=",
    "model=transformer data=synthetic_sentiment": "has labelled texts, but the model needs pairs: add model=",
    "data.tokens_per_step=100": "data.tokens_per_step=100 and data.sentences_per_step=32: give one",
    "data.sentences_per_step=null": "data.tokens_per_step=None and data.sentences_per_step=None",
    "data.folds=5": "data.folds=5 and data.fold=None: give both, or neither",
    "model=transformer tokenizer@target_tokenizer=word": "tied_embeddings=all needs one vocabulary for both",
    "tokenizer@target_tokenizer=word": "there is no target to tokenize",
    "model=transformer metrics.bleu.tokenize=13b": 'BLEU has no tokenizer "13b". Did you mean "13a"?',
    "scheduler=noam": "scheduler.width",
    # files
    "data=labelled_texts data.train=nowhere.tsv": "nowhere.tsv: no such file",
    "hydra.run.dir=/proc/none": "the run folder /proc/none cannot be made",
    "seed=[1": "seed=[1: cannot be read (no viable alternative at input '[1')",
    # words that are no overrides
    "outputs/x": "outputs/x: expected key=value.",
    "--resume outputs/x": "there is no option --resume.",
    "--seed=3": "there is no option --seed. Keys are given without dashes: seed=3",
    "--run=x": "--run takes no value; a key is given without dashes: run=x",
    "seed=1,2": "seed=1,2: found several values, expected one; -m runs a job with each of them",
    "data.train=a.tsv": "there is no key data.train. data=labelled_texts, data=paired_texts,",
    "seed.value=1": "there is no key seed.value: seed has none of its own.",
    # what learns
    "unfreeze_at_step=5": "unfreeze_at_step=5, but nothing is frozen: say what, such as freeze=[encoder.*]",
    "freeze=[encodr.*]": "freeze: 'encodr.*' matches no parameter of the model. Did you mean \"encoder.*\"?",
    "freeze=[*]": "freeze=['*'] leaves no parameter that learns",
    "learning_rates={encodr.*:0.1}": "learning_rates: 'encodr.*' matches no parameter of the model. Did",
}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("words", WORDS)
def test_a_mistake_is_one_message(words: str) -> None:
    ended = attendo("train", *words.split())
    assert_is_one_message(ended, WORDS[words])
    assert "reading" not in ended.out
    assert "rows" not in ended.out


@pytest.mark.parametrize(("yaml", "expected"), [
    ("trainer: {max_epoch: 3}", 'no key trainer.max_epoch. Did you mean "max_epochs"?'),
    ("optimiser: {lr: 3}", 'no key optimiser. Did you mean "optimizer"?'),
    ("optimizer: {lr: quick}", "optimizer.lr='quick': expected float"),
    ("defaults: [{override /model: trnsformer}]", "model has no option 'trnsformer'. Did you mean"),
    ("defaults: [{override /modeel: transformer}]", "modeel"),
    ("trainer: {max_epochs: [}", "mine.yaml"),
])  # fmt: skip
def test_a_mistake_in_a_recipe_of_ones_own_is_one_message(yaml: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(
        f"# @package _global_\n{yaml}\n", encoding="utf-8"
    )
    ended = attendo("train", "--config-dir", "mine", "experiment=mine")
    assert_is_one_message(ended, expected, lines=len(ended.err.splitlines()))


def test_options_may_stand_among_the_overrides() -> None:
    assert attendo("train", "seed=1", "--cfg", "job", "seed=2", "--package", "seed").err == ""


def test_a_recipe_may_set_what_its_options_have(tmp_path: Path) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    recipe = "# @package _global_\ndefaults: [override /clipping: value]\nclipping: {limit: 0.25}\n"
    (tmp_path / "mine" / "experiment" / "mine.yaml").write_text(recipe, encoding="utf-8")
    ended = attendo("train", *FAST, *SMALL_DATA, "--config-dir", "mine", "experiment=mine")
    assert ended.code == 0, ended.err


def test_another_class_brings_its_own_keywords() -> None:
    words = ("clipping._target_=attendo.optim.ClipBounds", "~clipping.max_norm", "~clipping.norm_type")
    words = (*words, "+clipping.lower=-1.0", "+clipping.upper=2.0")
    assert attendo("train", *FAST, *SMALL_DATA, *words).code == 0


def test_commands_that_do_not_exist_are_named() -> None:
    ended = attendo("trrain")
    assert_is_one_message(
        ended,
        "there is no command 'trrain' (train, evaluate, predict, explain, inspect, score, import)",
    )
    nothing = attendo()
    assert nothing.code == 2
    assert "usage: attendo COMMAND" in nothing.err


def test_help_and_version_are_no_errors() -> None:
    assert "usage: attendo COMMAND" in attendo("--help").out
    assert attendo("--version").out.startswith("attendo 0.")


def test_a_metric_that_does_not_exist_is_found_before_training() -> None:
    ended = attendo("train", *FAST, *SMALL_DATA, "monitor.metric=validation/accurcy")
    assert ended.code == 2
    assert "monitor.metric=validation/accurcy: validation has no such metric." in ended.err
    assert 'Did you mean "validation/accuracy"?' in ended.err
    assert "epoch 1" not in ended.out


def test_the_mistake_stands_in_the_log_file_too(tmp_path: Path) -> None:
    attendo("train", "optimizer.lr=-1", "hydra.run.dir=run")
    assert "ERROR attendo.cli.job: " in (tmp_path / "run" / "train.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["optimizer.lr=-1"], ["optimizer.lrr=1"]])
def test_the_traceback_is_shown_to_who_asks_for_it(words: list[str], tmp_path: Path) -> None:
    ended = attendo_process("train", *words, cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert ended.code == 1
    assert "Traceback (most recent call last)" in ended.err
