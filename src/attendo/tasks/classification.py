"""Text classification with attention."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attendo.data import ClassificationBatch
from attendo.losses import Loss, attention_penalty, hop_overlap, smoothed_bce, smoothed_nll
from attendo.metrics import (
    calibrated,
    classification_scores,
    expected_calibration_error,
    fit_temperature,
    multilabel_scores,
    per_class,
)
from attendo.models.self_attentive import ClassifierOutput
from attendo.suggestions import check_choice, did_you_mean
from attendo.tasks.optimization import Optimization
from attendo.tasks.task import Record, Task, check_smoothing
from attendo.tasks.terms import Learned, Term

PenaltyForm = Literal["squared", "unsquared"]
ClassWeights = Mapping[str | int | bool, float] | Literal["balanced"]


class TextClassificationTask(Task):
    """Cross-entropy plus the attention penalty; accuracy, F1 and their like, and calibrated probabilities.

    Args:
        model: (tokens, is_padding), or with two texts (tokens, is_padding, tokens_b, is_padding_b), →
            ``ClassifierOutput``; has a buffer ``temperature``.
        optimization: how parameters are moved; None to evaluate only.
        labels: class names in the order of their ids.
        is_multilabel: a row may have any number of labels; logits are read by sigmoid.
        rows_per_label: training rows of every class; None where nothing is trained.
        rows: training rows.
        label_smoothing: probability spread over all classes alike.
        attention_penalty: weight of the penalty on redundant hops.
        penalty_form: ‖AAᵀ − I‖²_F (squared; Lin et al. 2017, eq. 8), or ‖AAᵀ − I‖_F (unsquared).
        class_weights: factor on the loss of a class's rows; the mean is over the sum of factors. "balanced":
            rows / (classes · rows of the class). With several labels a row: factor on the loss where a row
            has the label; "balanced": rows without / rows with it. None: all rows count alike.
        fit_temperature: fit the model's temperature on each validation.

    Attributes:
        uncalibrated: probabilities at temperature 1 of the last evaluation's rows, as ``records`` has them.

    Raises:
        ValueError: a number is out of range, or a class weight is of no class.
    """

    roles = ("text", "label")
    chief_metrics = ("loss", "accuracy", "macro_f1")
    class_weights: Float[Tensor, " label"] | None

    def __init__(
        self,
        model: nn.Module,
        optimization: Optimization | None,
        labels: Sequence[str],
        is_multilabel: bool,
        rows_per_label: Sequence[int] | None,
        rows: int,
        label_smoothing: float,
        attention_penalty: float,
        penalty_form: PenaltyForm,
        class_weights: ClassWeights | None,
        fit_temperature: bool,
    ) -> None:
        super().__init__(model, optimization)
        check_smoothing(label_smoothing)
        if "temperature" not in dict(model.named_buffers(recurse=False)):
            raise ValueError(
                f"model: {type(model).__name__} must have a buffer `temperature`, 1 at the beginning"
            )
        if attention_penalty < 0:
            raise ValueError(f"regularization.attention_penalty={attention_penalty}: expected 0 or more")
        check_choice("regularization.penalty_form", penalty_form, get_args(PenaltyForm))
        self.labels, self.is_multilabel, self.label_smoothing = list(labels), is_multilabel, label_smoothing
        self.penalty_weight, self.penalty_is_squared = attention_penalty, penalty_form == "squared"
        self.fits_temperature = fit_temperature
        weights = factors(class_weights, self.labels, rows_per_label, rows, is_multilabel)
        self.register_buffer("class_weights", weights, persistent=False)
        self.table: list[dict[str, Any]] = []
        self.uncalibrated = torch.empty(0, len(self.labels))

    def learn(self, batch: ClassificationBatch) -> Learned:
        output = self.output(batch)
        weight, unit = self.loss_weight(batch)
        nll = self.nll(output.logits, batch.labels, weight, self.label_smoothing, self.class_weights)
        terms = {"nll": Term(nll, 1.0, unit)}
        if self.penalty_weight:
            terms["penalty"] = Term(self.penalty(output, batch.weight), self.penalty_weight, "sentences")
        is_right = self.decided(output.logits) == batch.labels
        if self.is_multilabel:
            is_right = is_right.all(dim=-1)
        accuracy = Loss((is_right * batch.weight).sum(), batch.weight.sum())
        return Learned(terms, {"accuracy": accuracy, **overlap_of_hops(output, batch.weight)})

    def evaluate(self, batch: ClassificationBatch) -> tuple[list[Record], Mapping[str, Loss]]:
        output = self.output(batch)
        losses = {
            "loss": self.nll(output.logits, batch.labels, batch.weight, 0.0, None),
            "penalty": self.penalty(output, batch.weight),
            **overlap_of_hops(output, batch.weight),
        }
        columns = {
            "row": batch.rows.tolist(),
            **batch.raw,
            "label": batch.labels.tolist(),
            "logits": output.logits.double().tolist(),
        }
        rows = zip(*columns.values(), strict=True)
        return [dict(zip(columns, values, strict=True)) for values in rows], losses

    def output(self, batch: ClassificationBatch) -> ClassifierOutput:
        texts = [batch.tokens, batch.is_padding]
        if batch.tokens_b is not None and batch.is_padding_b is not None:
            texts += [batch.tokens_b, batch.is_padding_b]
        output: ClassifierOutput = self.model(*texts)
        return output

    def nll(
        self,
        logits: Float[Tensor, "batch label"],
        labels: Tensor,
        weight: Float[Tensor, " batch"],
        smoothing: float,
        class_weights: Float[Tensor, " label"] | None,
    ) -> Loss:
        if self.is_multilabel:
            return smoothed_bce(logits, labels, weight, smoothing, class_weights)
        return smoothed_nll(log_probabilities(logits), labels, weight, smoothing)

    def penalty(self, output: ClassifierOutput, weight: Float[Tensor, " batch"]) -> Loss:
        return over_texts(partial(attention_penalty, squared=self.penalty_is_squared), output, weight)

    def loss_weight(self, batch: ClassificationBatch) -> tuple[Float[Tensor, " batch"], str]:
        """Weight of every row in the loss, and the unit of their sum."""
        if self.class_weights is None or self.is_multilabel:
            return batch.weight, "sentences"
        return batch.weight * self.class_weights[batch.labels], "class weights"

    def counts(self, batch: ClassificationBatch) -> dict[str, Tensor | int]:
        weight, unit = self.loss_weight(batch)
        return super().counts(batch) if unit == "sentences" else {**super().counts(batch), unit: weight.sum()}

    def decided(
        self, logits: Float[Tensor, "item label"]
    ) -> Int[Tensor, " item"] | Bool[Tensor, "item label"]:
        """The most probable class; with several labels a row, those that are more probable than not."""
        return logits > 0 if self.is_multilabel else logits.argmax(dim=-1)

    @property
    def temperature(self) -> Tensor:
        return self.model.get_buffer("temperature")

    def calibrate(self, records: Sequence[Record]) -> None:
        if self.fits_temperature:
            self.temperature.fill_(fit_temperature(*self.logits_and_labels(records)))

    def logits_and_labels(self, records: Sequence[Record]) -> tuple[Float[Tensor, "item label"], Tensor]:
        """Logits and labels of evaluated rows."""
        logits, labels = (torch.tensor([record[key] for record in records]) for key in ("logits", "label"))
        return logits, labels.bool() if self.is_multilabel else labels

    def scores(self, records: Sequence[Record]) -> dict[str, float]:
        logits, labels = self.logits_and_labels(records)
        probabilities = calibrated(logits, self.temperature, self.is_multilabel)
        self.uncalibrated = calibrated(logits, torch.ones(()), self.is_multilabel)
        score = multilabel_scores if self.is_multilabel else classification_scores
        self.table = per_class(probabilities, labels, self.labels)
        scores = {
            **score(probabilities, labels),
            "ece_uncalibrated": expected_calibration_error(self.uncalibrated, labels),
            "temperature": float(self.temperature),
        }
        for record, row, choice in zip(
            records, probabilities.tolist(), self.decided(logits).tolist(), strict=True
        ):
            del record["logits"]
            record["label"] = self.named(record["label"])
            record["predicted"] = self.named(choice)
            record["probabilities"] = dict(zip(self.labels, row, strict=True))
        return scores

    def named(self, label: int | Sequence[float | bool]) -> str | list[str]:
        """A class's name, or the names of the labels that are on."""
        if isinstance(label, int):
            return self.labels[label]
        return [name for name, is_on in zip(self.labels, label, strict=True) if is_on]

    def details(self) -> dict[str, Any]:
        return {"classes": self.table}


