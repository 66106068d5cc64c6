import pytest
import torch
from scipy.stats import chisquare

from attendo.decoding import Constraints, Distribution, sample
from random_language import BOS, EOS, RandomLanguage

LOG_PROBS = torch.tensor([0.35, 0.02, 0.28, 0.15, 0.0, 0.2], dtype=torch.float64).log()


def frequencies(distribution: Distribution) -> tuple[torch.Tensor, int]:
    draws = 20_000
    uniform = torch.rand(draws, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    drawn = distribution.draw(LOG_PROBS.expand(draws, -1), uniform)
    return torch.bincount(drawn, minlength=6), draws


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        (Distribution(), [0.35, 0.02, 0.28, 0.15, 0, 0.2]),
        (Distribution(top_k=3), [0.35, 0, 0.28, 0, 0, 0.2]),
        (Distribution(top_k=1), [1, 0, 0, 0, 0, 0]),
        (Distribution(top_k=99), [0.35, 0.02, 0.28, 0.15, 0, 0.2]),
        (Distribution(top_p=0.62), [0.35, 0, 0.28, 0, 0, 0]),
        (Distribution(top_p=0.64), [0.35, 0, 0.28, 0, 0, 0.2]),
        (Distribution(top_p=1e-9), [1, 0, 0, 0, 0, 0]),
        (Distribution(top_k=3, top_p=0.7), [0.35, 0, 0.28, 0, 0, 0]),
        (Distribution(temperature=0.5), [0.1225, 0.0004, 0.0784, 0.0225, 0, 0.04]),
        (Distribution(temperature=2.0, top_k=2), [0.35**0.5, 0, 0.28**0.5, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_as_often_as_they_are_probable(distribution, expected):
    counts, draws = frequencies(distribution)
    shares = torch.tensor(expected, dtype=torch.float64) / sum(expected)
    assert (counts[shares == 0] == 0).all()
    if (shares > 0).sum() > 1:  # of one possible token there is nothing more to test
        assert chisquare(counts[shares > 0], shares[shares > 0] * draws).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_place_of_the_distribution_gives_an_impossible_token(dtype):
    impossible = torch.tensor([-torch.inf, -1.0, -2.0, -torch.inf], dtype=dtype).expand(3, -1)
    places = torch.tensor([0.0, 0.5, 1 - 1e-12], dtype=torch.float64)
    for distribution in (Distribution(), Distribution(top_k=3), Distribution(top_p=0.99)):
        drawn = distribution.draw(impossible, places.to(dtype))
        assert set(drawn.tolist()) == {1, 2}
        assert drawn[0] == 1 and drawn[2] == 2


def samples(language, sentences, seeds, limits):
    constraints = Constraints.of(EOS, torch.tensor(limits), banned=(BOS,))
    return sample(language.step, language.start(sentences), Distribution(), seeds, constraints, bos=BOS)


def test_whole_answers_are_drawn_as_often_as_they_are_probable():
    language, draws = RandomLanguage(4, sharpness=0.7), 4000
    drawn = [tuple(each.ids) for (each,) in samples(language, draws * [0], list(range(draws)), draws * [2])]
    possible = [tuple(ids) for ids in language.answers(0, 2)]

    def probability(ids):  # BOS is banned, so the others share its part; after two tokens the end is sure
        shares = [language.after(0, list(ids[:place])).exp() for place in range(min(len(ids) + 1, 2))]
        read = [*ids, EOS]
        return torch.stack([each[read[k]] / (1 - each[BOS]) for k, each in enumerate(shares)]).prod().item()

    expected = [probability(ids) for ids in possible]
    assert sum(expected) == pytest.approx(1)
    assert chisquare([drawn.count(ids) for ids in possible], [draws * p for p in expected]).pvalue > 1e-3


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_batch():
    language, sentences = RandomLanguage(20, sharpness=1.0, end=-1.0), list(range(40))
    limits = [3 + sentence for sentence in sentences]
    together = samples(language, sentences, sentences, limits)
    backwards = samples(language, sentences[::-1], sentences[::-1], limits[::-1])
    assert backwards[::-1] == together
    for row in (0, 7, 39):
        assert samples(language, [row], [row], [limits[row]]) == [together[row]]
    assert samples(language, sentences, [seed + 1 for seed in sentences], limits) != together


def test_the_log_probability_is_the_models_whatever_was_drawn_from():
    language = RandomLanguage(9, sharpness=1.0)
    constraints = Constraints.of(EOS, torch.full((20,), 6), banned=(BOS,))
    sharp, state = Distribution(temperature=0.3, top_k=4), language.start(list(range(20)))
    for sentence, (each,) in enumerate(
        sample(language.step, state, sharp, list(range(20)), constraints, bos=BOS)
    ):
        assert each.log_prob == pytest.approx(language.log_prob(sentence, each.ids), rel=1e-12)
        assert each.score == each.log_prob
