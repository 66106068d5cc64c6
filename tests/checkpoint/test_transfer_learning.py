"""What was learned elsewhere helps."""

import random
from pathlib import Path

import torch
from torch import nn

from attendo.data.preparation import PreparedData
from small_runs import (
    SPLITS,
    Rows,
    classification_task,
    keyword_texts,
    module_of,
    optimization,
    prepared,
    small_trainer,
)
from transfers import Side, classifier_config


def accuracy(data: PreparedData, model: nn.Module, epochs: int) -> float:
    """On the test split, after training the model."""
    how = optimization(lambda groups: torch.optim.Adam(groups, lr=3e-3))
    task = classification_task(model, how, data)
    trainer = small_trainer(max_epochs=epochs, limit_val_batches=0)
    trainer.fit(task, datamodule=module_of(data))
    trainer.test(task, datamodule=module_of(data), verbose=False)
    return float(trainer.callback_metrics["test/accuracy"])


def corpus(cache: Path, sizes: tuple[int, ...], seed: int, shuffled: bool = False) -> PreparedData:
    """Texts with a keyword, whose words get other ids in every corpus, and with words of its own."""
    generator = random.Random(seed)
    rows = {}
    for split, size in zip(SPLITS, sizes, strict=True):
        texts_and_labels = keyword_texts(generator, size)
        labels = [label for _, label in texts_and_labels]
        if shuffled:
            generator.shuffle(labels)
        own = [f"{text} {generator.choice('pqrst')}{seed}" for text, _ in texts_and_labels]
        rows[split] = list(zip(own, labels, strict=True))
    return prepared(cache, Rows(("text", "label"), rows))


def test_what_was_learned_elsewhere_helps_where_there_is_little_data(folder: Path) -> None:
    """Not so from scratch, nor from a model that learned the same texts with labels that mean nothing."""
    little = corpus(folder, (48, 4, 300), seed=5)
    scores = {}
    for name in ("scratch", "transfer", "nonsense"):
        new = Side(classifier_config(12), dict(little.tokenizers), little.labels)
        if name != "scratch":
            much = corpus(folder, (600, 4, 4), seed=6, shuffled=name == "nonsense")
            old = Side(classifier_config(12), dict(much.tokenizers), much.labels)
            accuracy(much, old.model, epochs=8)
            old.fresh = old.model.state_dict()
            assert list(new.take(old).resized) == ["embedding.weight"]
        scores[name] = accuracy(little, new.model, epochs=3)
    assert scores["transfer"] > 0.95 and max(scores["scratch"], scores["nonsense"]) < 0.6, scores
