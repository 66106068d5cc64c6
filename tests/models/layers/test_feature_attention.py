"""Attention over the features of a vector, against numpy."""

import numpy as np
import pytest
import torch

from attendo.models.layers.feature_attention import FeatureAttention
from attendo.models.layers.weighting import Softmax, Sparsemax, TopK


def test_features_are_weighted_as_the_formula_says():
    torch.manual_seed(0)
    attention = FeatureAttention(7, 4, Softmax()).double()
    vectors = torch.randn(3, 7, dtype=torch.float64)
    attended, weights = attention(vectors)
    first, second = (parameter.detach().numpy() for parameter in attention.parameters())
    for row, x in enumerate(vectors.numpy()):
        exponentials = np.exp(second @ np.tanh(first @ x))
        expected = exponentials / exponentials.sum()
        np.testing.assert_allclose(weights[row].detach().numpy(), expected, rtol=0, atol=1e-15)
        np.testing.assert_allclose(attended[row].detach().numpy(), 7 * expected * x, rtol=0, atol=1e-14)


def test_equal_weights_leave_the_vector_as_it_is():
    attention = FeatureAttention(8, 4, Softmax())
    torch.nn.init.zeros_(attention.second.weight)
    vectors = torch.randn(3, 8)
    attended, weights = attention(vectors)
    assert torch.equal(attended, vectors)
    assert (weights == 1 / 8).all()


@pytest.mark.parametrize("weighting", [TopK(2), Sparsemax()], ids=["top 2", "sparsemax"])
def test_other_weightings_switch_features_off(weighting):
    attention = FeatureAttention(8, 4, weighting)
    torch.nn.init.normal_(attention.second.weight, std=3.0)
    attended, weights = attention(torch.randn(3, 8))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert ((attended == 0) == (weights == 0)).all()
    assert ((weights > 0).sum(dim=1) < 8).all()


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    attention = FeatureAttention(5, 4, Softmax()).double()
    vectors = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: attention(x).vector, (vectors, *attention.parameters()))


def test_half_precision_keeps_its_dtype_and_has_float32_weights():
    attended, weights = FeatureAttention(8, 4, Softmax()).bfloat16()(torch.randn(3, 8).bfloat16())
    assert (attended.dtype, weights.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("name", ["input_size", "attention_size"])
def test_a_size_of_zero_is_refused_by_name(name):
    sizes = {"input_size": 2, "attention_size": 3, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        FeatureAttention(**sizes, weighting=Softmax())
