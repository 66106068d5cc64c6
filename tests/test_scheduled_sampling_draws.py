"""Which tokens are kept: frequencies of each way to draw, where all guesses are wrong."""

import numpy as np
import torch
from scipy.stats import binomtest, chisquare

from attendo.scheduled_sampling import Exponential, Linear, Sample
from attendo.tokenization import BOS
from scheduled_samplers import certain, constant, one_hot, sampling


def kept(sampler, rows=400, positions=21, step=0):
    """Which tokens after BOS are kept, where all guesses are 5 and the reference is 4."""
    gold = torch.full((rows, positions), 4)
    gold[:, 0] = BOS
    is_padding = torch.zeros(rows, positions, dtype=torch.bool)
    found = sampler.inputs(gold, is_padding, lambda _, where: certain(0 * gold[where] + 5), one_hot, step, 0)
    return (found.argmax(dim=-1) == 4)[:, 1:]


def test_tokens_are_kept_with_probability_p_independently() -> None:
    torch.manual_seed(0)
    found = kept(constant(0.7))
    assert binomtest(int(found.sum()), found.numel(), 0.7).pvalue > 0.01
    for along in (found, found.mT):  # kept tokens of a sentence, of a position
        counts = along.sum(dim=1).double()
        variance = along.shape[1] * 0.7 * 0.3
        chi_square = (counts - counts.mean()).square().sum() / variance
        degrees = len(counts) - 1
        assert abs(chi_square - degrees) < 3 * (2 * degrees) ** 0.5
    pairs = found[:, :-1].int() * 2 + found[:, 1:].int()  # neighbours
    share = np.bincount(pairs[:, ::2].flatten().numpy(), minlength=4)
    assert chisquare(share, share.sum() * np.array([0.09, 0.21, 0.21, 0.49])).pvalue > 0.01


def test_sentences_are_kept_or_replaced_as_a_whole() -> None:
    torch.manual_seed(0)
    found = kept(constant(0.7, draw="sentence"), rows=4000)
    assert (found == found[:, :1]).all()
    assert binomtest(int(found[:, 0].sum()), 4000, 0.7).pvalue > 0.01


def test_micro_batches_are_kept_or_replaced_as_a_whole() -> None:
    torch.manual_seed(0)
    answers = [kept(constant(0.7, draw="batch"), rows=3, positions=4) for _ in range(600)]
    assert all((answer == answer[0, 0]).all() for answer in answers)
    assert binomtest(sum(int(answer[0, 0]) for answer in answers), 600, 0.7).pvalue > 0.01


def test_positions_have_their_own_probability() -> None:
    torch.manual_seed(0)
    along = {"decay": None, "position_decay": Exponential(1.0, 0.9, 0.0)}
    found = kept(sampling(**along), rows=4000)
    for position in range(20):
        assert binomtest(int(found[:, position].sum()), 4000, 0.9 ** (position + 1)).pvalue > 0.001
    beginnings = kept(sampling(draw="sentence", **along)).int()
    assert (beginnings.diff(dim=1) <= 0).all()  # nothing is kept after the first that is replaced
    assert 0 < beginnings.sum() < beginnings.numel()


def test_the_same_seed_and_step_replace_the_same_tokens() -> None:
    sampler = sampling(decay=Linear(1.0, 0.01, 0.0), replacement=Sample(None))
    answers = []
    for step in (30, 70, 30):
        torch.manual_seed(7)
        answers.append(kept(sampler, step=step))
    assert torch.equal(answers[0], answers[2])
    assert not torch.equal(answers[0], answers[1])
