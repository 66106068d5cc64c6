"""Structured self-attention: its mask, its edges, half precision."""

import pytest
import torch

from attendo.models.layers.attention import StructuredSelfAttention

IS_PADDING = torch.arange(6) >= torch.tensor([6, 2, 1, 0])[:, None]


def test_weights_sum_to_one_over_real_tokens_and_are_zero_at_padding():
    weights = StructuredSelfAttention(8, 5, hops=3)(torch.randn(4, 6, 8), IS_PADDING)
    torch.testing.assert_close(weights.sum(dim=-1)[:3], torch.ones(3, 3))
    assert (weights.mT[IS_PADDING] == 0).all()


def test_a_sentence_of_padding_alone_gets_zeros_and_makes_no_nan_on_the_way():
    attention = StructuredSelfAttention(8, 5, hops=3)
    states = torch.randn(4, 6, 8, requires_grad=True)
    weights = attention(states, IS_PADDING)
    assert (weights[3] == 0).all()
    with torch.autograd.set_detect_anomaly(True):  # NaN anywhere in the backward pass is an error
        (attention(states, IS_PADDING).square() @ states).sum().backward()
    assert states.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in attention.parameters())
    assert attention(states[:, :0], IS_PADDING[:, :0]).shape == (4, 3, 0)


def test_no_gradient_flows_through_the_weights_into_padding():
    states = torch.randn(4, 6, 8, dtype=torch.float64, requires_grad=True)
    weights = StructuredSelfAttention(8, 5, hops=3).double()(states, IS_PADDING)
    (weights * torch.randn_like(weights)).sum().backward()
    assert (states.grad[IS_PADDING] == 0).all()
    assert (states.grad[0] != 0).any()


def test_there_may_be_more_hops_than_tokens():
    weights = StructuredSelfAttention(8, 5, hops=30)(torch.randn(2, 2, 8), IS_PADDING[:2, :2])
    assert weights.shape == (2, 30, 2)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 30))


def test_under_autocast_a_long_sentence_still_gets_float32_weights_that_sum_to_one():
    attention, states = StructuredSelfAttention(8, 5, hops=3), torch.randn(1, 3000, 8)
    nothing_is_padding = torch.zeros(1, 3000, dtype=torch.bool)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = attention(states, nothing_is_padding)
        scores = attention.second(attention.first(states).tanh()).mT
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 3), rtol=0, atol=1e-5)
    in_half_precision = scores.softmax(dim=-1)  # what it would be otherwise
    assert in_half_precision.dtype == torch.bfloat16
    assert (in_half_precision.double().sum(dim=-1) - 1).abs().max() > 1e-5


@pytest.mark.parametrize("name", ["input_size", "attention_size", "hops"])
def test_a_size_of_zero_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        StructuredSelfAttention(**{"input_size": 2, "attention_size": 3, "hops": 4, name: 0})
