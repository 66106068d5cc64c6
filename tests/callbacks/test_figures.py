"""Figures of a classifier's validations: the same rows every time, and training that does not notice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attendo.callbacks import ClassificationFigures, figures
from attendo.callbacks.figures import score_figures
from attendo.data.preparation import PreparedData
from small_runs import largest_difference, module_of, small_task, small_trainer, trained


def images(folder: Path) -> dict[str, list[int]]:
    """Name → steps of the pictures in the folder's event files."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [image.step for image in events.Images(name)] for name in events.Tags()["images"]}


def board(folder: Path, **changed: Any) -> dict[str, Any]:
    return {"logger": TensorBoardLogger(folder, name="", version=""), "max_epochs": 3, **changed}


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, list[str], str]]:
    """What attention maps are made of."""
    seen: list[tuple[np.ndarray, list[str], str]] = []
    draw = figures.attention_map

    def spy(weights, tokens, title, most_tokens):
        seen.append((weights, tokens, title))
        return draw(weights, tokens, title, most_tokens)

    monkeypatch.setattr(figures, "attention_map", spy)
    return seen


def test_every_validation_but_the_sanity_check_has_its_figures(texts: PreparedData, folder: Path) -> None:
    trained(texts, None, None, ClassificationFigures(3), trainer=board(folder, num_sanity_val_steps=1))
    rows = {f"validation/attention/row {row}" for row in range(3)}
    found = images(folder)
    assert set(found) == rows | {"validation/confusion", "validation/reliability"}
    assert set(map(tuple, found.values())) == {(6, 12, 18)}


def test_attention_is_the_models_own_to_the_words_of_the_text(
    texts: PreparedData, folder: Path, maps
) -> None:
    task, _ = trained(texts, None, None, ClassificationFigures(4), trainer=board(folder, max_epochs=1))
    split, tokenizer = texts.splits["validation"], texts.tokenizers["text"]
    assert len(maps) == 4
    for row, (weights, tokens, title) in enumerate(maps):
        text = split.raw("text", np.array([row]))[0]
        ids = torch.tensor([tokenizer.encode(text)])
        expected = task.model(ids, torch.zeros_like(ids, dtype=torch.bool)).attention[0]
        np.testing.assert_allclose(weights, expected.detach().numpy(), atol=1e-6)
        assert tokens == text.split()
        record = task.records[row]
        assert title == f"predicted {record['predicted']}, is {record['label']}"


def test_training_does_not_notice(texts: PreparedData, folder: Path) -> None:
    class Generators(pl.Callback):
        """Fails if a validation has used a global generator, or left the model in another mode or hooked."""

        def states(self, task: pl.LightningModule) -> list[Any]:
            hooks = [len(task.model._forward_hooks), task.model.training]
            return [torch.get_rng_state().tolist(), str(np.random.get_state()), hooks]  # beartype uses random

        def on_train_batch_end(self, trainer, pl_module, *arguments: object) -> None:
            self.before = self.states(pl_module)

        def on_train_batch_start(self, trainer, pl_module, *arguments: object) -> None:
            if trainer.global_step % 6 == 0 and trainer.global_step:
                assert self.states(pl_module) == self.before

    plain, expected = trained(texts, dropout=0.3, trainer={"max_epochs": 3})
    callbacks = (Generators(), ClassificationFigures(4))
    shown, diary = trained(texts, None, None, *callbacks, dropout=0.3, trainer=board(folder))
    assert diary.losses == expected.losses and largest_difference(plain.model, shown.model) == 0.0


def test_without_tensorboard_without_labels_or_on_other_ranks_nothing_is_done(
    texts: PreparedData, pairs: PreparedData, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("attention_map", "confusion_matrix", "reliability_diagram"):
        monkeypatch.setattr(figures, name, None)  # calling it fails
    trained(texts, None, None, ClassificationFigures(3))
    trained(pairs, None, None, ClassificationFigures(3), trainer=board(folder))

    class Other(pl.Callback):
        def setup(self, trainer, *arguments: object, **named: object) -> None:
            monkeypatch.setattr(type(trainer), "is_global_zero", False)

    trained(texts, None, None, Other(), ClassificationFigures(3), trainer=board(folder / "other"))


@pytest.mark.parametrize("samples", [0, 1000])
def test_any_number_of_samples_is_fine(texts: PreparedData, folder: Path, samples: int) -> None:
    trained(texts, None, None, ClassificationFigures(samples), trainer=board(folder, max_epochs=1))
    maps = [name for name in images(folder) if "attention" in name]
    assert len(maps) == min(samples, len(texts.splits["validation"]))


def test_an_interrupted_validation_leaves_no_hook(texts: PreparedData, folder: Path) -> None:
    class Fails(pl.Callback):
        def on_validation_batch_end(self, *arguments: object) -> None:
            raise RuntimeError("on purpose")

    task = small_task(texts)
    trainer = small_trainer(Fails(), ClassificationFigures(3), **board(folder))
    with pytest.raises(RuntimeError, match="on purpose"):
        trainer.fit(task, datamodule=module_of(texts))
    assert not task.model._forward_hooks


def records(probabilities: np.ndarray, labels: list[Any], predicted: list[Any]) -> list[dict[str, Any]]:
    rows = zip(probabilities.tolist(), labels, predicted, strict=True)
    return [
        {"row": row, "label": label, "predicted": guess, "probabilities": dict(zip("abc", p, strict=True))}
        for row, (p, label, guess) in enumerate(rows)
    ]


@pytest.mark.parametrize("several", [False, True])
def test_both_diagrams_are_drawn_where_a_temperature_was_fitted(
    several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(1)).double() * 3
    read = torch.sigmoid if several else (lambda values: values.softmax(dim=1))
    labels: list[Any] = [["a"], [], ["b", "c"]] * 16 + [["c"]] * 2 if several else list("abcab") * 10
    seen: list[Any] = []
    draw = figures.reliability_diagram
    monkeypatch.setattr(figures, "reliability_diagram", lambda *given: seen.append(given) or draw(*given))
    rows = records(read(logits / 2.5).numpy(), labels, labels)
    for is_calibrated in (True, False):
        found = score_figures(rows, read(logits), is_calibrated)
        assert set(found) == ({"reliability"} if several else {"confusion", "reliability"})
    (before, truth, after), (_, _, nothing) = seen
    torch.testing.assert_close(before, read(logits))
    torch.testing.assert_close(after, read(logits / 2.5).float())
    assert truth.shape == ((50, 3) if several else (50,))
    assert nothing is None
