"""All weightings: masks, precision, gradients; hard and drawn weights (sparse ones: a file of their own)."""

import numpy as np
import pytest
import torch

from attendo.models.layers.weighting import (
    Entmax15,
    ShareOfMaximum,
    Softmax,
    Sparsemax,
    StraightThrough,
    TopK,
)

IS_PADDING = torch.arange(6) >= torch.tensor([6, 4, 2, 1, 0])[:, None]
NOT_DRAWN = {
    "softmax": Softmax(),
    "top 2": TopK(2),
    "top 99": TopK(99),
    "share of maximum": ShareOfMaximum(0.4),
    "sparsemax": Sparsemax(),
    "entmax": Entmax15(),
}
ALL = {**NOT_DRAWN, "drawn": StraightThrough(0.5), "likeliest": StraightThrough(2.0).eval()}
every = pytest.mark.parametrize("weighting", ALL.values(), ids=ALL)
every_not_drawn = pytest.mark.parametrize("weighting", NOT_DRAWN.values(), ids=NOT_DRAWN)


def random_scores():
    torch.manual_seed(0)
    return torch.randn(5, 3, 6, dtype=torch.float64)


def weigh(weighting, *scores):
    """The weights of one row of scores without padding."""
    row = torch.tensor(scores, dtype=torch.float64)[None, None]
    return weighting(row, torch.zeros(1, len(scores), dtype=torch.bool))[0, 0]


# ---------------------------------------------------------------------------------- what all have in common
@every
def test_weights_sum_to_one_over_real_tokens_and_are_zero_at_padding(weighting):
    weights = weighting(random_scores(), IS_PADDING)
    torch.testing.assert_close(weights.sum(dim=-1)[:4], torch.ones(4, 3).double(), rtol=0, atol=1e-14)
    assert (weights >= 0).all()
    assert (weights.mT[IS_PADDING] == 0).all()


@every
def test_a_sentence_of_padding_alone_gets_zeros_and_no_nan_on_the_way(weighting):
    scores = random_scores().requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # NaN anywhere in the backward pass is an error
        weights = weighting(scores, IS_PADDING)
        (weights * torch.randn_like(weights)).sum().backward()
    assert (weights[4] == 0).all()
    assert (scores.grad.mT[IS_PADDING] == 0).all()
    assert (scores.grad[0] != 0).any()
    assert weighting(scores[:, :, :0], IS_PADDING[:, :0]).shape == (5, 3, 0)


@every
def test_a_single_token_gets_all_the_weight_and_no_gradient(weighting):
    scores = torch.tensor([[[-3.0], [5.0]]], requires_grad=True)
    weights = weighting(scores, torch.zeros(1, 1, dtype=torch.bool))
    assert (weights == 1).all()
    weights.square().sum().backward()
    assert (scores.grad == 0).all()


@every_not_drawn
def test_what_stands_at_padding_and_how_much_of_it_changes_nothing(weighting):
    scores = random_scores()
    weights = weighting(scores, IS_PADDING)
    changed = scores.masked_fill(IS_PADDING[:, None], 1000.0)
    assert torch.equal(weighting(changed, IS_PADDING), weights)
    alone = weighting(scores[1:2, :, :4], IS_PADDING[1:2, :4])
    torch.testing.assert_close(alone[0], weights[1, :, :4], rtol=0, atol=1e-15)


@every_not_drawn
def test_gradients_are_those_of_finite_differences_beside_padding_too(weighting):
    scores = random_scores().requires_grad_()
    assert torch.autograd.gradcheck(lambda s: weighting(s, IS_PADDING), scores, atol=1e-8, rtol=1e-8)


@every
@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_weights_do_not_change_when_all_scores_move_together(weighting, shift):
    torch.manual_seed(1)
    weights = weighting(random_scores(), IS_PADDING)
    torch.manual_seed(1)
    moved = weighting(random_scores() + shift, IS_PADDING)
    torch.testing.assert_close(moved, weights, rtol=0, atol=1e-11)


@every
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_get_float32_weights_that_sum_to_one(weighting, dtype):
    scores = torch.randn(2, 2, 3000).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = weighting(scores, torch.zeros(2, 3000, dtype=torch.bool))
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2), rtol=0, atol=1e-5)


@every
def test_no_tensor_is_made_on_another_device_than_the_scores(weighting):
    weights = weighting(random_scores().to("meta"), IS_PADDING.to("meta"))
    assert weights.device.type == "meta"


@every_not_drawn
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_weights_of_the_cpu(weighting):
    scores = torch.cat([random_scores(), random_scores().round()])  # the second half is full of equals
    is_padding = torch.cat([IS_PADDING, IS_PADDING])
    weights = weighting(scores.cuda(), is_padding.cuda())
    torch.testing.assert_close(weights.cpu(), weighting(scores, is_padding), rtol=0, atol=1e-14)


@every
@pytest.mark.parametrize("highest", [0.0, 1e30])
def test_scores_however_far_apart_give_finite_weights_and_gradients(weighting, highest):
    scores = torch.tensor([[[highest, -1e30, -1e30, 0.0]]], requires_grad=True)
    weights = weighting(scores, torch.tensor([[False, False, True, False]]))
    weights.square().sum().backward()
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0))
    assert scores.grad.isfinite().all()


