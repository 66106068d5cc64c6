"""How a trained model answers: the settings of conf/decoding, applied to a batch of sources."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from attendo.decoding import (
    Constraints,
    CoveragePenalty,
    CTranslate2Rules,
    Distribution,
    ExactRules,
    FairseqRules,
    GnmtPenalty,
    HuggingFaceRules,
    Hypothesis,
    LengthPenalty,
    PowerPenalty,
    Ranking,
    Rules,
    State,
    Step,
    beam_search,
    greedy_search,
    sample,
)
from attendo.models.searched import Searched
from attendo.suggestions import check_choice
from attendo.tokenization import BOS, EOS, PAD

PENALTIES = ("none", "power", "gnmt")
RULES: dict[str, Rules] = {
    "exact": ExactRules(),
    "fairseq": FairseqRules(),
    "ctranslate2": CTranslate2Rules(),
    "hugging_face": HuggingFaceRules(early_stopping=False),
    "hugging_face_early": HuggingFaceRules(early_stopping=True),
    "hugging_face_never": HuggingFaceRules(early_stopping="never"),
}


@dataclass(frozen=True)
class Sources:
    """The sentences that are answered."""

    ids: Int[Tensor, "batch source"]
    is_padding: Bool[Tensor, "batch source"]

    def tokens(self) -> list[list[int]]:
        """The ids of each sentence, without padding."""
        return [ids[~is_padding].tolist() for ids, is_padding in zip(self.ids, self.is_padding, strict=True)]


@dataclass(frozen=True)
class Decoding(ABC):
    """What every way of decoding shares: the constraints on answers.

    Args:
        length_factor: an answer has at most length_factor · source tokens + length_offset tokens.
        length_offset: see there; with length_factor=0 the absolute maximum.
        minimum_factor: an answer has at least minimum_factor · source tokens + minimum_offset tokens, or as
            many as the maximum allows.
        minimum_offset: see there.
        no_repeat_ngram: n: no n tokens come twice in an answer, behind its prefix; 0: they may.
        banned: tokens that are never produced, beside PAD and BOS: ids, or what a target's vocabulary is to
            turn to ids before (as the configuration has them).

    Raises:
        ValueError: a number is out of its range.
    """

    length_factor: float
    length_offset: int
    minimum_factor: float = 0.0
    minimum_offset: int = 0
    no_repeat_ngram: int = 0
    banned: Sequence[int | str] = ()

    def __post_init__(self) -> None:
        if self.length_factor < 0 or self.length_offset < 0 or self.length_factor + self.length_offset == 0:
            raise ValueError(
                f"decoding.length_factor={self.length_factor} and decoding.length_offset="
                f"{self.length_offset}: expected numbers ≥ 0, not both 0"
            )
        for name in ("minimum_factor", "minimum_offset", "no_repeat_ngram"):
            _check_range(name, getattr(self, name), 0)

    @property
    @abstractmethod
    def name(self) -> str:
        """What scores are marked with, such as "beam 5, power 1"."""

    @property
    def n_best(self) -> int:
        """Answers to a sentence, at most."""
        return 1

    @abstractmethod
    def search(
        self, step: Step[Any], state: State, constraints: Constraints, sources: Sources
    ) -> list[list[Hypothesis]]:
        """The answers, given the model's step and its state before the first token."""

    def __call__(
        self,
        model: Searched,
        source: Int[Tensor, "batch source"],
        is_padding: Bool[Tensor, "batch source"],
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
        prefixes: Sequence[Sequence[int]] | None = None,
    ) -> list[list[Hypothesis]]:
        """The answers to every source row, best first.

        Args:
            source: sentences that end with EOS, which does not count as a source token.
            copy_ids, unknown_count: for a model that copies.
            prefixes: ids that the answers begin with; None: nothing is given.
        """
        state = model.start(model.encode(source, is_padding, copy_ids, unknown_count))
        constraints = self.constraints(is_padding, model.longest_target, prefixes)
        return self.search(model.step, state, constraints, Sources(source, is_padding))

    def constraints(
        self,
        is_padding: Bool[Tensor, "batch source"],
        longest_target: int | None,
        prefixes: Sequence[Sequence[int]] | None,
    ) -> Constraints:
        """What answers to these sources must keep to."""
        lengths = (~is_padding).sum(dim=1) - 1
        maximum = (lengths * self.length_factor + self.length_offset).long()
        if longest_target is not None:
            maximum = maximum.clamp(max=longest_target - 1)  # BOS is read, too
        banned = [token for token in self.banned if isinstance(token, int)]
        assert len(banned) == len(self.banned), "tokens are turned to ids where the vocabulary is known"
        return Constraints.of(
            EOS,
            maximum,
            minimum=(lengths * self.minimum_factor + self.minimum_offset).long(),
            prefixes=prefixes,
            banned=(PAD, BOS, *banned),
            no_repeat_ngram=self.no_repeat_ngram,
        )


