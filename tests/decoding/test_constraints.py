"""What answers must keep to, for every kind of search."""

import itertools

import pytest
import torch

from attendo.decoding import (
    Constraints,
    Distribution,
    ExactRules,
    PowerPenalty,
    Ranking,
    beam_search,
    greedy_search,
    sample,
)
from random_language import BOS, EOS, RandomLanguage

SENTENCES = list(range(20))


def with_beam(language, state, constraints):
    ranking = Ranking(4, 2, PowerPenalty(1.0), ExactRules())
    return beam_search(language.step, state, ranking, constraints, bos=BOS)


def greedily(language, state, constraints):
    return greedy_search(language.step, state, constraints, bos=BOS)


def by_chance(language, state, constraints):
    return sample(language.step, state, Distribution(), SENTENCES, constraints, bos=BOS)


KINDS = pytest.mark.parametrize("search", [with_beam, greedily, by_chance])


def answers(search, language=None, maximum=8, **rules):
    language = language or RandomLanguage(9, 1, sharpness=1.0)
    constraints = Constraints.of(EOS, torch.full((20,), maximum), **{"banned": (BOS,)} | rules)
    found = search(language, language.start(SENTENCES), constraints)
    for sentence, hypotheses in zip(SENTENCES, found, strict=True):
        for each in hypotheses:
            assert each.log_prob == pytest.approx(language.log_prob(sentence, each.ids), rel=1e-6)
    return [each.ids for hypotheses in found for each in hypotheses]


@KINDS
def test_banned_tokens_are_never_produced(search):
    assert {token for ids in answers(search) for token in ids} >= {5, 6}
    assert not {token for ids in answers(search, banned=(BOS, 5, 6)) for token in ids} & {BOS, 5, 6}


@KINDS
def test_answers_are_as_long_as_they_must_and_may_be(search):
    language = RandomLanguage(9, 1, sharpness=1.0, end=0.5)
    free = {len(ids) for ids in answers(search, language, maximum=12)}
    assert min(free) < 3 and max(free) > 5
    lengths = {len(ids) for ids in answers(search, language, minimum=torch.full((20,), 3), maximum=5)}
    assert min(lengths) == 3 and max(lengths) == 5
    assert {len(ids) for ids in answers(search, minimum=torch.full((20,), 9), maximum=4)} == {4}


@KINDS
def test_every_answer_begins_with_the_prefix_of_its_sentence(search):
    prefixes = [[2, 5, 5, 3][: sentence % 5] for sentence in SENTENCES]
    found = answers(search, prefixes=prefixes, banned=(BOS, 5), maximum=6)
    each = len(found) // 20
    for sentence, ids in enumerate(found):
        prefix = prefixes[sentence // each]
        assert ids[: len(prefix)] == prefix
        assert 5 not in ids[len(prefix) :]
    assert max(map(len, found)) == 6


@KINDS
def test_a_prefix_longer_than_the_maximum_is_the_whole_answer(search):
    assert {tuple(ids) for ids in answers(search, prefixes=20 * [[4, 4, 4]], maximum=2)} == {(4, 4, 4)}


@KINDS
@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_n_gram_comes_twice(search, n):
    def repeats(ids):
        ngrams = [tuple(ids[place : place + n]) for place in range(len(ids) - n + 1)]
        return len(set(ngrams)) < len(ngrams)

    language = RandomLanguage(5, 8, sharpness=1.0, end=-1.0)
    assert any(repeats(ids) for ids in answers(search, language, maximum=12))
    found = answers(search, language, maximum=12, no_repeat_ngram=n)
    assert not any(repeats(ids) for ids in found)
    assert max(map(len, found)) > n


def test_the_best_answer_without_a_bigram_twice_is_found():
    language = RandomLanguage(4, 2, end=-2.0)
    found = answers(with_beam, language, maximum=4, no_repeat_ngram=2)[::2]
    for sentence, ids in enumerate(found):
        allowed = [
            each
            for each in language.answers(sentence, 4)
            if len(set(itertools.pairwise(each))) == max(0, len(each) - 1)
        ]
        best = max(allowed, key=lambda each: language.log_prob(sentence, each) / (len(each) + 1))
        score = language.log_prob(sentence, ids) / (len(ids) + 1)
        assert score <= language.log_prob(sentence, best) / (len(best) + 1) + 1e-12
        assert ids in allowed


@KINDS
def test_n_grams_of_a_prefix_may_come_again(search):
    # After the prefix 2 2 2, "2 2" is still new; what follows has every bigram once.
    language = RandomLanguage(3, end=-9.0)
    found = answers(search, language, maximum=8, prefixes=20 * [[2, 2, 2]], no_repeat_ngram=2)
    assert {tuple(ids) for ids in found} <= {(2,) * length for length in (3, 4, 5)}
    assert (2, 2, 2, 2, 2) in {tuple(ids) for ids in found}


@KINDS
def test_where_the_rules_leave_no_token_the_answer_ends(search):
    language = RandomLanguage(4, 3, end=-9.0)
    rules = {"minimum": torch.full((20,), 7), "no_repeat_ngram": 1}
    assert {tuple(sorted(ids)) for ids in answers(search, language, **rules)} == {(2, 3)}
    nothing = answers(search, language, minimum=torch.full((20,), 7), banned=(BOS, 2, 3))
    assert {tuple(ids) for ids in nothing} == {()}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"banned": (EOS,)}, "without which no answer could end"),
        ({"prefixes": [[2]]}, "1 prefixes for 20 sentences"),
        ({"prefixes": 19 * [[]] + [[3, EOS]]}, "prefix 19"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        Constraints.of(EOS, torch.full((20,), 5), **rules)
