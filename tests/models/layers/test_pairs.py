"""One vector for two texts, against float64 numpy that reads one pair at a time, without padding."""

import numpy as np
import pytest
import torch

from attendo.models.layers.pairs import PairCrossAttention, PairFeatures, Text
from small_runs import soft_attention

STATES, HOPS = 6, 3
LENGTHS, LENGTHS_B = [5, 2, 1], [1, 4, 3]


def texts(lengths):
    states = torch.randn(len(lengths), max(lengths), STATES, dtype=torch.float64)
    return Text(states, torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None])


def numbers(tensor):
    return tensor.detach().numpy()


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


class Pool(torch.nn.Module):
    """Attention, and the hops side by side."""

    def __init__(self):
        super().__init__()
        self.attention = soft_attention(4, HOPS)(STATES).double()

    def forward(self, states, is_padding):
        pooled = self.attention(states, is_padding)
        return pooled.vectors.flatten(start_dim=1), pooled

    def by_hand(self, states):
        first, second = numbers(self.attention.first.weight), numbers(self.attention.second.weight)
        weights = softmax(second @ np.tanh(first @ states.T))
        return (weights @ states).reshape(-1), weights


@pytest.mark.parametrize(
    "parts", [["vectors"], ["difference", "product"], ["product", "vectors", "difference"]]
)
def test_features_are_those_of_the_formula(parts):
    torch.manual_seed(0)
    pool, first, second = Pool(), texts(LENGTHS), texts(LENGTHS_B)
    pair = PairFeatures(STATES, STATES * HOPS, parts)
    paired = pair(first, second, pool)
    assert paired.vector.shape == (3, pair.output_size)
    for row, (length, length_b) in enumerate(zip(LENGTHS, LENGTHS_B, strict=True)):
        u, looked = pool.by_hand(numbers(first.states[row, :length]))
        v, looked_b = pool.by_hand(numbers(second.states[row, :length_b]))
        made = {"vectors": np.concatenate([u, v]), "difference": np.abs(u - v), "product": u * v}
        expected = np.concatenate([made[part] for part in parts])
        np.testing.assert_allclose(numbers(paired.vector[row]), expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(numbers(paired.attention[row, :, :length]), looked, atol=1e-12)
        np.testing.assert_allclose(numbers(paired.attention_b[row, :, :length_b]), looked_b, atol=1e-12)
        assert (paired.attention_b[row, :, length_b:] == 0).all()


def asked_and_answered(pair, asking, answering):
    """LayerNorm(x + MultiHead(x, Y, Y)), and the heads' mean attention."""
    width = STATES // pair.heads
    queries = asking @ numbers(pair.query.weight).T + numbers(pair.query.bias)
    keys, values = np.split(
        answering @ numbers(pair.project.weight).T + numbers(pair.project.bias), 2, axis=1
    )
    found, weights = [], []
    for head in range(pair.heads):
        part = slice(head * width, (head + 1) * width)
        weights.append(softmax(queries[:, part] @ keys[:, part].T / np.sqrt(width)))
        found.append(weights[-1] @ values[:, part])
    output = np.concatenate(found, axis=1) @ numbers(pair.output.weight).T + numbers(pair.output.bias)
    total = asking + output
    centred = total - total.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt(total.var(axis=1, keepdims=True) + pair.norm.eps)
    return normed * numbers(pair.norm.weight) + numbers(pair.norm.bias), np.mean(weights, axis=0)


@pytest.mark.parametrize("queries", ["text", "text_b"])
@pytest.mark.parametrize("heads", [1, 3])
def test_cross_attention_is_that_of_the_formula(heads, queries):
    torch.manual_seed(0)
    pool, first, second = Pool(), texts(LENGTHS), texts(LENGTHS_B)
    pair = PairCrossAttention(STATES, STATES * HOPS, heads, queries).double()
    torch.nn.init.normal_(pair.norm.weight)
    paired = pair(first, second, pool)
    for row, (length, length_b) in enumerate(zip(LENGTHS, LENGTHS_B, strict=True)):
        both = [numbers(first.states[row, :length]), numbers(second.states[row, :length_b])]
        asking, answering = both if queries == "text" else both[::-1]
        states, across = asked_and_answered(pair, asking, answering)
        vector, looked = pool.by_hand(states)
        expected = [looked, looked @ across]
        expected = expected if queries == "text" else expected[::-1]
        np.testing.assert_allclose(numbers(paired.vector[row]), vector, rtol=0, atol=1e-12)
        np.testing.assert_allclose(numbers(paired.attention[row, :, :length]), expected[0], atol=1e-12)
        np.testing.assert_allclose(numbers(paired.attention_b[row, :, :length_b]), expected[1], atol=1e-12)
        assert (paired.attention_b[row, :, length_b:] == 0).all()


def test_gradients_equal_finite_differences_beside_padding():
    torch.manual_seed(0)
    pool, first, second = Pool(), texts(LENGTHS), texts(LENGTHS_B)
    pair = PairCrossAttention(STATES, STATES * HOPS, 2, "text").double()

    def vector(states, states_b):
        return pair(Text(states, first.is_padding), Text(states_b, second.is_padding), pool).vector

    inputs = (first.states.requires_grad_(), second.states.requires_grad_())
    assert torch.autograd.gradcheck(vector, inputs, atol=1e-8)
    vector(*inputs).sum().backward()
    assert (first.states.grad[first.is_padding] == 0).all()
    assert (second.states.grad[second.is_padding] == 0).all()


def test_a_text_of_padding_alone_gives_no_nan():
    pair = PairCrossAttention(STATES, STATES * HOPS, 2, "text").double()
    first, second = texts(LENGTHS), texts(LENGTHS_B)
    empty = Text(second.states, torch.ones_like(second.is_padding))
    paired = pair(first, empty, Pool())
    paired.vector.sum().backward()
    assert paired.vector.isfinite().all()
    assert (paired.attention_b == 0).all()
    assert all(p.grad.isfinite().all() for p in pair.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PairFeatures(4, 4, []), "each once"),
        (lambda: PairFeatures(4, 4, ["product", "product"]), "each once"),
        (lambda: PairCrossAttention(4, 4, 3, "text"), "cannot be shared equally"),
    ],
)
def test_wrong_settings_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
