"""When a sentence is finished, and what counts: our exact rules, and those of three other programs.

All of them extend the ``size`` live hypotheses of a sentence by every token, and look at the best 2 · size
extensions by log-probability, so that EOS never starves the beam: those with EOS among the best ``size`` are
finished, the best ``size`` without EOS live on. They differ in the rest.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.decoding.finished import Finished
from attendo.decoding.penalties import LengthPenalty


@dataclass(frozen=True)
class Progress:
    """How far the search has come.

    Attributes:
        finished: the best finished hypotheses so far.
        best_live: log-probability of the best live hypothesis; −inf: none lives.
        length: tokens of the live hypotheses.
        shortest, longest: tokens, EOS not counted, with which a live hypothesis can still end.
        top_ended: whether EOS ever was the best extension of all.
        n_best: hypotheses that are wanted.
        penalty: makes scores of log-probabilities.
        has_coverage: whether scores have a coverage penalty, too.
    """

    finished: Finished
    best_live: Float[Tensor, " batch"]
    length: int
    shortest: Int[Tensor, " batch"]
    longest: Int[Tensor, " batch"]
    top_ended: Bool[Tensor, " batch"]
    n_best: int
    penalty: LengthPenalty
    has_coverage: bool


@runtime_checkable
class Rules(Protocol):
    """What is left open by the search itself.

    Attributes:
        cuts: whether a hypothesis of the maximum length is finished as it is; else only by EOS.
        keeps_first: whether only the first ``size`` hypotheses of a sentence to end are taken.
    """

    cuts: ClassVar[bool]
    keeps_first: ClassVar[bool]

    def is_over(self, progress: Progress) -> Bool[Tensor, " batch"]:
        """Which sentences need no further search."""
        ...


@dataclass(frozen=True)
class ExactRules:
    """A sentence is over when no live hypothesis can still get among its ``n_best``.

    A live hypothesis's log-probability can only fall, and its score for one log-probability is best at the
    shortest or at the longest end that it can still reach: the better of the two bounds every score to come.
    A coverage penalty is at most 0, so the bound holds with it, too.
    """

    cuts: ClassVar[bool] = False
    keeps_first: ClassVar[bool] = False

    def is_over(self, progress: Progress) -> Bool[Tensor, " batch"]:
        best, penalty = progress.best_live, progress.penalty
        bound = penalty(best, progress.shortest + 1).maximum(penalty(best, progress.longest + 1))
        return progress.finished.scores[:, progress.n_best - 1] >= bound


@dataclass(frozen=True)
class FairseqRules:
    """fairseq's SequenceGenerator (fairseq/sequence_generator.py): ``size`` hypotheses have ended.

    What ends after the first ``size`` is not looked at, even if it is better. At the maximum length only EOS
    is possible. Length counts EOS: score = log p / (tokens + 1)^α.
    """

    cuts: ClassVar[bool] = False
    keeps_first: ClassVar[bool] = True

    def is_over(self, progress: Progress) -> Bool[Tensor, " batch"]:
        return progress.finished.count >= progress.finished.scores.shape[1]


@dataclass(frozen=True)
class CTranslate2Rules:
    """CTranslate2's BeamSearch with patience 1 (src/decoding.cc): ``size`` hypotheses have ended.

    Of all that have ended by then, the best are returned. Without penalties a sentence is over as soon as
    EOS was the best extension and ``n_best`` hypotheses have ended. Length counts EOS; hypotheses are cut at
    the maximum length. (Where tokens are banned, CTranslate2 spreads their probability over the others.)
    """

    cuts: ClassVar[bool] = True
    keeps_first: ClassVar[bool] = False

    def is_over(self, progress: Progress) -> Bool[Tensor, " batch"]:
        if progress.penalty.alpha == 0 and not progress.has_coverage:
            return progress.top_ended & (progress.finished.count >= progress.n_best)
        return progress.finished.count >= progress.finished.scores.shape[1]


@dataclass(frozen=True)
class HuggingFaceRules:
    """Hugging Face's ``generate`` (transformers 5, GenerationMixin._beam_search).

    The best ``size`` finished hypotheses are kept. When there are so many, a sentence is over at once
    (early_stopping=True), or when the best live hypothesis, scored at its present length, is not better than
    the worst of them (False, a heuristic), or when it would not even be at the maximum length ("never"; at
    its present length with α ≤ 0). Length counts EOS; hypotheses are cut at the maximum length. With one
    beam, ``generate`` searches greedily instead.
    """

    cuts: ClassVar[bool] = True
    keeps_first: ClassVar[bool] = False

    early_stopping: bool | Literal["never"]

    def is_over(self, progress: Progress) -> Bool[Tensor, " batch"]:
        worst, penalty = progress.finished.scores[:, -1], progress.penalty
        if self.early_stopping is True:
            return worst > -torch.inf
        reach = torch.full_like(progress.longest, progress.length)
        if self.early_stopping == "never" and penalty.alpha > 0:
            reach = progress.longest
        return (worst > -torch.inf) & (worst >= penalty(progress.best_live, reach))
