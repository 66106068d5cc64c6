"""When a beam search may stop: a case in which the nearer end is the better one."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attendo.decoding import Constraints, ExactRules, PowerPenalty, Ranking, beam_search

EOS = 3
NEXT = [
    [0.8, 0.0, 0.0, 0.2],
    [0.01, 0.0, 0.0, 0.99],
    *[[0.5, 0.0, 0.0, 0.5]] * 9,
]  # of 0 and EOS


@dataclass(frozen=True)
class Place:
    number: int

    def select(self, rows: Tensor) -> "Place":
        return self


def step(tokens: Tensor, place: Place) -> tuple[Tensor, Place]:
    log_probs = torch.tensor(NEXT[place.number]).log()
    return log_probs.repeat(len(tokens), 1), Place(place.number + 1)


def test_under_a_penalty_of_long_answers_the_bound_is_that_of_the_next_end():
    """α = -1: scores are log p · length, so the next end is worth most: log(.8 · .99) · 2 > log(.2) · 1."""
    ranking = Ranking(2, 1, PowerPenalty(-1.0), ExactRules())
    constraints = Constraints.of(EOS, torch.tensor([7]))
    ((best,),) = beam_search(step, Place(0), ranking, constraints, bos=2)
    assert best.ids == [0]
    torch.testing.assert_close(torch.tensor(best.score), torch.tensor([0.8 * 0.99]).log().sum() * 2)
