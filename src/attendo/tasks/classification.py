"""Text classification with attention."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attendo.data import ClassificationBatch
from attendo.losses import Loss, attention_penalty, smoothed_nll
from attendo.metrics import accuracy, macro_f1
from attendo.models.self_attentive import ClassifierOutput
from attendo.tasks.optimization import Optimization
from attendo.tasks.task import Learned, Record, Task, Term, check_smoothing


class TextClassificationTask(Task):
    """Cross-entropy plus the attention penalty; accuracy and macro-F1.

    Args:
        model: (tokens, is_padding) → logits and attention.
        optimization: how parameters are moved; None to evaluate only.
        labels: class names in the order of their ids.
        label_smoothing: probability spread over all classes alike.
        attention_penalty: weight of ‖AAᵀ − I‖²_F (Lin et al. 2017, eq. 8).
    """

    roles = ("text", "label")

    def __init__(
        self,
        model: nn.Module,
        optimization: Optimization | None,
        labels: Sequence[str],
        label_smoothing: float,
        attention_penalty: float,
    ) -> None:
        super().__init__(model, optimization)
        check_smoothing(label_smoothing)
        if attention_penalty < 0:
            raise ValueError(f"regularization.attention_penalty={attention_penalty}: expected 0 or more")
        self.labels, self.label_smoothing = list(labels), label_smoothing
        self.penalty_weight = attention_penalty

    def learn(self, batch: ClassificationBatch) -> Learned:
        output: ClassifierOutput = self.model(batch.tokens, batch.is_padding)
        log_probs = log_probabilities(output.logits)
        nll = smoothed_nll(log_probs, batch.labels, batch.weight, self.label_smoothing)
        terms = {"nll": Term(nll, 1.0, "sentences")}
        if self.penalty_weight:
            penalty = attention_penalty(output.attention, batch.weight)
            terms["penalty"] = Term(penalty, self.penalty_weight, "sentences")
        is_right = (output.logits.argmax(dim=-1) == batch.labels) * batch.weight
        return Learned(terms, {"accuracy": Loss(is_right.sum(), batch.weight.sum())})

    def evaluate(self, batch: ClassificationBatch) -> tuple[list[Record], Mapping[str, Loss]]:
        output: ClassifierOutput = self.model(batch.tokens, batch.is_padding)
        log_probs = log_probabilities(output.logits)
        losses = {
            "loss": smoothed_nll(log_probs, batch.labels, batch.weight, 0.0),
            "penalty": attention_penalty(output.attention, batch.weight),
        }
        rows, labels = batch.rows.tolist(), batch.labels.tolist()
        records = [
            {
                "row": row,
                "text": text,
                "label": self.labels[label],
                "predicted": self.labels[max(range(len(p)), key=p.__getitem__)],
                "probabilities": dict(zip(self.labels, p, strict=True)),
            }
            for row, text, label, p in zip(
                rows, batch.raw["text"], labels, log_probs.exp().tolist(), strict=True
            )
        ]
        return records, losses

    def scores(self, records: Sequence[Record]) -> dict[str, float]:
        code = {name: number for number, name in enumerate(self.labels)}
        predicted = torch.tensor([code[record["predicted"]] for record in records])
        labels = torch.tensor([code[record["label"]] for record in records])
        return {
            "accuracy": accuracy(predicted, labels),
            "macro_f1": macro_f1(predicted, labels, len(self.labels)),
        }


def log_probabilities(logits: Float[Tensor, "batch label"]) -> Float[Tensor, "batch label"]:
    """In fp32 or wider, also under autocast."""
    return logits.log_softmax(dim=-1, dtype=torch.promote_types(logits.dtype, torch.float32))
