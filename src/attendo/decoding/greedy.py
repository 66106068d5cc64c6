"""Greedy search: always the most probable next token."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from attendo.decoding.step import StateType, Step


@torch.no_grad()
def greedy(
    step: Step[StateType],
    state: StateType,
    *,
    bos: int,
    eos: int,
    maximum_lengths: Int[Tensor, " row"],
    banned: Sequence[int] = (),
) -> list[list[int]]:
    """y_t = argmax p(y | y_<t) until the end of the sentence, every row by itself.

    Finished rows leave the batch at once. Ties go to the smallest id.

    Args:
        step: the model's step.
        state: the model's state before the first token.
        bos: id that is read first.
        eos: id that ends a row.
        maximum_lengths: tokens per row, EOS not counted; a row that reaches its maximum ends there.
        banned: ids that are never produced.

    Returns:
        The ids of every row, without BOS and EOS.
    """
    device = maximum_lengths.device
    limits = maximum_lengths.tolist()
    answers: list[list[int]] = [[] for _ in limits]
    is_banned = torch.tensor(banned, dtype=torch.long, device=device)
    active = list(range(len(limits)))
    tokens = torch.full((len(limits),), bos, device=device)
    keep = [place for place, row in enumerate(active) if limits[row] > 0]
    while keep:
        if len(keep) < len(active):
            rows = torch.tensor(keep, device=device)
            active, tokens, state = [active[place] for place in keep], tokens[rows], state.select(rows)
        log_probs, state = step(tokens, state)
        tokens = log_probs.index_fill(1, is_banned, -torch.inf).argmax(dim=1)
        keep = []
        for place, (row, token) in enumerate(zip(active, tokens.tolist(), strict=True)):
            if token != eos:
                answers[row].append(token)
                if len(answers[row]) < limits[row]:
                    keep.append(place)
    return answers
