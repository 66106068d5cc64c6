"""Loss terms against numpy's and torch's own, and their sums over micro-batches."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from attendo.losses import attention_penalty, coverage, hop_overlap, smoothed_bce, smoothed_nll, symmetric_kl

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


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothing_is_for_the_first_classes_only(smoothing):
    log_probs, _, weight = some_items()
    log_probs = log_probs.index_put(
        (torch.tensor([0, 1]), torch.tensor([4, 4])), torch.tensor(-torch.inf).double()
    )
    targets = torch.tensor([0, 1, 4, 3, 4, 3, 2])  # 3 and 4 are beyond the base vocabulary
    smooth = np.zeros((7, 5))
    smooth[:, :3] = smoothing / 3
    smooth[np.arange(7), targets] += 1 - smoothing
    terms = smooth * np.where(smooth > 0, log_probs.numpy(), 0.0)
    loss = smoothed_nll(log_probs, targets, weight, smoothing, classes=3)
    np.testing.assert_allclose(loss.sum.item(), -terms.sum(axis=1) @ weight.numpy(), rtol=1e-13)
    assert loss.count == weight.sum()


@pytest.mark.parametrize("smoothing", [-0.1, 1.5])
def test_a_smoothing_that_is_no_probability_is_refused(smoothing):
    with pytest.raises(AssertionError, match="label smoothing must be between 0 and 1"):
        smoothed_nll(*some_items(), smoothing)
    with pytest.raises(AssertionError, match="label smoothing must be between 0 and 1"):
        smoothed_bce(*some_labels(), smoothing)


# --------------------------------------------------------------------------------------- several labels a row
def some_labels():
    torch.manual_seed(0)
    logits = 3 * torch.randn(7, 4, dtype=torch.float64)
    targets = (torch.randn(7, 4) > 0).double()
    weight = torch.tensor([1.0, 0.5, 0.0, 2.0, 1.0, 0.0, 0.25], dtype=torch.float64)
    return logits, targets, weight


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("factors", [None, [1.0, 3.0, 0.5, 1.0]])
def test_smoothed_bce_equals_its_definition_from_probabilities(smoothing, factors):
    logits, targets, weight = some_labels()
    positive = None if factors is None else torch.tensor(factors)
    loss = smoothed_bce(logits, targets, weight, smoothing, positive)
    probability = 1 / (1 + np.exp(-logits.numpy()))
    smoothed = (1 - smoothing) * targets.numpy() + smoothing / 2
    holds = smoothed * np.log(probability) * np.array(factors or [1.0] * 4)
    each = -(holds + (1 - smoothed) * np.log(1 - probability)).mean(axis=1)
    np.testing.assert_allclose(loss.sum.item(), each @ weight.numpy(), rtol=1e-13)
    assert loss.count == weight.sum()


def test_gradients_equal_those_of_binary_cross_entropy_of_torch():
    logits, targets, _ = some_labels()
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    smoothed_bce(ours, targets, torch.ones(7).double(), 0.0).sum.backward()
    functional.binary_cross_entropy(theirs.sigmoid(), targets, reduction="sum").backward()
    torch.testing.assert_close(4 * ours.grad, theirs.grad, **EXACT)


def test_binary_cross_entropy_is_exact_where_the_sigmoid_is_zero_or_one():
    logits = torch.tensor([[200.0, -200.0], [200.0, -200.0]], requires_grad=True)
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    right, wrong = (
        smoothed_bce(logits[i : i + 1], targets[i : i + 1], torch.ones(1), 0.0).sum for i in (0, 1)
    )
    assert right == 0
    assert wrong == 200  # and not -log of some epsilon
    wrong.backward()
    assert logits.grad.tolist() == [[0, 0], [0.5, -0.5]]  # no saturation of what is wrong
    assert functional.binary_cross_entropy(logits.sigmoid()[1:], targets[1:]) == 100  # from probabilities


def test_half_precision_labels_are_summed_in_float32():
    logits = torch.full((10_000, 2), 0.5).bfloat16()
    loss = smoothed_bce(logits, torch.zeros(10_000, 2), torch.ones(10_000), 0.0)
    torch.testing.assert_close(
        loss.sum, torch.tensor(10_000 * np.log1p(np.exp(0.5))).float(), rtol=1e-5, atol=0
    )


def test_an_item_of_weight_zero_adds_nothing_even_where_it_is_not_finite():
    logits, targets, weight = some_labels()
    filled = logits.masked_fill(weight[:, None] == 0, torch.nan)
    loss = smoothed_bce(filled, targets, weight, 0.1)
    torch.testing.assert_close(loss.sum, smoothed_bce(logits, targets, weight, 0.1).sum, **EXACT)
    nothing = smoothed_bce(torch.zeros(0, 5), torch.zeros(0, 5), torch.zeros(0), 0.1)
    assert nothing.sum == nothing.count == 0


# ------------------------------------------------------------------------------------------------------- hops
@pytest.mark.parametrize("squared", [True, False])
def test_the_penalty_is_the_frobenius_norm_of_the_paper(squared):
    attention = torch.randn(3, 4, 6, dtype=torch.float64).softmax(dim=-1)
    weight = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    norms = [np.linalg.norm(a @ a.T - np.eye(4), "fro") for a in attention.numpy()]
    expected = np.square(norms) if squared else np.array(norms)
    loss = attention_penalty(attention, weight, squared)
    np.testing.assert_allclose(loss.sum.item(), expected @ weight.numpy(), rtol=1e-14)
    assert loss.count == 3.5
    attention.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: attention_penalty(a, weight, squared).sum, attention)


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


@pytest.mark.parametrize("squared", [True, False])
def test_the_penalty_has_finite_gradients_where_it_is_zero(squared):
    attention = torch.eye(3)[None].requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # NaN anywhere in the backward pass is an error
        attention_penalty(attention, torch.ones(1), squared).sum.backward()
    assert (attention.grad == 0).all()
    attention = torch.eye(3)[None].requires_grad_()
    gram = attention @ attention.mT - torch.eye(3)
    gram.square().sum().sqrt().backward()  # as public code has it
    assert attention.grad.isnan().any()


def test_hops_that_share_no_token_do_not_overlap_and_equal_ones_do_entirely():
    one = torch.ones(1)
    assert hop_overlap(torch.tensor([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]]), one).sum == 0
    equal = hop_overlap(torch.tensor([0.2, 0.3, 0.5]).expand(1, 4, 3), one).sum
    torch.testing.assert_close(equal, torch.tensor(1.0))


def test_overlap_is_the_mean_common_weight_over_pairs_of_hops():
    attention = torch.randn(3, 4, 6, dtype=torch.float64).softmax(dim=-1)
    weight = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    means = []
    for a in attention.numpy():
        pairs = [(a[i], a[j]) for i in range(4) for j in range(i)]
        means.append(np.mean([np.minimum(p, q).sum() for p, q in pairs]))
    loss = hop_overlap(attention, weight)
    np.testing.assert_allclose(loss.sum.item(), means @ weight.numpy(), rtol=1e-13)
    assert loss.count == 3


def test_a_single_hop_and_a_sentence_of_padding_alone_overlap_by_zero():
    for attention in [torch.ones(2, 1, 1), torch.zeros(2, 3, 4), torch.zeros(2, 3, 0)]:
        loss = hop_overlap(attention, torch.ones(2))
        assert loss.sum == 0
        assert loss.count == 2


@pytest.mark.parametrize("term", [attention_penalty, hop_overlap])
def test_autocast_does_not_round_what_is_said_of_hops(term):
    attention = torch.rand(2, 3, 50).softmax(dim=-1)
    expected = term(attention.double(), torch.ones(2).double()).sum
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = term(attention, torch.ones(2)).sum
        assert (attention @ attention.mT).dtype == torch.bfloat16  # what would be rounded
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=0)


# --------------------------------------------------------------------------------------------------- coverage
def some_attention():
    torch.manual_seed(0)
    attention = (3 * torch.randn(3, 5, 4, dtype=torch.float64)).softmax(dim=-1)
    is_real = torch.arange(5) < torch.tensor([5, 2, 0])[:, None]
    return attention, is_real, torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)


def test_coverage_is_the_formula_of_the_paper_token_by_token():
    attention, is_real, weight = some_attention()
    expected = count = 0.0
    for row, length in enumerate(is_real.sum(dim=1).tolist()):
        covered = np.zeros(4)
        for now in attention[row, :length].numpy():
            expected += weight[row].item() * np.minimum(now, covered).sum()
            count += weight[row].item()
            covered = covered + now
    loss = coverage(attention, is_real, weight)
    np.testing.assert_allclose(loss.sum.item(), expected, rtol=1e-13)
    assert loss.count == count == 6
    attention.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: coverage(a, is_real, weight).sum, attention)


def test_coverage_costs_nothing_where_every_token_looks_elsewhere_and_one_a_token_where_all_look_alike():
    real, one = torch.ones(1, 4, dtype=torch.bool), torch.ones(1)
    assert coverage(torch.eye(4)[None], real, one).sum == 0
    assert coverage(torch.eye(4)[:1].expand(1, 4, 4), real, one).sum == 3  # not at the first token
    assert coverage(torch.zeros(1, 0, 4), real[:, :0], one) == (0, 0)


def test_coverage_does_not_see_padding_nor_sentences_of_weight_zero():
    attention, is_real, weight = some_attention()
    weight[0] = 0.0
    spoiled = attention.masked_fill(~(is_real & (weight > 0)[:, None])[..., None], torch.nan)
    assert coverage(spoiled, is_real, weight) == coverage(attention, is_real, weight)
    assert coverage(attention.bfloat16(), is_real, weight.float()).sum.dtype == torch.float32


# ----------------------------------------------------------------------------------------------------- R-Drop
def some_pairs():
    torch.manual_seed(0)
    log_p, log_q = (2 * torch.randn(2, 7, 5, dtype=torch.float64)).log_softmax(dim=-1)
    return log_p, log_q, torch.tensor([1.0, 0.5, 0.0, 2.0, 1.0, 0.0, 0.25], dtype=torch.float64)


def test_symmetric_kl_is_the_mean_of_both_divergences_of_torch_and_of_numpy():
    log_p, log_q, weight = some_pairs()
    there, back = (
        functional.kl_div(b, a, reduction="none", log_target=True).sum(dim=1)
        for a, b in [(log_p, log_q), (log_q, log_p)]
    )
    loss = symmetric_kl(log_p, log_q, weight)
    torch.testing.assert_close(loss.sum, ((there + back) / 2 * weight).sum(), **EXACT)
    assert loss.count == weight.sum()
    p, q = log_p.exp().numpy(), log_q.exp().numpy()
    each = 0.5 * (p * np.log(p / q)).sum(axis=1) + 0.5 * (q * np.log(q / p)).sum(axis=1)
    np.testing.assert_allclose(loss.sum.item(), each @ weight.numpy(), rtol=1e-13)
    assert symmetric_kl(log_p, log_p, weight).sum == 0


def test_both_passes_of_r_drop_get_gradients():
    log_p, log_q, weight = some_pairs()
    arguments = (log_p.requires_grad_(), log_q.requires_grad_())
    assert torch.autograd.gradcheck(lambda p, q: symmetric_kl(p, q, weight).sum, arguments)
    symmetric_kl(*arguments, weight).sum.backward()
    assert all(a.grad[weight > 0].abs().sum() > 0 and (a.grad[weight == 0] == 0).all() for a in arguments)


def test_a_class_that_is_impossible_in_both_passes_adds_nothing_nor_do_items_of_weight_zero():
    log_p, log_q, weight = some_pairs()
    nothing = torch.full((7, 1), -torch.inf, dtype=torch.float64)
    wide = [torch.cat([a, nothing], dim=1) for a in (log_p, log_q)]
    wide[0][2] = torch.nan  # of weight 0
    wide[1][5] = -torch.inf  # of weight 0: one-sided
    wide = [a.requires_grad_() for a in wide]
    loss = symmetric_kl(*wide, weight)
    torch.testing.assert_close(loss.sum, symmetric_kl(log_p, log_q, weight).sum, **EXACT)
    loss.sum.backward()
    kept = [a.grad[weight > 0] for a in wide]
    assert all(gradient.isfinite().all() for gradient in kept)
    assert (wide[1].grad[5] == 0).all()
    half = symmetric_kl(log_p.bfloat16(), log_q.bfloat16(), weight.float())
    assert half.sum.dtype == torch.float32
