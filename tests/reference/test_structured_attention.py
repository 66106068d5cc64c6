"""Structured self-attention, sentence by sentence in float64 numpy as the paper writes it."""

from functools import partial

import numpy as np
import torch

from attendo.losses import attention_penalty
from attendo.models import SelfAttentiveClassifier
from attendo.models.encoders import LSTMEncoder
from attendo.models.layers.attention import StructuredSelfAttention

LENGTHS = [7, 3, 1]
IS_PADDING = torch.arange(7) >= torch.tensor(LENGTHS)[:, None]


def numbers(parameter):
    return parameter.detach().numpy()


def attend(attention, states):
    """A = softmax(W_s2 tanh(W_s1 Hᵀ)) (eq. 6) of one sentence's states H, n by 2u."""
    scores = numbers(attention.second.weight) @ np.tanh(numbers(attention.first.weight) @ states.T)
    exponentials = np.exp(scores)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def test_masked_attention_and_penalty_equal_the_paper_without_any_padding():
    torch.manual_seed(0)
    attention = StructuredSelfAttention(6, 5, hops=4).double()
    states = torch.randn(3, 7, 6, dtype=torch.float64)
    weights = attention(states, IS_PADDING)
    penalty = attention_penalty(weights, torch.ones(3, dtype=torch.float64))

    expected = [attend(attention, numbers(states[i, :length])) for i, length in enumerate(LENGTHS)]
    for i, length in enumerate(LENGTHS):
        np.testing.assert_allclose(numbers(weights[i, :, :length]), expected[i], rtol=0, atol=1e-14)
    by_hand = sum(np.linalg.norm(a @ a.T - np.eye(4), "fro") ** 2 for a in expected)  # eq. 8
    np.testing.assert_allclose(numbers(penalty.sum), by_hand, rtol=1e-13)
    assert penalty.count == 3


def test_logits_equal_the_flat_sentence_matrix_through_a_relu_layer():
    torch.manual_seed(0)
    model = SelfAttentiveClassifier(
        vocabulary_size=20,
        label_count=3,
        embedding_size=5,
        encoder=LSTMEncoder(5, 3, num_layers=1, bidirectional=True, dropout=0.5),
        attention=partial(StructuredSelfAttention, attention_size=4, hops=2),
        mlp_size=8,
        embedding_dropout=0.5,
        mlp_dropout=0.5,
    )
    model = model.double().eval()
    tokens = torch.randint(4, 20, (3, 7)).masked_fill(IS_PADDING, 0)
    logits = numbers(model(tokens, IS_PADDING).logits)
    hidden, _, _, output = model.mlp
    for i, length in enumerate(LENGTHS):
        alone = model.embedding(tokens[i : i + 1, :length])
        states = numbers(model.encoder(alone, IS_PADDING[i : i + 1, :length])[0])
        sentence = (attend(model.attention, states) @ states).reshape(-1)  # eq. 7: M = A H
        relu = np.maximum(numbers(hidden.weight) @ sentence + numbers(hidden.bias), 0)
        expected = numbers(output.weight) @ relu + numbers(output.bias)
        np.testing.assert_allclose(logits[i], expected, rtol=0, atol=1e-13)
