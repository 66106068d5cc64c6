"""Searches that follow one hypothesis a row: greedy search and sampling."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attendo.decoding.constraints import Constraints
from attendo.decoding.hypothesis import Hypothesis
from attendo.decoding.step import StateType, Step
from attendo.decoding.top import top

# (log-probabilities, the rows that they belong to, number of the step) → tokens
Choice = Callable[[Float[Tensor, "row vocab"], Int[Tensor, " row"], int], Int[Tensor, " row"]]


@torch.no_grad()
def follow(
    step: Step[StateType], state: StateType, choose: Choice, constraints: Constraints, *, bos: int
) -> list[list[Hypothesis]]:
    """Every row goes on with the token that is chosen for it, until EOS; then it leaves the batch.

    Args:
        step: the model's step.
        state: the model's state before the first token.
        choose: picks one token a row; what is not allowed has the log-probability −inf.
        constraints: what answers must keep to.
        bos: id that is read first.

    Returns:
        The one answer of every row; its score is its log-probability.
    """
    rows = torch.arange(len(constraints.maximum), device=constraints.maximum.device)
    tokens, totals, ids = (
        torch.full_like(rows, bos),
        torch.zeros(len(rows), device=rows.device),
        rows[:, None][:, :0],
    )
    answers: list[list[Hypothesis]] = [[] for _ in rows]
    while len(rows):
        log_probs, state = step(tokens, state)
        log_probs = constraints.apply(log_probs[:, None], ids[:, None])[:, 0]
        tokens = choose(log_probs, rows, ids.shape[1])
        totals = totals + log_probs.gather(1, tokens[:, None])[:, 0]
        has_end = tokens == constraints.eos
        if has_end.any():
            done, kept = has_end.nonzero()[:, 0], (~has_end).nonzero()[:, 0]
            for row, answer, total in zip(
                rows[done].tolist(), ids[done].tolist(), totals[done].tolist(), strict=True
            ):
                answers[row] = [Hypothesis(answer, total, total)]
            rows, tokens, totals, ids = rows[kept], tokens[kept], totals[kept], ids[kept]
            constraints, state = constraints.select(kept), state.select(kept)
        ids = torch.cat([ids, tokens[:, None]], dim=1)
    return answers


def greedy_search(
    step: Step[StateType], state: StateType, constraints: Constraints, *, bos: int
) -> list[list[Hypothesis]]:
    """y_t = argmax p(y | y_<t), every row by itself. Args: as ``follow``."""
    return follow(
        step, state, lambda log_probs, rows, number: top(log_probs, 1)[1][:, 0], constraints, bos=bos
    )
