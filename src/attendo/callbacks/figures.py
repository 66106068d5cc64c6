"""Pictures of a classifier's validation in TensorBoard."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.hooks import RemovableHandle

from attendo.data import Batch, ClassificationBatch
from attendo.figures import attention_map, confusion_matrix, reliability_diagram
from attendo.metrics import confusion_counts
from attendo.models.self_attentive import ClassifierOutput
from attendo.tokenization import SPECIAL_TOKENS, UNK, Tokenizer

MOST_TOKENS = 400  # of an attention map

Kept = TypeVar("Kept")
BatchType = TypeVar("BatchType", bound=Batch)


class ClassificationFigures(pl.Callback):
    """After every validation of a classifier: confusion matrix, reliability, and attention to some rows.

    It reads what validation computes anyway: the task's ``records``, and the model's output as it comes by.

    Args:
        samples: rows whose attention is shown, the first of the split (of several ranks, of the first one's).
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.attention: dict[int, dict[str, Float[np.ndarray, "hop time"]]] = {}  # row → role → weights
        self.output: ClassifierOutput | None = None
        self.hook: RemovableHandle | None = None

    def on_validation_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.forget()
        if "label" in pl_module.roles and is_shown(trainer):
            self.hook = pl_module.model.register_forward_hook(self.keep)

    def keep(self, model: object, inputs: object, output: ClassifierOutput) -> None:
        self.output = output

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self.output is None or batch.sentence_count == 0:
            return
        keep_first(self.attention, self.samples, batch, partial(weights_of, self.output))
        self.output = None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.hook is not None and pl_module.records:
            tokenizers = trainer.datamodule.data.tokenizers  # type: ignore[attr-defined]
            is_calibrated = float(pl_module.model.temperature) != 1
            figures = score_figures(pl_module.records, pl_module.uncalibrated, is_calibrated)
            for record in pl_module.records:
                for role, weights in self.attention.get(record["row"], {}).items():
                    name = f"attention/row {record['row']}" + ("" if role == "text" else f" {role}")
                    figures[name] = attention_figure(record, role, weights, tokenizers[role])
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    for name, figure in figures.items():
                        logger.experiment.add_figure(f"validation/{name}", figure, trainer.global_step)
        self.forget()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        self.forget()

    def forget(self) -> None:
        if self.hook is not None:
            self.hook.remove()
        self.hook, self.output, self.attention = None, None, {}


def is_shown(trainer: pl.Trainer) -> bool:
    """Whether this validation is one to show, and somewhere to show it."""
    has_board = any(isinstance(logger, TensorBoardLogger) for logger in trainer.loggers)
    return has_board and trainer.is_global_zero and not trainer.sanity_checking


def keep_first(
    kept: dict[int, Kept], most: int, batch: BatchType, sample: Callable[[BatchType, int], Kept]
) -> None:
    """Adds rows of a batch, of which only the ``most`` with the smallest numbers are kept.

    Args:
        kept: number of the row in its split → what is kept of it.
        sample: what to keep of the row at a place of the batch.
    """
    for place, row in enumerate(batch.rows.tolist()):
        if len(kept) < most or row < max(kept, default=-1):
            kept[row] = sample(batch, place)
            if len(kept) > most:
                del kept[max(kept)]


def weights_of(
    output: ClassifierOutput, batch: ClassificationBatch, place: int
) -> dict[str, Float[np.ndarray, "hop time"]]:
    """Role → attention to the real tokens of one row of a batch."""
    sides = {"text": (output.attention, batch.is_padding)}
    if output.attention_b is not None and batch.is_padding_b is not None:
        sides["text_b"] = (output.attention_b, batch.is_padding_b)
    return {
        role: attention[place][:, ~is_padding[place]].float().cpu().numpy()
        for role, (attention, is_padding) in sides.items()
    }


def attention_figure(
    record: dict[str, Any], role: str, weights: Float[np.ndarray, "hop time"], tokenizer: Tokenizer
) -> Figure:
    time = weights.shape[1]
    pieces = tokenizer.pieces(record[role])[:time]
    tokens = pieces + [SPECIAL_TOKENS[UNK]] * (time - len(pieces))  # it stands for a text without tokens
    title = f"predicted {shown(record['predicted'])}, is {shown(record['label'])}"
    return attention_map(weights, tokens, title, MOST_TOKENS)


def score_figures(
    records: Sequence[dict[str, Any]], uncalibrated: Float[Tensor, "item label"], is_calibrated: bool
) -> dict[str, Figure]:
    """Name → figure; a confusion matrix only where a row has one label."""
    names = list(records[0]["probabilities"])
    code = {name: number for number, name in enumerate(names)}
    figures = {}
    if isinstance(records[0]["label"], str):
        labels, predicted = (
            torch.tensor([code[record[key]] for record in records]) for key in ("label", "predicted")
        )
        figures["confusion"] = confusion_matrix(confusion_counts(predicted, labels, len(names)), names)
    else:
        labels = torch.tensor([[name in record["label"] for name in names] for record in records])
    scaled = torch.tensor([list(record["probabilities"].values()) for record in records])
    figures["reliability"] = reliability_diagram(uncalibrated, labels, scaled if is_calibrated else None)
    return figures


def shown(label: str | Sequence[str]) -> str:
    return label if isinstance(label, str) else ", ".join(label) or "none"
