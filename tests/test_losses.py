"""Loss terms against torch's own, and their sums over micro-batches."""

import pytest
import torch
from torch.nn import functional

from attendo.losses import attention_penalty, smoothed_nll

EXACT = {"rtol": 0, "atol": 1e-12}


def some_items():
    log_probs = torch.randn(7, 5, dtype=torch.float64).log_softmax(dim=-1)
    targets = torch.tensor([0, 4, 2, 2, 1, 3, 0])
    weight = torch.tensor([1.0, 0.5, 0.0, 2.0, 1.0, 0.0, 0.25], dtype=torch.float64)
    return log_probs, targets, weight


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothed_nll_equals_cross_entropy_of_torch(smoothing):
    log_probs, targets, weight = some_items()
    each = functional.cross_entropy(log_probs, targets, label_smoothing=smoothing, reduction="none")
    loss = smoothed_nll(log_probs, targets, weight, smoothing)
    torch.testing.assert_close(loss.sum, (each * weight).sum(), **EXACT)
    torch.testing.assert_close(loss.count, weight.sum(), **EXACT)


def test_gradients_equal_those_of_cross_entropy():
    logits = torch.randn(7, 5, dtype=torch.float64)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    targets, weight = torch.arange(7) % 5, torch.ones(7, dtype=torch.float64)
    smoothed_nll(ours.log_softmax(dim=-1), targets, weight, 0.1).sum.backward()
    functional.cross_entropy(theirs, targets, label_smoothing=0.1, reduction="sum").backward()
    torch.testing.assert_close(ours.grad, theirs.grad, **EXACT)


def test_micro_batches_add_up_to_the_batch():
    log_probs, targets, weight = some_items()
    whole = smoothed_nll(log_probs, targets, weight, 0.1)
    parts = [smoothed_nll(log_probs[i], targets[i], weight[i], 0.1) for i in torch.arange(7).split(3)]
    torch.testing.assert_close(sum(part.sum for part in parts), whole.sum, **EXACT)
    torch.testing.assert_close(sum(part.count for part in parts), whole.count, **EXACT)


def test_no_items_give_zero_and_not_nan():
    loss = smoothed_nll(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long), torch.zeros(0), 0.1)
    assert loss.sum == 0
    assert loss.count == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_an_impossible_class_matters_only_where_it_counts(smoothing):
    log_probs = torch.tensor([[0.0, -torch.inf], [0.0, -torch.inf]])
    loss = smoothed_nll(log_probs, torch.tensor([0, 1]), torch.tensor([1.0, 0.0]), smoothing)
    assert loss.sum == (0.0 if smoothing == 0.0 else torch.inf)
    assert loss.count == 1


def test_half_precision_is_summed_in_float32():
    log_probs = torch.full((10_000, 2), 0.5).log().bfloat16()
    loss = smoothed_nll(log_probs, torch.zeros(10_000, dtype=torch.long), torch.ones(10_000), 0.1)
    expected = -10_000 * log_probs[0, 0].double()
    torch.testing.assert_close(loss.sum.double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("smoothing", [-0.1, 1.5])
def test_a_smoothing_that_is_no_probability_is_refused(smoothing):
    with pytest.raises(ValueError, match="label smoothing must be between 0 and 1"):
        smoothed_nll(*some_items(), smoothing)


def test_hops_on_different_single_words_cost_nothing():
    attention = torch.eye(4)[:3].expand(2, 3, 4)
    assert attention_penalty(attention, torch.ones(2)).sum == 0


def test_equal_hops_on_one_word_cost_one_for_every_ordered_pair():
    attention = torch.tensor([1.0, 0.0]).expand(1, 3, 2)
    assert attention_penalty(attention, torch.ones(1)).sum == 3 * 2


def test_a_sentence_of_weight_zero_costs_nothing_and_does_not_count():
    attention = torch.rand(3, 4, 5, dtype=torch.float64).softmax(dim=-1)
    weight = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    loss = attention_penalty(attention, weight)
    first, last = (attention_penalty(attention[[i]], weight[[i]]) for i in (0, 2))
    torch.testing.assert_close(loss.sum, first.sum + last.sum, **EXACT)
    assert loss.count == 3


def test_the_penalty_has_finite_gradients_where_it_is_zero():
    attention = torch.eye(3)[None].requires_grad_()
    attention_penalty(attention, torch.ones(1)).sum.backward()
    assert (attention.grad == 0).all()


def test_autocast_does_not_round_the_penalty():
    attention = torch.rand(2, 3, 50).softmax(dim=-1)
    expected = attention_penalty(attention.double(), torch.ones(2).double()).sum
    with torch.autocast("cpu", dtype=torch.bfloat16):
        penalty = attention_penalty(attention, torch.ones(2)).sum
        assert (attention @ attention.mT).dtype == torch.bfloat16  # what would be rounded
    torch.testing.assert_close(penalty.double(), expected, rtol=1e-6, atol=0)
