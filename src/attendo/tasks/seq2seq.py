"""Sequence to sequence: translation, transliteration, rewriting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from attendo.data import Seq2SeqBatch
from attendo.decoding import greedy
from attendo.losses import Loss, smoothed_nll
from attendo.metrics import Bleu, corpus_bleu, exact_match
from attendo.models.transformer import TransformerSeq2Seq
from attendo.tasks.optimization import Optimization
from attendo.tasks.task import Record, Task, check_smoothing
from attendo.tasks.terms import Learned, Term
from attendo.tokenization import BOS, EOS, PAD, Tokenizer


@dataclass(frozen=True)
class GreedyDecoding:
    """Always the most probable next token, up to a length that depends on the sentence's own source.

    Args:
        length_factor: an answer has at most length_factor · source tokens + length_offset tokens.
        length_offset: see there.
    """

    length_factor: float
    length_offset: int

    def __post_init__(self) -> None:
        if self.length_factor < 0 or self.length_offset < 0 or self.length_factor + self.length_offset == 0:
            raise ValueError(
                f"decoding.length_factor={self.length_factor} and decoding.length_offset="
                f"{self.length_offset}: expected numbers ≥ 0, not both 0"
            )

    def __call__(
        self, model: TransformerSeq2Seq, source: Tensor, is_padding: Bool[Tensor, "row source"]
    ) -> list[list[int]]:
        """Target ids of every source row (EOS included in the source, BOS and EOS not in the answer)."""
        lengths = (~is_padding).sum(dim=1) - 1
        limits = (lengths * self.length_factor + self.length_offset).long()
        if model.longest_target is not None:
            limits = limits.clamp(max=model.longest_target)
        state = model.start(model.encode(source, is_padding))
        return greedy(model.step, state, bos=BOS, eos=EOS, maximum_lengths=limits, banned=(PAD, BOS))


@dataclass(frozen=True)
class BleuSettings:
    """How BLEU is computed.

    Args:
        tokenize: sacrebleu's tokenizer: 13a for European languages, zh, ja-mecab, ko-mecab, char, …
        lowercase: ignore case.
    """

    tokenize: str
    lowercase: bool

    def __post_init__(self) -> None:
        self([""], ["a tokenizer that cannot be used is refused here"])

    def __call__(self, hypotheses: Sequence[str], references: Sequence[str]) -> Bleu:
        return corpus_bleu(hypotheses, references, tokenize=self.tokenize, lowercase=self.lowercase)


class Seq2SeqTask(Task):
    """Label-smoothed likelihood of the target under teacher forcing; BLEU and exact match of what is decoded.

    Args:
        model: encoder-decoder with ``forward``, ``output``, ``encode``, ``start`` and ``step``.
        optimization: how parameters are moved; None to evaluate only.
        target_tokenizer: turns decoded ids into text.
        decoding: (model, source, is_padding) → target ids.
        label_smoothing: probability spread over the whole vocabulary.
        bleu: how BLEU is computed.

    Attributes:
        signature: sacrebleu's signature of the last BLEU; "" before the first.
    """

    roles = ("source", "target")
    chief_metrics = ("loss", "token_accuracy", "bleu", "exact_match")
    model: TransformerSeq2Seq

    def __init__(
        self,
        model: TransformerSeq2Seq,
        optimization: Optimization | None,
        target_tokenizer: Tokenizer,
        decoding: GreedyDecoding,
        label_smoothing: float,
        bleu: BleuSettings,
    ) -> None:
        super().__init__(model, optimization)
        check_smoothing(label_smoothing)
        self.target_tokenizer, self.decoding = target_tokenizer, decoding
        self.label_smoothing, self.bleu = label_smoothing, bleu
        self.signature = ""

    def signatures(self) -> dict[str, str]:
        return {"bleu_signature": self.signature}

    def learn(self, batch: Seq2SeqBatch) -> Learned:
        log_probs, targets, weight = self.predicted(batch)
        nll = smoothed_nll(log_probs, targets, weight, self.label_smoothing)
        is_right = (log_probs.argmax(dim=-1) == targets) * weight
        return Learned(
            {"nll": Term(nll, 1.0, "tokens")}, {"token_accuracy": Loss(is_right.sum(), weight.sum())}
        )

    def predicted(self, batch: Seq2SeqBatch) -> tuple[Tensor, Tensor, Tensor]:
        """(item, vocab) log-probabilities, targets and weights at the target's real positions."""
        hidden = self.model(batch.source, batch.source_is_padding, batch.target_inputs)
        is_real = ~batch.target_is_padding
        weight = batch.weight[:, None].expand_as(batch.targets)[is_real]
        return self.model.output(hidden[is_real]), batch.targets[is_real], weight

    def evaluate(self, batch: Seq2SeqBatch) -> tuple[list[Record], Mapping[str, Loss]]:
        log_probs, targets, weight = self.predicted(batch)
        decoded = self.decoding(self.model, batch.source, batch.source_is_padding)
        rows = zip(batch.rows.tolist(), batch.raw["source"], batch.raw["target"], decoded, strict=True)
        records = [
            {"row": row, "source": source, "target": target, "predicted": self.target_tokenizer.decode(ids)}
            for row, source, target, ids in rows
        ]
        is_right = (log_probs.argmax(dim=-1) == targets) * weight
        losses = {
            "loss": smoothed_nll(log_probs, targets, weight, 0.0),
            "token_accuracy": Loss(is_right.sum(), weight.sum()),
        }
        return records, losses

    def scores(self, records: Sequence[Record]) -> dict[str, float]:
        hypotheses = [record["predicted"] for record in records]
        references = [record["target"] for record in records]
        bleu = self.bleu(hypotheses, references)
        self.signature = bleu.signature
        return {"bleu": bleu.score, "exact_match": exact_match(hypotheses, references)}