@dataclass(frozen=True)
class GreedyDecoding(Decoding):
    """Always the most probable next token. Args: see Decoding."""

    @property
    def name(self) -> str:
        return "greedy"

    def search(
        self, step: Step[Any], state: State, constraints: Constraints, sources: Sources
    ) -> list[list[Hypothesis]]:
        return greedy_search(step, state, constraints, bos=BOS)


@dataclass(frozen=True, kw_only=True)
class BeamDecoding(Decoding):
    """Beam search.

    Args:
        beam_size: hypotheses of a sentence that are followed at a time.
        n_best: answers to a sentence.
        length_penalty: score of a hypothesis: its log-probability (none), divided by length^α (power), or by
            ((5 + length) / 6)^α (gnmt; Wu et al. 2016, eq. 14).
        alpha: exponent of power and gnmt.
        coverage: β of the coverage penalty (Wu et al. 2016, eq. 14); 0: none.
        rules: what counts as length and when a sentence is over; "exact": when no live hypothesis can win any
            more; else as that program has it (see attendo.decoding.rules).

    Raises: as Decoding, and ValueError where a name is unknown.
    """

    beam_size: int
    n_best: int = 1
    length_penalty: str = "power"
    alpha: float = 1.0
    coverage: float = 0.0
    rules: str = "exact"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range("beam_size", self.beam_size, 1)
        _check_range("n_best", self.n_best, 1, self.beam_size)
        _check_range("coverage", self.coverage, 0)
        check_choice("decoding.length_penalty", self.length_penalty, PENALTIES)
        check_choice("decoding.rules", self.rules, tuple(RULES))

    @property
    def name(self) -> str:
        alpha = "" if self.length_penalty == "none" else f" {self.alpha:g}"
        coverage = f", coverage {self.coverage:g}" if self.coverage else ""
        rules = "" if self.rules == "exact" else f", rules {self.rules}"
        return f"beam {self.beam_size}, {self.length_penalty}{alpha}{coverage}{rules}"

    def penalty(self) -> LengthPenalty:
        if self.length_penalty == "gnmt":
            return GnmtPenalty(self.alpha)
        return PowerPenalty(0.0 if self.length_penalty == "none" else self.alpha)

    def search(
        self, step: Step[Any], state: State, constraints: Constraints, sources: Sources
    ) -> list[list[Hypothesis]]:
        coverage = CoveragePenalty(self.coverage, sources.is_padding) if self.coverage else None
        ranking = Ranking(self.beam_size, self.n_best, self.penalty(), RULES[self.rules], coverage)
        return beam_search(step, state, ranking, constraints, bos=BOS)


@dataclass(frozen=True, kw_only=True)
class SamplingDecoding(Decoding):
    """Answers drawn at random. What is drawn for a source depends on it and the seed, not on the batch.

    Args:
        n_best: answers to a sentence, the most probable first; they may be equal.
        temperature: p^(1/temperature) is drawn from; > 0, below 1 sharper than the model.
        top_k: only the k most probable next tokens; 0: all.
        top_p: only the most probable next tokens that together reach this probability; 1: all.
        seed: of the random numbers.

    Raises: as Decoding.
    """

    n_best: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range("n_best", self.n_best, 1)
        _check_range("top_k", self.top_k, 0)
        for name, value, high in (("temperature", self.temperature, inf), ("top_p", self.top_p, 1)):
            if not 0 < value <= high:
                raise ValueError(
                    f"decoding.{name}={value}: expected a number > 0" + f", ≤ {high}" * (high == 1)
                )

    @property
    def name(self) -> str:
        top_k = f", top-k {self.top_k}" if self.top_k else ""
        top_p = f", top-p {self.top_p:g}" if self.top_p < 1 else ""
        return f"sampling, temperature {self.temperature:g}{top_k}{top_p}"

    def search(
        self, step: Step[Any], state: State, constraints: Constraints, sources: Sources
    ) -> list[list[Hypothesis]]:
        batch, device = len(sources.ids), sources.ids.device
        rows = torch.arange(batch, device=device).repeat_interleave(self.n_best)
        seeds = [self.seed_of(ids, number) for ids in sources.tokens() for number in range(self.n_best)]
        distribution = Distribution(self.temperature, self.top_k, self.top_p)
        drawn = sample(step, state.select(rows), distribution, seeds, constraints.select(rows), bos=BOS)
        samples = [drawn[row * self.n_best : (row + 1) * self.n_best] for row in range(batch)]
        return [sorted(chain(*each), key=lambda found: -found.score) for each in samples]

    def seed_of(self, source: Sequence[int], number: int) -> int:
        """Seed of a sentence's sample."""
        text = f"{self.seed} {number} {' '.join(map(str, source))}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())


def _check_range(name: str, value: int | float, low: int, high: int | float = inf) -> None:
    if not low <= value <= high:
        expected = f"a number ≥ {low}" if high == inf else f"{low} … {high}"
        raise ValueError(f"decoding.{name}={value}: expected {expected}")
