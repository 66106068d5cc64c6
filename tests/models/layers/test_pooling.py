"""Mean and maximum, against numpy over the real tokens alone."""

import numpy as np
import pytest
import torch

from attendo.models.layers.attention import weighted
from attendo.models.layers.pooling import MaxPooling, MeanPooling

LENGTHS = [6, 2, 1, 0]
IS_PADDING = torch.arange(6) >= torch.tensor(LENGTHS)[:, None]

both = pytest.mark.parametrize("build", [MeanPooling, MaxPooling])


def random_states():
    """With something large at padding, and a sentence of negative states only."""
    torch.manual_seed(0)
    states = torch.randn(4, 6, 8, dtype=torch.float64)
    states[1] = -states[1].abs()
    return states.masked_fill(IS_PADDING[:, :, None], 1000.0)


@pytest.mark.parametrize("build, by_hand", [(MeanPooling, np.mean), (MaxPooling, np.max)])
def test_vectors_are_those_of_the_real_tokens(build, by_hand):
    states = random_states()
    vectors = build(8)(states, IS_PADDING).vectors
    assert vectors.shape == (4, build.hops, 8) == (4, 1, 8)
    for sentence, length in enumerate(LENGTHS[:3]):
        expected = by_hand(states[sentence, :length].numpy(), axis=0)
        np.testing.assert_allclose(vectors[sentence, 0].numpy(), expected, rtol=0, atol=1e-15)


@both
def test_weights_sum_to_one_over_real_tokens_and_are_zero_at_padding(build):
    weights = build(8)(random_states(), IS_PADDING).weights
    torch.testing.assert_close(weights.sum(dim=-1)[:3], torch.ones(3, 1).double(), rtol=0, atol=1e-14)
    assert (weights.mT[IS_PADDING] == 0).all()


def test_the_mean_weighs_all_real_tokens_alike_and_is_a_weighted_sum():
    vectors, weights = MeanPooling(8)(random_states(), IS_PADDING)
    torch.testing.assert_close(weights[1, 0, :2], torch.tensor([0.5, 0.5]).double(), rtol=0, atol=0)
    torch.testing.assert_close(weighted(random_states(), weights), vectors)


def test_a_token_weighs_in_a_maximum_by_the_features_it_gives():
    states = torch.tensor([[[3.0, 0.0, 1.0, 7.0], [1.0, 5.0, 1.0, 8.0], [0.0, 0.0, 0.0, 9.0]]])
    weights = MaxPooling(4)(states, torch.tensor([[False, False, True]])).weights
    assert weights[0, 0].tolist() == [0.5, 0.5, 0.0]  # of equal ones the earliest gives it


def test_the_gradient_of_a_maximum_goes_to_the_token_that_gives_it():
    states = random_states().requires_grad_()
    MaxPooling(8)(states, IS_PADDING).vectors.sum().backward()
    assert states.grad.sum(dim=(1, 2)).tolist() == [8, 8, 8, 0]
    assert (states.grad[IS_PADDING] == 0).all()
    assert torch.autograd.gradcheck(lambda s: MaxPooling(8)(s, IS_PADDING).vectors, states)


@both
def test_a_sentence_of_padding_alone_gets_zeros_and_no_nan_on_the_way(build):
    states = random_states().requires_grad_()
    with torch.autograd.set_detect_anomaly(True):  # NaN anywhere in the backward pass is an error
        vectors, weights = build(8)(states, IS_PADDING)
        vectors.square().sum().backward()
    assert (vectors[3] == 0).all()
    assert (weights[3] == 0).all()
    nothing = build(8)(states[:, :0], IS_PADDING[:, :0])
    assert nothing.weights.shape == (4, 1, 0)
    assert (nothing.vectors == torch.zeros(4, 1, 8)).all()


@both
def test_half_precision_states_give_half_precision_vectors_and_float32_weights(build):
    vectors, weights = build(8)(random_states().half(), IS_PADDING)
    assert (vectors.dtype, weights.dtype) == (torch.float16, torch.float32)
    assert vectors.isfinite().all()


@both
def test_no_tensor_is_made_on_another_device_than_the_states(build):
    vectors, weights = build(8)(random_states().to("meta"), IS_PADDING.to("meta"))
    assert vectors.device.type == weights.device.type == "meta"
