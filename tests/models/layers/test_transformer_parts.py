"""Norms, rotary positions and feed-forward networks against their formulas in numpy."""

from math import erf

import numpy as np
import pytest
import torch
from torch import nn

from attendo.models.layers.feed_forward import FeedForward
from attendo.models.layers.multi_head_attention import SelfAttention, attendable
from attendo.models.layers.norms import build_norm
from attendo.models.layers.rotary import RotaryPositions


# ------------------------------------------------------------------------------------------------------ norms
def rms_norm(states):
    return states / np.sqrt((states**2).mean(axis=-1, keepdims=True) + 1e-5)


def layer_norm(states):
    return rms_norm(states - states.mean(axis=-1, keepdims=True))


@pytest.mark.parametrize("size", [1.0, 1e-3, 0.0])
@pytest.mark.parametrize(("normalization", "formula"), [("rms", rms_norm), ("layer", layer_norm)])
@torch.no_grad()
def test_a_norm_is_that_of_its_paper(normalization, formula, size):
    torch.manual_seed(0)
    norm, states = build_norm(normalization, 9).double(), 3.0 + torch.randn(4, 5, 9).double()
    nn.init.normal_(norm.weight)
    expected = formula(size * states.numpy()) * norm.weight.numpy()
    np.testing.assert_allclose(norm(size * states).numpy(), expected, rtol=0, atol=1e-12)


def test_a_norm_is_the_same_in_every_precision():
    torch.manual_seed(0)
    norm, states = build_norm("rms", 64), 1e-3 * torch.randn(10, 64)
    rough = norm.bfloat16()(states.bfloat16())
    torch.testing.assert_close(rough.float(), norm.float()(states), rtol=0.03, atol=0.03)


# ----------------------------------------------------------------------------------------------- feed-forward
ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
}


@torch.no_grad()
def random_feed_forward(activation):
    torch.manual_seed(0)
    network = FeedForward(6, 10, activation).double().eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network, torch.randn(2, 3, 6).double()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@torch.no_grad()