def overlap_of_hops(output: ClassifierOutput, weight: Float[Tensor, " batch"]) -> dict[str, Loss]:
    """How much the hops look at the same tokens, where there are several."""
    several = output.attention.shape[1] > 1
    return {"hop_overlap": over_texts(hop_overlap, output, weight)} if several else {}


def over_texts(
    measure: Callable[[Tensor, Tensor], Loss], output: ClassifierOutput, weight: Float[Tensor, " batch"]
) -> Loss:
    """What is measured of a text's attention; of two texts that are both pooled, the mean."""
    found = [measure(weights, weight) for weights in output.pooling_weights]
    return Loss(torch.stack([each.sum for each in found]).mean(), found[0].count)


def factors(
    wanted: ClassWeights | None,
    labels: Sequence[str],
    rows_per_label: Sequence[int] | None,
    rows: int,
    is_multilabel: bool,
) -> Float[Tensor, " label"] | None:
    """The class weights as numbers, as the task takes them; None where all rows count alike."""
    if wanted is None or rows_per_label is None:
        return None
    if wanted == "balanced":
        having = torch.tensor(rows_per_label, dtype=torch.float32).clamp(min=1)
        return (rows - having).clamp(min=1) / having if is_multilabel else rows / (len(labels) * having)
    given = {name if isinstance(name, str) else json.dumps(name): each for name, each in wanted.items()}
    for name, factor in given.items():
        where = f"regularization.class_weights: {name}"
        if name not in labels:
            hint = did_you_mean(name, labels)
            raise ValueError(f"{where}: there is no such class.{hint} There are: {', '.join(labels)}")
        if not 0 <= factor < math.inf:
            raise ValueError(f"{where}: {factor}: expected a factor of 0 or more")
    return torch.tensor([float(given.get(name, 1.0)) for name in labels])


def log_probabilities(logits: Float[Tensor, "batch label"]) -> Float[Tensor, "batch label"]:
    """In fp32 or wider, also under autocast."""
    return logits.log_softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
