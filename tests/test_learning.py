"""The whole road must learn what can be learned, and nothing where nothing can."""

import functools
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from attendo.data.preparation import PreparedData
from attendo.optim import ClipNorm, linear
from small_runs import (
    SPLITS,
    Rows,
    batch_sizes,
    classification_task,
    classifier,
    module_of,
    optimization,
    prepared,
    prepared_texts,
    seq2seq_task,
    small_trainer,
    transformer,
)

REWRITINGS: dict[str, Callable[[list[str]], list[str]]] = {
    "copy": list,
    "reverse": lambda digits: digits[::-1],
    "sort": sorted,
}
HOW = functools.partial(
    optimization,
    functools.partial(torch.optim.AdamW, lr=1e-2, betas=(0.9, 0.98), weight_decay=0.01),
    schedule=functools.partial(linear, warmup_steps=20, final_fraction=0.0),
    clip=ClipNorm(max_norm=1.0, norm_type=2.0),
)


def digit_pairs(cache: Path, rewrite: Callable[[list[str]], list[str]], shuffled: bool) -> PreparedData:
    """Digits and what becomes of them; shuffled: the training targets are dealt out anew."""
    generator, rows = random.Random(1), {}
    for split, count in zip(SPLITS, (3000, 64, 200), strict=True):
        digits = [generator.choices("0123456789", k=generator.randint(2, 6)) for _ in range(count)]
        targets = [" ".join(rewrite(each)) for each in digits]
        if shuffled and split == "train":
            generator.shuffle(targets)
        rows[split] = [(" ".join(each), target) for each, target in zip(digits, targets, strict=True)]
    return prepared(cache, Rows(("source", "target"), rows))


def rewriting_score(data: PreparedData) -> float:
    """Exact match on the test split after a short training."""
    torch.manual_seed(1)
    task = seq2seq_task(transformer(data, width=32), HOW(monitor="validation/bleu"), data)
    trainer = small_trainer(max_epochs=9, limit_val_batches=0, log_every_n_steps=50)
    module = module_of(data, batch_sizes(64, 2000))
    trainer.fit(task, datamodule=module)
    trainer.test(task, datamodule=module, verbose=False)
    return float(trainer.callback_metrics["test/exact_match"])


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in REWRITINGS if name != "reverse"]


@pytest.mark.parametrize("name", ["reverse", *OTHERS])
def test_a_transformer_learns_to_rewrite(name: str, folder: Path) -> None:
    assert rewriting_score(digit_pairs(folder, REWRITINGS[name], shuffled=False)) > 0.9


def test_a_transformer_learns_nothing_from_targets_of_other_sources(folder: Path) -> None:
    assert rewriting_score(digit_pairs(folder, REWRITINGS["copy"], shuffled=True)) < 0.05


def keyword_score(data: PreparedData) -> float:
    """Accuracy on the test split after a short training."""
    torch.manual_seed(1)
    task = classification_task(classifier(data), HOW(), data, label_smoothing=0.1, attention_penalty=0.1)
    trainer = small_trainer(max_epochs=6, limit_val_batches=0, log_every_n_steps=50)
    trainer.fit(task, datamodule=module_of(data))
    trainer.test(task, datamodule=module_of(data), verbose=False)
    return float(trainer.callback_metrics["test/accuracy"])


def test_a_classifier_finds_the_planted_keyword(folder: Path) -> None:
    assert keyword_score(prepared_texts(folder, (500, 10, 300))) > 0.98


def test_a_classifier_learns_nothing_from_shuffled_labels(folder: Path) -> None:
    assert keyword_score(prepared_texts(folder, (500, 10, 300), shuffled=True)) < 0.5