def test_a_feed_forward_network_is_two_maps_around_its_activation(activation):
    network, states = random_feed_forward(activation)
    first, bias, second, last = (parameter.numpy() for parameter in network.parameters())
    expected = ACTIVATIONS[activation](states.numpy() @ first.T + bias) @ second.T + last
    np.testing.assert_allclose(network(states).numpy(), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_swiglu_multiplies_the_hidden_features_by_a_gate():
    network, states = random_feed_forward("swiglu")
    both, bias, second, last = (parameter.numpy() for parameter in network.parameters())
    gate = states.numpy() @ both[:10].T + bias[:10]
    value = states.numpy() @ both[10:].T + bias[10:]
    expected = (ACTIVATIONS["silu"](gate) * value) @ second.T + last
    np.testing.assert_allclose(network(states).numpy(), expected, rtol=0, atol=1e-12)


def test_swiglu_has_half_as_many_weights_again_and_starts_like_the_others():
    plain, gated = FeedForward(64, 100, "relu"), FeedForward(64, 100, "swiglu")
    assert gated.first.weight.numel() + gated.second.weight.numel() == 3 * 64 * 100
    assert plain.first.weight.numel() + plain.second.weight.numel() == 2 * 64 * 100
    for part in gated.first.weight.detach().chunk(2):
        assert part.std().item() == pytest.approx(plain.first.weight.std().item(), rel=0.05)


def test_dropout_falls_on_the_hidden_features_after_the_activation():
    network = FeedForward(6, 10_000, "relu", dropout=0.5).train()
    seen = []
    network.second.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    states = torch.randn(1, 1, 6)
    network(states)
    network.eval()(states)
    dropped, whole = seen
    is_kept = dropped != 0
    torch.testing.assert_close(dropped[is_kept], 2 * whole[is_kept])
    assert (is_kept.sum() / (whole != 0).sum()).item() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("activation", ["gelu", "swiglu"])
@torch.no_grad()
def test_dropout_follows_the_activation_and_a_gate_is_whole(activation):
    network, states = random_feed_forward(activation)
    network.dropout.p = 0.5
    torch.manual_seed(7)
    output = network.train()(states)
    torch.manual_seed(7)
    kept = nn.functional.dropout(torch.ones(2, 3, 10).double(), p=0.5).numpy()  # 0 or 2
    first, bias, second, last = (parameter.numpy() for parameter in network.parameters())
    hidden = states.numpy() @ first.T + bias
    if activation == "swiglu":
        hidden = ACTIVATIONS["silu"](hidden[..., :10]) * hidden[..., 10:]
    else:
        hidden = ACTIVATIONS["gelu"](hidden)
    np.testing.assert_allclose(output.numpy(), (hidden * kept) @ second.T + last, rtol=0, atol=1e-12)


# ----------------------------------------------------------------------------------------------------- rotary
def turned(vectors, first=0):
    """x_i + i x_{i + d/2} times e^{i p θ_i}, position by position."""
    time, size = vectors.shape[-2:]
    angles = 10000.0 ** (-2 * np.arange(size // 2) / size)
    numbers = vectors[..., : size // 2] + 1j * vectors[..., size // 2 :]
    numbers = numbers * np.exp(1j * (first + np.arange(time))[:, None] * angles)
    return np.concatenate([numbers.real, numbers.imag], axis=-1)


@pytest.mark.parametrize("first", [0, 5, 3000])
def test_rotary_positions_are_products_of_complex_numbers(first):
    torch.manual_seed(0)
    vectors = torch.randn(2, 3, 9, 8).double()
    found = RotaryPositions(8).double()(vectors, first)
    np.testing.assert_allclose(found.numpy(), turned(vectors.numpy(), first), rtol=0, atol=1e-6)


def test_products_of_queries_and_keys_depend_on_their_distance_only():
    torch.manual_seed(0)
    rotary = RotaryPositions(8).double()
    query, key = torch.randn(2, 1, 1, 1, 8).double().expand(2, 1, 1, 20, 8)
    scores = (rotary(query) @ rotary(key).mT)[0, 0]  # query key
    elsewhere = (rotary(query, first=700) @ rotary(key, first=700).mT)[0, 0]
    torch.testing.assert_close(elsewhere, scores, rtol=0, atol=1e-5)
    for distance in range(-19, 20):
        along = scores.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=0, atol=1e-6)
    assert scores[0].std() > 0.1, "and they do depend on it"


def test_rotation_changes_no_length_and_keeps_the_precision():
    vectors = torch.randn(2, 3, 9, 8, dtype=torch.bfloat16)
    found = RotaryPositions(8)(vectors)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.norm(dim=-1), vectors.norm(dim=-1), rtol=0.02, atol=0.02)


@torch.no_grad()
def test_self_attention_with_rotary_positions_compares_turned_queries_with_turned_keys():
    torch.manual_seed(0)
    attention = SelfAttention(12, 3, 0.0, rotary=True).double()
    nn.init.normal_(attention.project.bias)
    states = torch.randn(2, 5, 12).double()
    is_padding = torch.arange(5) >= torch.tensor([5, 3])[:, None]
    projected = attention.project(states).numpy()
    mixed = np.zeros((2, 5, 12))
    for row, length in enumerate([5, 3]):
        for head in range(3):
            query, key, value = (projected[row, :, start + 4 * head :][:, :4] for start in (0, 12, 24))
            scores = np.exp(turned(query) @ turned(key[:length]).T / 2)
            weights = scores / scores.sum(axis=1, keepdims=True)
            mixed[row, :, 4 * head : 4 * head + 4] = weights @ value[:length]
    expected = attention.output(torch.from_numpy(mixed))
    found = attention(states, attendable(is_padding))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert (found - attention(states.flip(1), attendable(is_padding)).flip(1))[0].abs().max() > 1e-3


def test_a_head_of_an_odd_size_cannot_be_turned():
    with pytest.raises(ValueError, match=r"pairs of features, but a head has 3: make width / heads even"):
        RotaryPositions(3)
