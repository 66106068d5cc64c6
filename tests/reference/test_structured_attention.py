"""Every attention, sentence by sentence in float64 numpy as the papers write it, values and gradients."""

from functools import partial

import numpy as np
import pytest
import torch

from attendo.losses import attention_penalty
from attendo.models import SelfAttentiveClassifier
from attendo.models.encoders import LSTMEncoder
from attendo.models.layers.attention import StructuredSelfAttention
from attendo.models.layers.pooling import MaxPooling, MeanPooling
from attendo.models.layers.weighting import (
    Entmax15,
    ShareOfMaximum,
    Softmax,
    Sparsemax,
    StraightThrough,
    TopK,
)

LENGTHS = [7, 3, 1]  # and four hops: more than the last two have tokens
HOPS = 4
IS_PADDING = torch.arange(7) >= torch.tensor(LENGTHS)[:, None]
VALUES, GRADIENTS = {"rtol": 0, "atol": 1e-10}, {"rtol": 0, "atol": 1e-8}


def numbers(tensor):
    return tensor.detach().numpy()


# ---------------------------------------- a row of scores → its weights, and the Jacobian of the weights
def of_softmax(scores):
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return weights, np.diag(weights) - np.outer(weights, weights)


def of_the_kept(keeps, scores):
    """A softmax whose other weights are set to zero, the rest being divided by their sum."""
    weights = np.where(keeps(of_softmax(scores)[0]), of_softmax(scores)[0], 0)
    weights /= weights.sum()
    return weights, np.diag(weights) - np.outer(weights, weights)


def two_largest(weights):
    return weights >= sorted(weights)[-2:][0]


def not_small(weights):
    return weights >= 0.5 * weights.max()


def of_one(temperature, scores):
    """One token, with the Jacobian of the softmax."""
    return np.eye(len(scores))[scores.argmax()], of_softmax(scores / temperature)[1] / temperature


def of_sparse(power, scores):
    """max(s (α - 1) - τ, 0)^(1 / (α - 1)) for α = 1 + 1 / power, τ being found by halving intervals."""
    scores = scores / power
    low, high = scores.max() - 1, scores.max()
    for _ in range(100):
        middle = (low + high) / 2
        if (np.maximum(scores - middle, 0) ** power).sum() > 1:
            low = middle
        else:
            high = middle
    weights = np.maximum(scores - high, 0) ** power
    slope = (weights > 0) * weights ** (1 - 1 / power)
    return weights, np.diag(slope) - np.outer(slope, slope) / slope.sum()


FORMS = {
    "softmax": (Softmax(), of_softmax),
    "top k": (TopK(2), partial(of_the_kept, two_largest)),
    "k beyond the length": (TopK(9), of_softmax),
    "share of maximum": (ShareOfMaximum(0.5), partial(of_the_kept, not_small)),
    "sampled": (StraightThrough(0.5).eval(), partial(of_one, 0.5)),
    "sparsemax": (Sparsemax(), partial(of_sparse, 1)),
    "entmax": (Entmax15(), partial(of_sparse, 2)),
}


# ------------------------------------------------------------------------------------ one sentence by hand
def by_hand(weigh, first, second, states, direction, squared):
    """A, M, the penalty, and the gradients of ⟨M, direction⟩ + penalty for both matrices and the states."""
    hidden = np.tanh(first @ states.T)
    rows = [weigh(scores) for scores in second @ hidden]
    attention = np.array([weights for weights, _ in rows])
    excess = attention @ attention.T - np.eye(HOPS)
    norm = np.linalg.norm(excess, "fro")

    d_penalty = 4 * excess @ attention if squared else 2 * excess @ attention / norm
    d_attention = direction @ states.T + d_penalty
    d_scores = np.array([jacobian.T @ d for (_, jacobian), d in zip(rows, d_attention, strict=True)])
    d_inside = (second.T @ d_scores) * (1 - hidden**2)
    gradients = (d_inside @ states, d_scores @ hidden.T, attention.T @ direction + d_inside.T @ first)
    return attention, attention @ states, norm**2 if squared else norm, gradients