# ------------------------------------------------------------------------------------------------------ hard
def hard_by_hand(scores, keeps):
    """Softmax, then zeros where a condition on the weights fails, then renormalization."""
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    weights = np.where(keeps(weights), weights, 0.0)
    return weights / weights.sum()


def largest_two(weights):
    ranked = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    return np.isin(np.arange(len(weights)), ranked[:2])


def at_least_two_fifths_of_the_maximum(weights):
    return weights >= 0.4 * weights.max()


@pytest.mark.parametrize(
    "weighting, keeps",
    [(TopK(2), largest_two), (ShareOfMaximum(0.4), at_least_two_fifths_of_the_maximum)],
    ids=["k", "share"],
)
def test_hard_weights_are_the_softmax_with_the_small_ones_zero_and_the_rest_renormalized(weighting, keeps):
    scores = random_scores()
    weights = weighting(scores, IS_PADDING).numpy()
    for sentence, length in enumerate([6, 4, 2, 1]):
        for hop in range(3):
            expected = hard_by_hand(scores[sentence, hop, :length].numpy(), keeps)
            np.testing.assert_allclose(weights[sentence, hop, :length], expected, rtol=0, atol=1e-15)
    assert ((weights > 0) != (Softmax()(scores, IS_PADDING).numpy() > 0)).any()  # some of them went


def test_of_equal_scores_exactly_k_survive_and_they_are_the_earliest():
    assert weigh(TopK(2), 1.0, 1.0, 1.0, 1.0).tolist() == [0.5, 0.5, 0.0, 0.0]
    survivors = weigh(TopK(3), 0.0, 2.0, 2.0, 0.0, 2.0, 2.0) > 0
    assert survivors.tolist() == [False, True, True, False, True, False]
    many = TopK(7)(torch.zeros(1, 1, 5000), torch.zeros(1, 5000, dtype=torch.bool))[0, 0]
    assert many.nonzero().squeeze(1).tolist() == list(range(7))


def test_k_beyond_the_length_is_the_softmax():
    scores = random_scores()
    assert torch.equal(TopK(7)(scores, IS_PADDING), Softmax()(scores, IS_PADDING))


def test_equals_of_the_largest_weight_all_keep_theirs():
    assert weigh(ShareOfMaximum(1.0), 3.0, 1.0, 3.0).tolist() == [0.5, 0.0, 0.5]
    assert weigh(ShareOfMaximum(0.3), 0.0, -1.2).tolist()[1] > 0  # e^-1.2 = 0.301
    assert weigh(ShareOfMaximum(0.3), 0.0, -1.21).tolist() == [1.0, 0.0]  # e^-1.21 = 0.298


# --------------------------------------------------------------------------------------------------- sampled
def test_training_draws_one_token_as_often_as_its_probability_says():
    torch.manual_seed(0)
    scores = torch.tensor([0.0, 1.0, -1.0, 9.0]).expand(40_000, 1, 4)
    is_padding = torch.tensor([False, False, False, True]).expand(40_000, 4)
    weights = StraightThrough(2.0)(scores, is_padding)
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    assert (weights.sum(dim=-1) == 1).all()
    expected = torch.tensor([0.0, 0.5, -0.5, -torch.inf]).softmax(dim=-1)
    torch.testing.assert_close(weights.mean(dim=(0, 1)), expected, rtol=0, atol=0.01)


def test_evaluation_takes_the_likeliest_token_and_of_equal_ones_the_earliest():
    evaluated = StraightThrough(2.0).eval()
    scores = random_scores()
    weights = evaluated(scores, IS_PADDING)
    likeliest = scores.masked_fill(IS_PADDING[:, None], -torch.inf).argmax(dim=-1)
    assert torch.equal(weights.argmax(dim=-1)[:4], likeliest[:4])
    assert torch.equal(evaluated(scores, IS_PADDING), weights)
    assert weigh(evaluated, 1.0, 2.0, 2.0).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_a_draw_is_that_of_the_softmax_over_the_temperature(training):
    ours, theirs = random_scores().requires_grad_(), random_scores().requires_grad_()
    direction = torch.randn(5, 3, 6, dtype=torch.float64)
    (StraightThrough(0.5).train(training)(ours, IS_PADDING) * direction).sum().backward()
    masked = (theirs / 0.5).masked_fill(IS_PADDING[:, None], -torch.inf)[:4]
    (masked.softmax(dim=-1) * direction[:4]).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-14)


# --------------------------------------------------------------------------------------- wrong options
@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: TopK(0), "k must be at least 1, not 0"),
        (lambda: ShareOfMaximum(0.0), "share must be above 0 and at most 1, not 0.0"),
        (lambda: ShareOfMaximum(1.1), "share must be above 0 and at most 1, not 1.1"),
        (lambda: StraightThrough(0.0), "temperature must be above 0, not 0.0"),
        (lambda: StraightThrough(float("nan")), "temperature must be above 0, not nan"),
    ],
)
def test_options_out_of_range_are_refused_by_name(build, message):
    with pytest.raises(ValueError, match=message):
        build()
