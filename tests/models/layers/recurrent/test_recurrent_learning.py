"""JANET and IndRNN learn to remember, and cannot where their recurrence is switched off."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attendo.models.layers.recurrent import JANET, IndRNN

GUESSING = 1 / 6  # mean squared error of always answering 1, the mean of two numbers' sum


def adding_batch(length, batch, random):
    """Numbers in [0, 1) with one mark in each half; the target is the sum of the marked ones."""
    row = torch.arange(batch)
    numbers, marks = torch.rand(length, batch, generator=random), torch.zeros(length, batch)
    first = torch.randint(length // 2, (batch,), generator=random)
    second = torch.randint(length // 2, length, (batch,), generator=random)
    marks[first, row] = marks[second, row] = 1
    return torch.stack([numbers, marks], dim=-1), numbers[first, row] + numbers[second, row]


def copy_batch(length, batch, random):
    """Three of four symbols, blanks, a signal; the symbols are to be told in the last three steps."""
    symbols = torch.randint(1, 5, (3, batch), generator=random)
    inputs, targets = torch.zeros(2, length + 6, batch, dtype=torch.long)
    inputs[:3], targets[-3:] = symbols, symbols
    inputs[length + 2] = 5
    return F.one_hot(inputs, 6).float(), targets


def squared_error(predictions, targets):
    return F.mse_loss(predictions[-1, :, 0], targets)


def wrong_symbols(predictions, targets):
    return (predictions[-3:].argmax(-1) != targets[-3:]).float().mean()


def entropy(predictions, targets):
    return F.cross_entropy(predictions.flatten(0, 1), targets.flatten())


def held_out_error(layers, outputs, make_batch, loss, error, *, steps, learning_rate, remembers=True):
    """Train, and measure; without memory the recurrent weights are held at zero."""
    random = torch.Generator().manual_seed(0)
    read_out = nn.Linear(layers.hidden_size, outputs)
    optimizer = torch.optim.Adam([*layers.parameters(), *read_out.parameters()], lr=learning_rate)
    for _ in range(steps):
        if not remembers:
            forget(layers)
        inputs, targets = make_batch(random)
        optimizer.zero_grad()
        loss(read_out(layers(inputs)[0]), targets).backward()
        optimizer.step()
        if isinstance(layers, IndRNN):
            layers.constrain_()
    if not remembers:
        forget(layers)
    inputs, targets = make_batch(random)
    with torch.no_grad():
        return error(read_out(layers(inputs)[0]), targets).item()


@torch.no_grad()
def forget(layers):
    for name, weight in layers.named_parameters():
        if name.startswith("weight_hh"):
            weight.zero_()
        if isinstance(layers, JANET) and name.startswith(("weight_ih", "bias_ih")):
            weight[: layers.hidden_size] = -20.0 if "bias" in name else 0.0  # σ(s) ≈ 0: nothing is kept


def indrnn_adds(remembers):
    torch.manual_seed(0)
    layers = IndRNN(2, 64, 2, recurrent_max_length=20)
    return held_out_error(
        layers,
        1,
        lambda random: adding_batch(20, 64, random),
        squared_error,
        squared_error,
        steps=600,
        learning_rate=2e-3,
        remembers=remembers,
    )


def janet_copies(remembers):
    torch.manual_seed(0)
    layers = JANET(6, 48, chrono_max_length=16)
    return held_out_error(
        layers,
        5,
        lambda random: copy_batch(6, 64, random),
        entropy,
        wrong_symbols,
        steps=800,
        learning_rate=5e-3,
        remembers=remembers,
    )


def test_indrnn_learns_the_adding_problem():
    assert indrnn_adds(remembers=True) < 0.01 * GUESSING * 6


def test_without_recurrence_indrnn_does_not_learn_the_adding_problem():
    assert indrnn_adds(remembers=False) > 0.5 * GUESSING


def test_janet_learns_to_copy_over_a_gap():
    assert janet_copies(remembers=True) < 0.05


def test_without_recurrence_janet_does_not_learn_to_copy():
    assert janet_copies(remembers=False) > 0.5


@pytest.mark.slow
def test_indrnn_solves_the_adding_problem_of_100_steps_in_3000_steps():
    torch.manual_seed(0)
    error = held_out_error(
        IndRNN(2, 128, 2, recurrent_max_length=100),
        1,
        lambda random: adding_batch(100, 50, random),
        squared_error,
        squared_error,
        steps=3000,
        learning_rate=2e-4,
    )
    assert error < 1e-3
