"""Where a sequence-to-sequence model looks at validations: the same pairs every time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attendo.callbacks import seq2seq_figures
from attendo.callbacks.seq2seq_figures import Seq2SeqFigures
from attendo.data.batches import decoder_inputs
from attendo.data.preparation import PreparedData
from attendo.models.transformer.attention_maps import attention_maps
from attendo.tokenization import EOS
from small_runs import largest_difference, trained


def board(folder: Path, **changed: Any) -> dict[str, Any]:
    return {"logger": TensorBoardLogger(folder, name="", version=""), "max_epochs": 3, **changed}


def events_of(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


@pytest.fixture
def matrices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, list[str], list[str]]]:
    """What pictures are made of."""
    seen: list[tuple[np.ndarray, list[str], list[str]]] = []
    draw = seq2seq_figures.token_matrix

    def spy(weights, rows, columns, title, most_tokens):
        seen.append((weights, rows, columns))
        return draw(weights, rows, columns, title, most_tokens)

    monkeypatch.setattr(seq2seq_figures, "token_matrix", spy)
    return seen


def test_every_validation_but_the_sanity_check_has_pictures_and_entropies(
    pairs: PreparedData, folder: Path
) -> None:
    trained(pairs, None, None, Seq2SeqFigures(3), trainer=board(folder, num_sanity_val_steps=1))
    events = events_of(folder)
    pictures = {f"validation/cross-attention/row {row}" for row in range(3)}
    assert set(events.Tags()["images"]) == pictures
    heads = {
        f"validation/entropy of {kind} heads/layer 1 head {head}"
        for kind in ("encoder", "decoder", "cross")
        for head in (1, 2)
    }
    assert heads <= set(events.Tags()["scalars"])
    steps = [event.step for event in events.Scalars(min(heads))]
    assert steps == [image.step for image in events.Images(min(pictures))] and len(steps) == 3
    assert all(0 < event.value < 1 for name in heads for event in events.Scalars(name))


def test_attention_is_the_models_own_to_the_words_of_the_pair(
    pairs: PreparedData, folder: Path, matrices
) -> None:
    task, _ = trained(pairs, None, None, Seq2SeqFigures(4), trainer=board(folder, max_epochs=1))
    split = pairs.splits["validation"]
    assert len(matrices) == 4
    for row, (weights, rows, columns) in enumerate(matrices):
        texts = [split.raw(role, np.array([row]))[0] for role in ("source", "target")]
        ids = [
            torch.tensor([[*pairs.tokenizers[role].encode(text), EOS]])
            for role, text in zip(("source", "target"), texts, strict=True)
        ]
        maps = attention_maps(
            task.model, ids[0], torch.zeros_like(ids[0], dtype=torch.bool), decoder_inputs(ids[1])
        )
        np.testing.assert_allclose(weights, maps.cross[0, 0].mean(dim=0).numpy(), atol=1e-6)
        assert (columns, rows) == tuple([*text.split(), "<eos>"] for text in texts)


def test_training_does_not_notice(pairs: PreparedData, folder: Path) -> None:
    plain, expected = trained(pairs, dropout=0.3, trainer={"max_epochs": 3})
    shown, diary = trained(pairs, None, None, Seq2SeqFigures(4), dropout=0.3, trainer=board(folder))
    assert diary.losses == expected.losses and largest_difference(plain.model, shown.model) == 0.0


def test_without_tensorboard_or_with_labels_nothing_is_done(
    texts: PreparedData, pairs: PreparedData, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seq2seq_figures, "attention_maps", None)  # calling it fails
    trained(pairs, None, None, Seq2SeqFigures(3))
    trained(texts, None, None, Seq2SeqFigures(3), trainer=board(folder))
    trained(pairs, None, None, Seq2SeqFigures(0), trainer=board(folder / "none"))
