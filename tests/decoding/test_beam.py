"""Beam search against searches that try everything, or that use no tensors."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from attendo.decoding import (
    Constraints,
    CTranslate2Rules,
    ExactRules,
    FairseqRules,
    GnmtPenalty,
    HuggingFaceRules,
    Hypothesis,
    LengthPenalty,
    PowerPenalty,
    Ranking,
    beam_search,
    greedy_search,
)
from attendo.decoding.rules import Progress, Rules
from random_language import BOS, EOS, RandomLanguage, penalized

ALPHAS = st.floats(-3, 3)
PER_TOKEN, EXACT = PowerPenalty(1.0), ExactRules()
NAMES = st.sampled_from(["none", "power", "gnmt"])


def penalty_of(name: str, alpha: float) -> LengthPenalty:
    return GnmtPenalty(alpha) if name == "gnmt" else PowerPenalty(alpha if name == "power" else 0.0)


def searched(
    language: RandomLanguage,
    sentences: list[int],
    size: int,
    longest: int | list[int],
    *,
    n_best: int = 1,
    penalty: LengthPenalty = PER_TOKEN,
    rules: Rules = EXACT,
) -> list[list[Hypothesis]]:
    limits = [longest] * len(sentences) if isinstance(longest, int) else longest
    constraints = Constraints.of(EOS, torch.tensor(limits, dtype=torch.long), banned=(BOS,))
    ranking = Ranking(size, n_best, penalty, rules)
    return beam_search(language.step, language.start(sentences), ranking, constraints, bos=BOS)


@dataclass(frozen=True)
class NeverOver:
    """Goes on to the maximum length."""

    cuts: ClassVar[bool] = False
    keeps_first: ClassVar[bool] = False

    def is_over(self, progress: Progress) -> Tensor:
        return torch.zeros_like(progress.top_ended)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([(4, 5), (5, 4), (6, 3)]), st.integers(0, 1000), NAMES, ALPHAS)
def test_a_beam_of_full_width_finds_the_best_of_all_answers(shape, seed, name, alpha):
    vocab, longest = shape
    language, score = RandomLanguage(vocab, seed), penalized(name, alpha)
    best = sorted(
        ((score(language.log_prob(7, ids), len(ids) + 1), ids) for ids in language.answers(7, longest)),
        reverse=True,
    )
    (found,) = searched(
        language, [7], (vocab - 2) ** longest, longest, n_best=6, penalty=penalty_of(name, alpha)
    )
    assert [each.ids for each in found] == [ids for _, ids in best[:6]]
    assert [each.score for each in found] == pytest.approx([score for score, _ in best[:6]], rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 1000), NAMES, ALPHAS, st.floats(-3, 3))
def test_exact_stopping_changes_no_answer(size, seed, name, alpha, end):
    language, sentences = RandomLanguage(12, seed, end=end), list(range(6))
    penalty, n_best = penalty_of(name, alpha), min(size, 3)
    exact = searched(language, sentences, size, 15, n_best=n_best, penalty=penalty)
    rows, language.rows = sum(language.rows), []
    endless = searched(language, sentences, size, 15, n_best=n_best, penalty=penalty, rules=NeverOver())
    for found, all_the_way in zip(exact, endless, strict=True):
        assert [each.ids for each in found] == [each.ids for each in all_the_way]
        # x^α of a longer batch may round otherwise in its last bit
        scores = [each.score for each in all_the_way]
        assert [each.score for each in found] == pytest.approx(scores, rel=1e-14)
    assert rows <= sum(language.rows)
    for sentence, found in enumerate(exact):
        slow = language.slow_beam(sentence, size, 15, penalized(name, alpha), first_only=False)
        assert [each.ids for each in found] == [ids for _, ids in slow[:n_best]]


@pytest.mark.parametrize(("alpha", "share"), [(0.0, 0.2), (0.5, 0.5), (1.0, 0.9)])
def test_exact_stopping_saves_part_of_the_way(alpha, share):
    language = RandomLanguage(12, sharpness=3.0, end=3.0)
    searched(language, list(range(12)), 4, 40, penalty=PowerPenalty(alpha))
    rows, language.rows = sum(language.rows), []
    searched(language, list(range(12)), 4, 40, penalty=PowerPenalty(alpha), rules=NeverOver())
    assert rows < share * sum(language.rows)


def test_with_a_wider_maximum_a_long_answer_can_still_win():
    # An end at once costs 1 and counts a length of 1; six sure tokens more cost 1.2 in all.
    class Slope(RandomLanguage):
        def after(self, sentence, tokens):
            likely = {0: (-1.2, -1.0)}.get(len(tokens), (-1e-9, -30.0) if len(tokens) < 6 else (-30.0, -1e-9))
            return torch.tensor([-40.0, likely[1], likely[0]], dtype=torch.float64)

    for longest, answer in ((5, []), (6, [2] * 6)):
        assert searched(Slope(3), [0], 2, longest)[0][0].ids == answer


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_fairseqs_rules_take_the_first_hypotheses_that_end(alpha):
    language, differ = RandomLanguage(12, 5, sharpness=1.0), 0
    found = searched(
        language, list(range(60)), 4, 9, n_best=4, penalty=PowerPenalty(alpha), rules=FairseqRules()
    )
    for sentence, hypotheses in enumerate(found):
        slow = language.slow_beam(sentence, 4, 9, penalized("power", alpha), first_only=True)
        assert [each.ids for each in hypotheses] == [ids for _, ids in slow]
        exact = language.slow_beam(sentence, 4, 9, penalized("power", alpha), first_only=False)
        differ += slow[0][1] != exact[0][1]
    assert differ > 0 or alpha < 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-2, 3))
def test_one_beam_without_a_penalty_is_greedy_search(seed, end):
    language, sentences = RandomLanguage(9, seed, end=end), list(range(10))
    constraints = Constraints.of(EOS, torch.arange(10), banned=(BOS,))
    greedy = greedy_search(language.step, language.start(sentences), constraints, bos=BOS)
    beam = searched(language, sentences, 1, list(range(10)), penalty=PowerPenalty(0.0))
    assert [[each.ids for each in row] for row in beam] == [[each.ids for each in row] for row in greedy]
    assert [row[0].log_prob for row in beam] == [row[0].log_prob for row in greedy]


def test_an_answer_does_not_depend_on_the_other_sentences():
    language, sentences = RandomLanguage(11, 3), list(range(64))
    limits = [sentence % 13 for sentence in sentences]
    together = searched(language, sentences, 4, limits, n_best=3)
    shuffled = torch.randperm(64, generator=torch.Generator().manual_seed(0)).tolist()
    assert searched(language, shuffled, 4, [limits[row] for row in shuffled], n_best=3) == [
        together[row] for row in shuffled
    ]
    for row in sentences:
        assert searched(language, [row], 4, limits[row], n_best=3) == [together[row]]


def test_hypotheses_are_sorted_distinct_and_as_probable_as_they_say():
    language = RandomLanguage(11, 4)
    for sentence, found in enumerate(searched(language, list(range(30)), 6, 8, n_best=6)):
        assert len({tuple(each.ids) for each in found}) == 6
        assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
        for each in found:
            assert each.log_prob == pytest.approx(language.log_prob(sentence, each.ids), rel=1e-12)
            assert each.score == pytest.approx(each.log_prob / (len(each.ids) + 1), rel=1e-12)


@pytest.mark.parametrize("rules", [FairseqRules(), CTranslate2Rules(), HuggingFaceRules("never")])
def test_the_length_counts_the_end_where_it_counts_in_the_probability(rules):
    language = RandomLanguage(11, 4)
    found = searched(language, list(range(30)), 6, 4, n_best=6, rules=rules)
    for sentence, hypotheses in enumerate(found):
        for each in hypotheses:
            log_prob = language.log_prob(sentence, each.ids, each.has_end)
            assert each.log_prob == pytest.approx(log_prob, rel=1e-12)
            assert each.length == len([*each.ids, EOS] if each.has_end else each.ids)
            assert each.score == pytest.approx(each.log_prob / each.length, rel=1e-12)
    cut = [len(each.ids) for hypotheses in found for each in hypotheses if not each.has_end]
    assert set(cut) == ({4} if rules.cuts else set())


def test_ends_do_not_starve_the_beam():
    # Every hypothesis ends most probably at once: the best that goes on has to survive all the same.
    language = RandomLanguage(30, 1, sharpness=0.3, end=4.0)
    searched(language, [0], 3, 10, rules=NeverOver())
    assert language.rows == [1] + 10 * [3]


def test_finished_sentences_leave_the_batch():
    language = RandomLanguage(12, 2)
    searched(language, list(range(8)), 3, [0, 1, 2, 3, 4, 5, 6, 7], rules=NeverOver())
    assert language.rows == [8, 21, 18, 15, 12, 9, 6, 3]


def test_no_sentences_no_answers():
    assert searched(RandomLanguage(5), [], 2, 3) == []


def test_a_model_that_never_ends_anything_has_one_impossible_answer():
    class Endless(RandomLanguage):
        def after(self, sentence, tokens):
            return torch.tensor([-1.0, -torch.inf, -0.5], dtype=torch.float64)

    assert searched(Endless(3), [0], 2, 4) == [[Hypothesis([], -torch.inf, -torch.inf)]]
