"""Beam search."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.decoding.constraints import Constraints
from attendo.decoding.coverage import CoveragePenalty, attention_of
from attendo.decoding.finished import Finished
from attendo.decoding.hypothesis import Hypothesis
from attendo.decoding.penalties import LengthPenalty
from attendo.decoding.rules import Progress, Rules
from attendo.decoding.step import StateType, Step
from attendo.decoding.top import top


@dataclass(frozen=True)
class Ranking:
    """What makes one hypothesis better than another, and when the best are found.

    Args:
        size: live hypotheses of a sentence.
        n_best: hypotheses that are wanted, at most ``size``.
        penalty: makes scores of log-probabilities and lengths.
        rules: what counts as length, and when a sentence is over.
        coverage: added to the score of a finished hypothesis.
    """

    size: int
    n_best: int
    penalty: LengthPenalty
    rules: Rules
    coverage: CoveragePenalty | None = None


@dataclass(frozen=True)
class Candidates:
    """Live hypotheses with one more token, the most probable first.

    Attributes:
        beams: the live hypothesis that each one goes on from.
    """

    log_probs: Float[Tensor, "batch candidate"]
    beams: Int[Tensor, "batch candidate"]
    tokens: Int[Tensor, "batch candidate"]

    def take(self, places: Int[Tensor, "batch taken"]) -> "Candidates":
        return Candidates(
            self.log_probs.gather(1, places), self.beams.gather(1, places), self.tokens.gather(1, places)
        )


@dataclass(frozen=True)
class Beams:
    """The hypotheses of the sentences that are not over.

    Attributes:
        log_probs: of the live hypotheses, best first; −inf: this one is impossible.
        ids: their tokens.
        attended: attention to each source token, summed over the target so far; None where nobody asks.
        top_ended: whether EOS ever was the most probable extension of all.
    """

    constraints: Constraints
    log_probs: Float[Tensor, "batch beam"]
    ids: Int[Tensor, "batch beam time"]
    attended: Float[Tensor, "batch beam source"] | None
    finished: Finished
    top_ended: Bool[Tensor, " batch"]

    @classmethod
    def start(cls, constraints: Constraints, ranking: Ranking) -> "Beams":
        """One hypothesis a sentence, without tokens."""
        nothing = torch.zeros_like(constraints.maximum)[:, None]
        attended = None if ranking.coverage is None else ranking.coverage.start()[:, None]
        finished = Finished.none(nothing.expand(-1, ranking.size))
        return cls(
            constraints,
            nothing.float(),
            nothing[:, :, None][:, :, :0],
            attended,
            finished,
            nothing[:, 0].bool(),
        )

    def select(self, sentences: Int[Tensor, " kept"]) -> "Beams":
        return Beams(
            self.constraints.select(sentences),
            self.log_probs[sentences],
            self.ids[sentences],
            None if self.attended is None else self.attended[sentences],
            self.finished.select(sentences),
            self.top_ended[sentences],
        )

    def extended(self, found: Candidates) -> Int[Tensor, "batch candidate longer"]:
        """The tokens of the candidates."""
        before = self.ids.gather(1, found.beams[:, :, None].expand(-1, -1, self.ids.shape[2]))
        return torch.cat([before, found.tokens[:, :, None]], dim=2)


@torch.no_grad()
def beam_search(
    step: Step[StateType], state: StateType, ranking: Ranking, constraints: Constraints, *, bos: int
) -> list[list[Hypothesis]]:
    """The answers with the best scores that a beam comes upon; rules.py says how.

    Every sentence is searched by itself, and leaves the batch when it is over.

    Args:
        step: the model's step.
        state: the model's state before the first token, one row a sentence.
        ranking: width of the beam, scores, and when a sentence is over.
        constraints: what answers must keep to.
        bos: id that is read first.

    Returns:
        Up to ``n_best`` hypotheses of every sentence, best first.

    Raises:
        ValueError: a coverage penalty is asked for, and the state does not tell where the model looks.
    """
    active = torch.arange(len(constraints.maximum), device=constraints.maximum.device)
    tokens, beams = torch.full_like(active, bos), Beams.start(constraints, ranking)
    answers: list[list[Hypothesis]] = [[] for _ in active]
    while len(active):
        log_probs, state = step(tokens, state)
        if beams.attended is not None:
            beams = replace(beams, attended=beams.attended + attention_of(state).view_as(beams.attended))
        found = _extend(beams, log_probs, ranking.size)
        first_rows = torch.arange(len(active), device=active.device) * beams.log_probs.shape[1]
        beams, origins = _go_on(_finish(beams, found, ranking), found, ranking.size)
        rows = first_rows[:, None] + origins
        is_over = _is_over(beams, ranking)
        if is_over.any():
            over, kept = is_over.nonzero()[:, 0], (~is_over).nonzero()[:, 0]
            best = beams.finished.select(over).hypotheses(ranking.n_best)
            for place, hypotheses in zip(active[over].tolist(), best, strict=True):
                answers[place] = hypotheses
            active, rows, beams = active[kept], rows[kept], beams.select(kept)
        tokens, state = beams.ids[:, :, -1].flatten(), state.select(rows.flatten())
    return answers


def _extend(beams: Beams, log_probs: Float[Tensor, "row vocab"], size: int) -> Candidates:
    """The most probable 2 · size extensions: at most ``size`` of them end, so that ``size`` can go on."""
    allowed = beams.constraints.apply(log_probs.view(*beams.log_probs.shape, -1), beams.ids)
    # Of one hypothesis, no more can come among them than its end and its best `size` others.
    each = min(size + 1, allowed.shape[2])
    best, tokens = top(allowed, each)
    totals = (beams.log_probs[:, :, None] + best).flatten(1)
    totals, places = totals.topk(min(2 * size, totals.shape[1]), dim=1)
    return Candidates(totals, places // each, tokens.flatten(1).gather(1, places))


def _finish(beams: Beams, found: Candidates, ranking: Ranking) -> Beams:
    """Notes which of the best ``size`` candidates have ended, or are cut."""
    rules, constraints = ranking.rules, beams.constraints
    best = Candidates(*(each[:, : ranking.size] for each in (found.log_probs, found.beams, found.tokens)))
    has_end = best.tokens == constraints.eos
    is_possible = best.log_probs > -torch.inf
    ids = beams.extended(best)
    is_done = has_end
    if rules.cuts:
        is_done = has_end | (constraints.maximum <= ids.shape[2])[:, None]
    is_done = is_done & is_possible
    top_ended = beams.top_ended | (has_end & is_possible)[:, 0]
    if not is_done.any():
        return beams
    if rules.keeps_first:
        is_done &= beams.finished.count[:, None] + is_done.cumsum(dim=1) <= ranking.size
    lengths = torch.full_like(best.tokens, ids.shape[2])  # with EOS, where it ended
    scores = ranking.penalty(best.log_probs, lengths)
    if ranking.coverage is not None and beams.attended is not None:
        scores = scores + ranking.coverage(beams.attended).gather(1, best.beams)
    finished = beams.finished.add(is_done, scores, best.log_probs, ids, has_end)
    return replace(beams, finished=finished, top_ended=top_ended)


def _go_on(beams: Beams, found: Candidates, size: int) -> tuple[Beams, Int[Tensor, "batch beam"]]:
    """The best ``size`` candidates that have not ended, and the live hypotheses that they go on from."""
    has_end = found.tokens == beams.constraints.eos
    live = found.take(has_end.sort(dim=1, stable=True).indices[:, :size])
    log_probs = live.log_probs.masked_fill(live.tokens == beams.constraints.eos, -torch.inf)
    attended = beams.attended
    if attended is not None:
        attended = attended.gather(1, live.beams[:, :, None].expand(-1, -1, attended.shape[2]))
    return replace(beams, log_probs=log_probs, ids=beams.extended(live), attended=attended), live.beams


def _is_over(beams: Beams, ranking: Ranking) -> Bool[Tensor, " batch"]:
    """Which sentences need no further search."""
    length, constraints = beams.ids.shape[2], beams.constraints
    progress = Progress(
        beams.finished,
        best_live=beams.log_probs[:, 0],
        length=length,
        shortest=constraints.minimum.clamp(min=length),
        longest=constraints.maximum,
        top_ended=beams.top_ended,
        n_best=ranking.n_best,
        penalty=ranking.penalty,
        has_coverage=ranking.coverage is not None,
    )
    is_over = ranking.rules.is_over(progress) | ~(progress.best_live > -torch.inf)
    return is_over | (constraints.maximum <= length) if ranking.rules.cuts else is_over
