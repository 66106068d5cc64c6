"""Sequence to sequence: translation, transliteration, rewriting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.data import Seq2SeqBatch
from attendo.losses import Loss, coverage, smoothed_nll, symmetric_kl
from attendo.metrics import Metric
from attendo.models import Ensemble, TransformerSeq2Seq
from attendo.models.transformer import Copied, Memory
from attendo.scheduled_sampling import ScheduledSampling
from attendo.tasks.decoding import Decoding
from attendo.tasks.optimization import Optimization
from attendo.tasks.task import Record, Task, check_smoothing
from attendo.tasks.terms import Learned, Term
from attendo.tokenization import Tokenizer


@dataclass(frozen=True)
class Predicted:
    """What the model says at the real positions of a batch's targets.

    Attributes:
        weight: 0 at positions of fillers.
        copied: where the copy mechanism looked, at all positions.
    """

    log_probs: Float[Tensor, "item vocab"]
    targets: Int[Tensor, " item"]
    weight: Float[Tensor, " item"]
    copied: Copied | None

    @classmethod
    def of(
        cls, batch: Seq2SeqBatch, log_probs: Float[Tensor, "item vocab"], copied: Copied | None
    ) -> "Predicted":
        is_real = ~batch.target_is_padding
        return cls(
            log_probs, batch.targets[is_real], batch.weight[:, None].expand_as(is_real)[is_real], copied
        )

    @property
    def accuracy(self) -> Loss:
        is_right = (self.log_probs.argmax(dim=-1) == self.targets) * self.weight
        return Loss(is_right.sum(), self.weight.sum())


class Seq2SeqTask(Task):
    """Label-smoothed likelihood of the target; scores of what is decoded.

    Args:
        model: encoder-decoder; to evaluate only, also an ensemble of them.
        optimization: how parameters are moved; None to evaluate only.
        target_tokenizer: turns decoded ids into text.
        decoding: how test rows are answered.
        validation_decoding: how validation rows are answered during a training.
        validation_share: share of the validation rows that are answered then, evenly spread; the loss is of
            all.
        metrics: name → metric; None: one that is left out.
        scheduled_sampling: how the model reads its own guesses in training; None: it reads the reference.
        label_smoothing: probability spread over the whole vocabulary.
        coverage: weight of the coverage loss, which keeps the copy mechanism from looking twice anywhere (of
            the first of r_drop's two passes).
        r_drop: α of Liang et al. 2021, weight of the divergence of two passes under different dropout; the
            objective is half of theirs, -(log p₁ + log p₂) / 2 + α (KL(p₁‖p₂) + KL(p₂‖p₁)) / 4. Under
            scheduled sampling, the two passes read different guesses.

    Attributes:
        found_signatures: what has to be said beside the scores of the last evaluation.
    """

    roles = ("source", "target")
    chief_metrics = ("loss", "token_accuracy", "bleu", "rougeL", "exact_match", "token_error_rate")
    model: TransformerSeq2Seq

    def __init__(
        self,
        model: TransformerSeq2Seq | Ensemble,
        optimization: Optimization | None,
        target_tokenizer: Tokenizer,
        decoding: Decoding,
        validation_decoding: Decoding,
        validation_share: float,
        metrics: Mapping[str, Metric | None],
        scheduled_sampling: ScheduledSampling | None,
        label_smoothing: float,
        coverage: float,
        r_drop: float,
    ) -> None:
        super().__init__(model, optimization)
        check_smoothing(label_smoothing)
        for name, weight in (("coverage", coverage), ("r_drop", r_drop)):
            if weight < 0:
                raise ValueError(f"regularization.{name}={weight}: expected 0 or more")
        if coverage and optimization is not None and getattr(model, "copy", None) is None:
            raise ValueError(
                f"regularization.coverage={coverage} needs a copy mechanism: add model/copy=pointer"
            )
        if not 0 < validation_share <= 1:
            raise ValueError(
                f"task.validation_share={validation_share}: expected a share above 0 and up to 1"
            )
        self.target_tokenizer = target_tokenizer
        self.decoding, self.validation_decoding = decoding, validation_decoding
        self.validation_share = validation_share
        self.metrics = {name: metric for name, metric in metrics.items() if metric is not None}
        self.scheduled_sampling = scheduled_sampling
        self.label_smoothing, self.coverage, self.r_drop = label_smoothing, coverage, r_drop
        self.found_signatures: dict[str, str] = {}

    def signatures(self) -> dict[str, str]:
        return self.found_signatures

    # ------------------------------------------------------------------------------------------- training
    def learn(self, batch: Seq2SeqBatch) -> Learned:
        first = self.predicted(batch)
        terms = {"nll": Term(self.nll(first), 1.0, "tokens")}
        if self.r_drop:
            second = self.predicted(batch)
            mean = (terms["nll"].loss.sum + self.nll(second).sum) / 2
            terms["nll"] = Term(Loss(mean, terms["nll"].loss.count), 1.0, "tokens")
            divergence = symmetric_kl(first.log_probs, second.log_probs, first.weight)
            terms["r_drop"] = Term(divergence, self.r_drop / 2, "tokens")  # with the mean, not the sum, above
        if self.coverage:
            assert first.copied is not None
            looked_twice = coverage(first.copied.attention, ~batch.target_is_padding, batch.weight)
            terms["coverage"] = Term(looked_twice, self.coverage, "tokens")
        return Learned(terms, {"token_accuracy": first.accuracy, **self.gold_share(batch)})

    def nll(self, predicted: Predicted) -> Loss:
        """Smoothed over the vocabulary alone: an unknown word of another sentence is no possible answer."""
        return smoothed_nll(
            predicted.log_probs,
            predicted.targets,
            predicted.weight,
            self.label_smoothing,
            classes=len(self.target_tokenizer),
        )

    def predicted(self, batch: Seq2SeqBatch) -> Predicted:
        """The model's answer to the reference, or to a mixture of it with its own guesses."""
        model, unknown, sampling = self.model, len(batch.unknown_words), self.scheduled_sampling
        memory = model.encode(batch.source, batch.source_is_padding, batch.copy_ids, unknown)
        if sampling is None or sampling.is_off(*self.progress):
            hidden = model.decode(model.embedded(batch.target_inputs), memory)
        else:
            hidden = self.sampled(batch, memory, sampling)
        copied = model.copied(hidden, memory)
        return Predicted.of(batch, model.output(hidden, copied, ~batch.target_is_padding), copied)

    def sampled(
        self, batch: Seq2SeqBatch, memory: Memory, sampling: ScheduledSampling
    ) -> Float[Tensor, "batch target hidden"]:
        """The decoder's states where it reads some of its own guesses."""
        model, gold = self.model, (batch.target_inputs, batch.target_is_padding)

        def read(
            hidden: Float[Tensor, "batch target hidden"], where: Bool[Tensor, "batch target"]
        ) -> Float[Tensor, "item vocab"]:
            return model.output(hidden, model.copied(hidden, memory), where)

        if sampling.form == "sequential":
            start = model.decoder.start(memory)
            return sampling.states(*gold, start, model.advance, read, model.embedded, *self.progress)
        inputs = sampling.inputs(
            *gold,
            lambda vectors, where: read(model.decode(vectors, memory), where),
            model.embedded,
            *self.progress,
        )
        return model.decode(inputs, memory)

    @property
    def progress(self) -> tuple[int, int]:
        """Optimizer steps and epochs that are done."""
        return self.trainer.global_step, self.trainer.current_epoch

    def gold_share(self, batch: Seq2SeqBatch) -> dict[str, Loss]:
        """The probability with which a token of the reference is read, under scheduled sampling."""
        if self.scheduled_sampling is None:
            return {}
        places = self.scheduled_sampling.gold_probability(*self.progress, batch.targets.shape[1])
        weight = ~batch.target_is_padding * batch.weight[:, None]
        return {"gold_probability": Loss((weight * places.to(weight)).sum(), weight.sum())}

    # ----------------------------------------------------------------------------------------- evaluation
    def evaluate(self, batch: Seq2SeqBatch) -> tuple[list[Record], Mapping[str, Loss]]:
        log_probs = self.model.log_probs(
            batch.source,
            batch.source_is_padding,
            batch.target_inputs,
            ~batch.target_is_padding,
            batch.copy_ids,
            len(batch.unknown_words),
        )
        predicted = Predicted.of(batch, log_probs, None)
        losses = {
            "loss": smoothed_nll(predicted.log_probs, predicted.targets, predicted.weight, 0.0),
            "token_accuracy": predicted.accuracy,
        }
        return self.answers(batch), losses

    def answers(self, batch: Seq2SeqBatch) -> list[Record]:
        """Of the rows that are answered now."""
        rows = batch.rows.tolist()
        places = [place for place, row in enumerate(rows) if self.is_answered(row)]
        if not places:
            return []
        chosen = torch.tensor(places, device=batch.source.device)
        answers = self.decoding_now(
            self.model,
            batch.source[chosen],
            batch.source_is_padding[chosen],
            None if batch.copy_ids is None else batch.copy_ids[chosen],
            len(batch.unknown_words),
        )
        records = []
        for place, hypotheses in zip(places, answers, strict=True):
            text = self.target_tokenizer.decode(hypotheses[0].ids, batch.unknown_words)
            record = {"row": rows[place], **{name: texts[place] for name, texts in batch.raw.items()}}
            records.append({**record, "predicted": text})
        return records

    def is_answered(self, row: int) -> bool:
        """Of a few batches, as in a check before training, all rows are: else it might be none."""
        limit = self.trainer.limit_val_batches
        is_whole = isinstance(limit, float) and limit == 1.0 and not self.trainer.sanity_checking
        share = self.validation_share if self.is_validating and is_whole else 1.0
        return floor((row + 1) * share) > floor(row * share)

    @property
    def is_validating(self) -> bool:
        return not self.trainer.testing

    @property
    def decoding_now(self) -> Decoding:
        return self.validation_decoding if self.is_validating else self.decoding

    def scores(self, records: Sequence[Record]) -> dict[str, float]:
        hypotheses = [record["predicted"] for record in records]
        references = [record.get("references") or [record["target"]] for record in records]
        results = {name: metric(hypotheses, references) for name, metric in self.metrics.items()}
        share = (
            f", {self.validation_share:.0%} of the rows"
            if self.is_validating and self.validation_share < 1
            else ""
        )
        self.found_signatures = {
            "decoding": f"{self.decoding_now.name}{share}",
            **{f"{name}_signature": result.signature for name, result in results.items() if result.signature},
        }
        return {name: value for result in results.values() for name, value in result.values.items()}
