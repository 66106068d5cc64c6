"""The coverage penalty, against every possible answer."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from attendo.decoding import Constraints, CoveragePenalty, ExactRules, PowerPenalty, Ranking, beam_search
from random_language import BOS, EOS, History, RandomLanguage

LENGTHS = [3, 1, 2]  # real source tokens of the sentences


@dataclass(frozen=True)
class Watched:
    """A history that tells where the model looked when it read its last token."""

    history: History
    attention: Tensor | None = None

    def select(self, rows: Tensor) -> "Watched":
        return Watched(self.history.select(rows))


class Looking(RandomLanguage):
    def looks(self, sentence: int, tokens: list[int]) -> list[float]:
        generator = torch.Generator().manual_seed(hash((5, sentence, *tokens)) % 2**31)
        scores = torch.randn(3, generator=generator, dtype=torch.float64) * 3
        scores[LENGTHS[sentence] :] = -torch.inf
        return scores.softmax(0).tolist()

    def step(self, last_tokens, state):
        log_probs, history = super().step(last_tokens, state.history)
        looks = [self.looks(row[0], row[2:]) for row in history.tokens.tolist()]
        return log_probs, Watched(history, torch.tensor(looks, dtype=torch.float64))

    def coverage(self, sentence: int, ids: list[int]) -> float:
        each_step = [self.looks(sentence, ids[:place]) for place in range(len(ids) + 1)]
        totals = [sum(step[place] for step in each_step) for place in range(LENGTHS[sentence])]
        return sum(math.log(min(total, 1.0)) for total in totals)


def searched(language, state, beta, sizes=(3, 64)):
    is_padding = torch.arange(3) >= torch.tensor(LENGTHS)[:, None]
    constraints = Constraints.of(EOS, torch.full((3,), sizes[0]), banned=(BOS,))
    coverage = CoveragePenalty(beta, is_padding) if beta else None
    ranking = Ranking(sizes[1], 4, PowerPenalty(0.6), ExactRules(), coverage)
    return beam_search(language.step, state, ranking, constraints, bos=BOS)


@pytest.mark.parametrize("beta", [0.0, 0.3, 2.0])
def test_the_best_covering_answers_are_found(beta):
    language = Looking(5, 1)
    found = searched(language, Watched(language.start([0, 1, 2])), beta)
    for sentence, hypotheses in enumerate(found):

        def score(ids, sentence=sentence):
            of_words = language.log_prob(sentence, ids) / (len(ids) + 1) ** 0.6
            return of_words + beta * language.coverage(sentence, ids)

        best = sorted(language.answers(sentence, 3), key=score, reverse=True)[:4]
        assert [each.ids for each in hypotheses] == best
        assert [each.score for each in hypotheses] == pytest.approx([score(ids) for ids in best])


def test_it_changes_what_is_best():
    language = Looking(5, 1)
    state = Watched(language.start([0, 1, 2]))
    assert [row[0].ids for row in searched(language, state, 5.0)] != [
        row[0].ids for row in searched(language, state, 0.0)
    ]


def test_a_model_that_does_not_tell_where_it_looks_is_refused():
    language = RandomLanguage(5)
    with pytest.raises(ValueError, match=r"decoding\.coverage needs a model that tells"):
        searched(language, language.start([0, 1, 2]), 0.5)


def test_a_token_that_was_never_looked_at_costs_much_but_not_everything():
    penalty = CoveragePenalty(1.0, torch.tensor([[False, False]]))
    attended = penalty.start()[:, None] + torch.tensor([[[1.0, 0.0]]])
    assert -100 < penalty(attended).item() < -80
