"""conf/regularization is the one home of its numbers: each reaches its layer, optimizer or loss."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

import attendo.cli.train as command
from attendo.cli.conf import CONF
from attendo.data import TokenAugmentation
from attendo.models.layers.feed_forward import FeedForward
from attendo.tasks import Task
from command_line import SMALL_TRANSFORMER, trained

CLASSIFIER = (
    "data.source.train=32",
    "data.source.validation=8",
    "data.source.test=8",
    "model.embedding_size=4",
)
TRANSFORMER = (*CLASSIFIER[:3], *SMALL_TRANSFORMER)
SUBWORDS = ("data.source.train=512", "tokenizer=bpe", "tokenizer.vocabulary_size=90")
GRU = ("model/encoder=gru", "model.encoder.num_layers=2")
LSTM = ("model.encoder.num_layers=2",)


def dropouts(task: Task) -> set[float]:
    return {
        module.p
        for name, module in task.model.named_modules()
        if isinstance(module, nn.Dropout) and not name.endswith("feed_forward.dropout")
    }


def activation_dropouts(task: Task) -> set[float]:
    return {module.dropout.p for module in task.model.modules() if isinstance(module, FeedForward)}


def bpe_dropout(task: Task) -> set[float]:
    sampler = task.trainer.datamodule.sampler
    return {sampler.probability if sampler else 0.0}


def attention_dropouts(task: Task) -> set[float]:
    found = [module.dropout for name, module in task.model.named_modules() if name.endswith("attention")]
    return {probability for probability in found if isinstance(probability, float)}


def decay(task: Task) -> set[float]:
    """Of matrices; that the rest never decays is a test of the parameter groups."""
    return {
        group["weight_decay"]
        for group in task.optimizers().optimizer.param_groups
        if group["params"][0].ndim > 1
    }


def augmentation(task: Task) -> TokenAugmentation:
    """None stands for no augmentation at all."""
    return task.trainer.datamodule.augmentation or TokenAugmentation(0.0, 0.0, 0.0)


PLACES: list[tuple[str, tuple[str, ...], Callable[[Task], set[float]]]] = [
    ("dropout", TRANSFORMER, dropouts),
    ("attention_dropout", TRANSFORMER, attention_dropouts),
    ("activation_dropout", TRANSFORMER, activation_dropouts),
    ("coverage", (*TRANSFORMER, "model/copy=pointer"), lambda task: {task.coverage}),
    ("r_drop", TRANSFORMER, lambda task: {task.r_drop}),
    ("bpe_dropout", (*TRANSFORMER, *SUBWORDS), bpe_dropout),
    ("label_smoothing", TRANSFORMER, lambda task: {task.label_smoothing}),
    ("word_dropout", CLASSIFIER, lambda task: {task.model.word_dropout.p}),
    ("state_dropout", CLASSIFIER, lambda task: {task.model.state_dropout.p}),
    ("token_drop", CLASSIFIER, lambda task: {augmentation(task).drop}),
    ("token_swap", CLASSIFIER, lambda task: {augmentation(task).swap}),
    ("token_mask", CLASSIFIER, lambda task: {augmentation(task).mask}),
    ("embedding_dropout", CLASSIFIER, lambda task: {task.model.embedding_dropout.p}),
    ("mlp_dropout", CLASSIFIER, lambda task: {m.p for m in task.model.mlp if isinstance(m, nn.Dropout)}),
    ("recurrent_dropout", (*CLASSIFIER, *LSTM), lambda task: {task.model.encoder.stack.dropout.p}),
    ("recurrent_dropout", (*CLASSIFIER, *GRU), lambda task: {task.model.encoder.stack.dropout.p}),
    ("label_smoothing", CLASSIFIER, lambda task: {task.label_smoothing}),
    ("attention_penalty", CLASSIFIER, lambda task: {task.penalty_weight}),
]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    """Trains, and gives the task that was trained."""
    monkeypatch.chdir(tmp_path)
    tasks: list[Task] = []
    build = command.build_task

    def kept(*arguments: object) -> Task:
        tasks.append(build(*arguments))
        return tasks[-1]

    monkeypatch.setattr(command, "build_task", kept)
    return lambda *words: (
        trained("regularization=none", "callbacks=none", "logger=none", "test=false", *words),
        tasks[-1],
    )[1]


@pytest.mark.parametrize(("name", "words", "found"), PLACES)
def test_the_number_reaches_its_place(
    name: str, words: tuple[str, ...], found: Callable[[Task], set[float]], built: Callable[..., Task]
) -> None:
    assert found(built(*words)) == {0.0}
    assert found(built(*words, f"regularization.{name}=0.25")) == {0.25}


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_weight_decay_reaches_every_optimizer(optimizer: str, built: Callable[..., Task]) -> None:
    task = built(*CLASSIFIER, f"optimizer={optimizer}", "regularization.weight_decay=0.25")
    assert decay(task) - {0.0} == {0.25}
    decaying = [p for g in task.optimizers().optimizer.param_groups if g["weight_decay"] for p in g["params"]]
    assert not any(p is task.model.embedding.weight for p in decaying)


def test_what_is_no_number_reaches_its_place_too(built: Callable[..., Task]) -> None:
    task = built(*CLASSIFIER)
    assert task.class_weights is None and task.penalty_is_squared
    words = ("regularization.class_weights={positive: 3.0}", "regularization.penalty_form=unsquared")
    task = built(*CLASSIFIER, *words)
    assert task.class_weights.tolist() == [1.0, 3.0] and not task.penalty_is_squared


def test_every_number_has_a_test_here() -> None:
    numbers = yaml.safe_load(Path(CONF, "regularization", "none.yaml").read_text(encoding="utf-8"))
    assert {name for name, _, _ in PLACES} | {"weight_decay", "penalty_form", "class_weights"} == set(numbers)
    assert [value for value in numbers.values() if value] == ["squared"]


def test_no_other_file_sets_such_a_number_itself() -> None:
    names = set(yaml.safe_load(Path(CONF, "regularization", "none.yaml").read_text(encoding="utf-8")))
    for file in Path(CONF).glob("*/**/*.yaml"):
        for line in file.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in names and value and file.parent.name not in ("regularization", "decoding"):
                assert "${regularization." in value, f"{file}: {line}"


def test_dropout_is_active_in_training_only(built: Callable[..., Task]) -> None:
    task = built(*CLASSIFIER, "regularization.embedding_dropout=0.5").eval()
    tokens, is_padding = torch.tensor([[5, 6, 7]]), torch.zeros(1, 3, dtype=torch.bool)
    first, second = (task.model(tokens, is_padding).logits for _ in range(2))
    assert torch.equal(first, second)
