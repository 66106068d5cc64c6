"""Structured self-attention: its mask, its edges, half precision, and what public versions got wrong."""

import pytest
import torch

from attendo.models.layers.attention import StructuredSelfAttention, weighted
from attendo.models.layers.weighting import Entmax15, Softmax, TopK

IS_PADDING = torch.arange(6) >= torch.tensor([6, 2, 1, 0])[:, None]


def build(hops=3, weighting=None):
    return StructuredSelfAttention(8, 5, hops, weighting or Softmax())


def test_weights_sum_to_one_over_real_tokens_and_are_zero_at_padding():
    weights = build()(torch.randn(4, 6, 8), IS_PADDING).weights
    torch.testing.assert_close(weights.sum(dim=-1)[:3], torch.ones(3, 3))
    assert (weights.mT[IS_PADDING] == 0).all()


def test_vectors_are_the_weighted_sums_of_the_states_in_their_dtype():
    states = torch.randn(4, 6, 8, dtype=torch.float64)
    vectors, weights = build().double()(states, IS_PADDING)
    for sentence in range(4):
        for hop in range(3):
            expected = sum(weights[sentence, hop, t] * states[sentence, t] for t in range(6))
            torch.testing.assert_close(vectors[sentence, hop], expected, rtol=0, atol=1e-14)
    vectors, weights = build().bfloat16()(states.bfloat16(), IS_PADDING)
    assert (vectors.dtype, weights.dtype) == (torch.bfloat16, torch.float32)
    assert weighted(states.bfloat16(), weights).dtype == torch.bfloat16


def test_the_weighting_is_the_one_given():
    states = torch.randn(4, 6, 8)
    attention = build(weighting=TopK(1))
    vectors, weights = attention(states, IS_PADDING)
    assert set(weights.unique().tolist()) == {0.0, 1.0}
    likeliest = build()
    likeliest.load_state_dict(attention.state_dict())  # a weighting has no state of its own
    places = likeliest(states, IS_PADDING).weights.argmax(dim=-1)[:3]  # batch hop
    torch.testing.assert_close(vectors[:3], states[torch.arange(3)[:, None], places])


def test_a_sentence_of_padding_alone_gets_zeros_and_makes_no_nan_on_the_way():
    attention = build()
    states = torch.randn(4, 6, 8, requires_grad=True)
    vectors, weights = attention(states, IS_PADDING)
    assert (weights[3] == 0).all()
    assert (vectors[3] == 0).all()
    with torch.autograd.set_detect_anomaly(True):  # NaN anywhere in the backward pass is an error
        (attention(states, IS_PADDING).weights.square() @ states).sum().backward()
    assert states.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in attention.parameters())
    nothing = attention(states[:, :0], IS_PADDING[:, :0])
    assert nothing.weights.shape == (4, 3, 0)
    assert (nothing.vectors == torch.zeros(4, 3, 8)).all()


def test_no_gradient_flows_into_padding():
    states = torch.randn(4, 6, 8, dtype=torch.float64, requires_grad=True)
    vectors, weights = build().double()(states, IS_PADDING)
    ((weights * torch.randn_like(weights)).sum() + vectors.square().sum()).backward()
    assert (states.grad[IS_PADDING] == 0).all()
    assert (states.grad[0] != 0).any()


@pytest.mark.parametrize("weighting", [Softmax(), TopK(5), Entmax15()], ids=["softmax", "top 5", "entmax"])
def test_there_may_be_more_hops_than_tokens(weighting):
    weights = build(30, weighting)(torch.randn(2, 2, 8), IS_PADDING[:2, :2]).weights
    assert weights.shape == (2, 30, 2)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 30))


def test_under_autocast_a_long_sentence_still_gets_float32_weights_that_sum_to_one():
    attention, states = build(), torch.randn(1, 3000, 8)
    nothing_is_padding = torch.zeros(1, 3000, dtype=torch.bool)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weights = attention(states, nothing_is_padding).weights
        scores = attention.second(attention.first(states).tanh()).mT
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(1, 3), rtol=0, atol=1e-5)
    in_half_precision = scores.softmax(dim=-1)  # what it would be otherwise
    assert in_half_precision.dtype == torch.bfloat16
    assert (in_half_precision.double().sum(dim=-1) - 1).abs().max() > 1e-5


def test_every_parameter_gets_a_gradient_and_none_is_a_bias_that_the_softmax_cancels():
    attention = build().double()
    attention(torch.randn(4, 6, 8).double(), IS_PADDING).weights.square().sum().backward()
    assert dict(attention.named_parameters()).keys() == {"first.weight", "second.weight"}
    assert all((parameter.grad != 0).any() for parameter in attention.parameters())


def test_one_module_takes_batches_of_any_size_and_length_and_remembers_none():
    attention = build().double()
    states = torch.randn(4, 6, 8, dtype=torch.float64)
    first = attention(states, IS_PADDING)
    for batch, time in [(1, 1), (7, 30)]:
        other = torch.randn(batch, time, 8, dtype=torch.float64)
        attention(other, torch.zeros(batch, time, dtype=torch.bool)).vectors.sum().backward()
    again = attention(states, IS_PADDING)
    again.vectors.sum().backward()
    assert torch.equal(again.vectors, first.vectors)


@pytest.mark.parametrize("name", ["input_size", "attention_size", "hops"])
def test_a_size_of_zero_is_refused_by_name(name):
    sizes = {"input_size": 2, "attention_size": 3, "hops": 4, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        StructuredSelfAttention(**sizes, weighting=Softmax())