@pytest.mark.parametrize("squared", [True, False], ids=["squared", "unsquared"])
@pytest.mark.parametrize("form", FORMS)
def test_attention_and_penalty_and_their_gradients_equal_the_papers_without_any_padding(form, squared):
    torch.manual_seed(0)
    weighting, weigh = FORMS[form]
    attention = StructuredSelfAttention(6, 5, HOPS, weighting).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    states = torch.randn(3, 7, 6, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(3, HOPS, 6, dtype=torch.float64)
    vectors, weights = attention(states, IS_PADDING)
    penalty = attention_penalty(weights, torch.ones(3, dtype=torch.float64), squared)
    ((vectors * direction).sum() + penalty.sum).backward()

    matrices = numbers(attention.first.weight), numbers(attention.second.weight)
    d_first, d_second, penalties = 0.0, 0.0, 0.0
    for row, length in enumerate(LENGTHS):
        expected = by_hand(weigh, *matrices, numbers(states[row, :length]), numbers(direction[row]), squared)
        np.testing.assert_allclose(numbers(weights[row, :, :length]), expected[0], **VALUES)
        np.testing.assert_allclose(numbers(vectors[row]), expected[1], **VALUES)
        np.testing.assert_allclose(numbers(states.grad[row, :length]), expected[3][2], **GRADIENTS)
        penalties += expected[2]
        d_first, d_second = d_first + expected[3][0], d_second + expected[3][1]
    np.testing.assert_allclose(numbers(penalty.sum), penalties, **VALUES)
    np.testing.assert_allclose(numbers(attention.first.weight.grad), d_first, **GRADIENTS)
    np.testing.assert_allclose(numbers(attention.second.weight.grad), d_second, **GRADIENTS)
    assert (states.grad[IS_PADDING] == 0).all()


@pytest.mark.parametrize("form", ["top k", "share of maximum", "sparsemax", "entmax"])
def test_hard_and_sparse_forms_do_switch_tokens_off_here_but_not_all_but_one(form):
    torch.manual_seed(0)
    used = np.array(
        [(FORMS[form][1](scores)[0] > 0).sum() for scores in np.random.default_rng(0).normal(size=(50, 7))]
    )
    assert (used < 7).any() and (used > 1).any()


@pytest.mark.parametrize("pooling, of_tokens", [(MeanPooling(6), np.mean), (MaxPooling(6), np.max)])
def test_the_baselines_equal_numpy_over_the_real_tokens(pooling, of_tokens):
    torch.manual_seed(0)
    states = torch.randn(3, 7, 6, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(3, 1, 6, dtype=torch.float64)
    vectors, weights = pooling(states, IS_PADDING)
    penalty = attention_penalty(weights, torch.ones(3, dtype=torch.float64))
    (vectors * direction).sum().backward()
    penalties = 0.0
    for row, length in enumerate(LENGTHS):
        real, d = numbers(states[row, :length]), numbers(direction[row])
        np.testing.assert_allclose(numbers(vectors[row, 0]), of_tokens(real, axis=0), **VALUES)
        gives = np.full(real.shape, 1 / length) if of_tokens is np.mean else real == real.max(axis=0)
        np.testing.assert_allclose(numbers(states.grad[row, :length]), gives * d, **GRADIENTS)
        np.testing.assert_allclose(numbers(weights[row, 0, :length]), gives.mean(axis=1), **VALUES)
        penalties += ((gives.mean(axis=1) ** 2).sum() - 1) ** 2
    np.testing.assert_allclose(numbers(penalty.sum), penalties, **VALUES)


def test_logits_equal_the_flat_sentence_matrix_through_a_relu_layer():
    torch.manual_seed(0)
    model = SelfAttentiveClassifier(
        vocabulary_size=20,
        label_count=3,
        embedding_size=5,
        embedding_std=1.0,
        encoder=LSTMEncoder(5, 3, num_layers=1, bidirectional=True, dropout=0.5),
        attention=partial(StructuredSelfAttention, attention_size=4, hops=HOPS, weighting=Softmax()),
        mlp_size=8,
        dropout={"words": 0.5, "embedding": 0.5, "states": 0.5, "mlp": 0.5},
        head="multiclass",
        combine_hops="flatten",
    )
    model = model.double().eval()
    tokens = torch.randint(4, 20, (3, 7)).masked_fill(IS_PADDING, 0)
    logits = numbers(model(tokens, IS_PADDING).logits)
    hidden, _, _, output = model.mlp
    for i, length in enumerate(LENGTHS):
        alone = model.embedding(tokens[i : i + 1, :length])
        states = numbers(model.encoder(alone, IS_PADDING[i : i + 1, :length])[0])
        inside = np.tanh(numbers(model.attention.first.weight) @ states.T)  # eq. 5 and 6
        attention = np.array(
            [of_softmax(scores)[0] for scores in numbers(model.attention.second.weight) @ inside]
        )
        sentence = (attention @ states).reshape(-1)  # eq. 7: M = A H
        relu = np.maximum(numbers(hidden.weight) @ sentence + numbers(hidden.bias), 0)
        expected = numbers(output.weight) @ relu + numbers(output.bias)
        np.testing.assert_allclose(logits[i], expected, rtol=0, atol=1e-13)
