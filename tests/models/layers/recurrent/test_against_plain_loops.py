"""JANET and IndRNN, values and gradients, against numpy loops over single sentences and single steps."""

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attendo.models.layers.recurrent import JANET, IndRNN
from naive_recurrence import indrnn, indrnn_tanh, janet, janet_without_beta, whole_stack

LENGTHS = [4, 7, 1, 6]
IS_PADDING = torch.arange(max(LENGTHS)) >= torch.tensor(LENGTHS)[:, None]
STEP = 1e-30  # of the imaginary axis

cells = pytest.mark.parametrize(
    "layer_class, options, cell_function",
    [
        (JANET, {}, janet),
        (JANET, {"beta": 0.0}, janet_without_beta),
        (JANET, {"bias": False}, janet),
        (IndRNN, {}, indrnn),
        (IndRNN, {"nonlinearity": "tanh"}, indrnn_tanh),
        (IndRNN, {"bias": False}, indrnn),
    ],
    ids=["janet", "janet-beta-0", "janet-no-bias", "indrnn", "indrnn-tanh", "indrnn-no-bias"],
)


def build(layer_class, options, num_layers, bidirectional, **more):
    """Layers in float64 with weights of size one, a batch of unsorted lengths, and initial states."""
    torch.manual_seed(0)
    layers = layer_class(3, 5, num_layers, bidirectional=bidirectional, **options, **more).double()
    for weight in layers.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    inputs = torch.randn(len(LENGTHS), max(LENGTHS), 3, dtype=torch.float64)
    shape = (num_layers * (1 + bidirectional), len(LENGTHS), 5)
    hidden, cell = torch.randn(2, *shape, dtype=torch.float64)
    return layers, inputs, hidden, cell


def by_plain_loops(cell_function, parameters, inputs, hidden, cell):
    """Zero-padded output (batch, time, hidden) and last states (state, batch, hidden)."""
    rows = [
        whole_stack(cell_function, parameters, inputs[row, :length], hidden[:, row], cell[:, row])
        for row, length in enumerate(LENGTHS)
    ]
    output = np.zeros((*inputs.shape[:2], rows[0][0].shape[-1]), dtype=rows[0][0].dtype)
    for row, (states, _) in enumerate(rows):
        output[row, : len(states)] = states
    return output, np.stack([last for _, last in rows], axis=1)


def numpy_parameters(layers):
    return {name: weight.detach().numpy() for name, weight in layers.named_parameters()}


@cells
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_outputs_and_last_states_are_those_of_plain_loops(
    layer_class, options, cell_function, num_layers, bidirectional
):
    layers, inputs, hidden, cell = build(layer_class, options, num_layers, bidirectional)
    expected = by_plain_loops(
        cell_function, numpy_parameters(layers), inputs.numpy(), hidden.numpy(), cell.numpy()
    )
    packed = pack_padded_sequence(inputs, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    output, (h_n, c_n) = layers(packed, (hidden, cell))

    np.testing.assert_allclose(
        pad_packed_sequence(output, batch_first=True)[0].detach(), expected[0], rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(h_n.detach(), expected[1], rtol=0, atol=1e-10)
    assert c_n is h_n


@cells
@pytest.mark.parametrize("num_layers, bidirectional", [(1, False), (3, True)])
def test_gradients_are_the_derivatives_of_plain_loops(
    layer_class, options, cell_function, num_layers, bidirectional
):
    layers, inputs, hidden, cell = build(layer_class, options, num_layers, bidirectional, batch_first=True)
    read = {"inputs": inputs, "hidden": hidden, "cell": cell}
    for value in read.values():
        value.requires_grad_()
    output, (h_n, _) = layers(inputs, (hidden, cell), is_padding=IS_PADDING)
    output_weight, state_weight = torch.randn_like(output), torch.randn_like(h_n)
    ((output * output_weight).sum() + (h_n * state_weight).sum()).backward()

    parameters = numpy_parameters(layers)
    values = {name: value.detach().numpy() for name, value in read.items()}
    directions = np.random.default_rng(0)
    for name, tensor in [*layers.named_parameters(), *read.items()]:
        direction = directions.standard_normal(tensor.shape)
        nudge = {name: 1j * STEP * direction}
        states, last = by_plain_loops(
            cell_function,
            {key: value + nudge.get(key, 0) for key, value in parameters.items()},
            **{key: value + nudge.get(key, 0) for key, value in values.items()},
        )
        derivative = (
            (states * output_weight.numpy()).sum() + (last * state_weight.numpy()).sum()
        ).imag / STEP
        gradient = 0.0 if tensor.grad is None else (tensor.grad.numpy() * direction).sum()
        assert gradient == pytest.approx(derivative, rel=1e-8, abs=1e-8), name


@cells
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_packed_batch_equals_each_sentence_alone(layer_class, options, cell_function, bidirectional):
    layers, inputs, hidden, cell = build(layer_class, options, 2, bidirectional, batch_first=True)
    packed = pack_padded_sequence(inputs, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    output, (h_n, _) = layers(packed, (hidden, cell))
    states = pad_packed_sequence(output, batch_first=True)[0]
    for row, length in enumerate(LENGTHS):
        alone, (h_alone, _) = layers(inputs[row, :length], (hidden[:, row], cell[:, row]))
        torch.testing.assert_close(states[row, :length], alone, rtol=0, atol=1e-12)
        torch.testing.assert_close(h_n[:, row], h_alone, rtol=0, atol=1e-12)


@cells
def test_a_mask_of_padding_equals_packing(layer_class, options, cell_function):
    layers, inputs, hidden, cell = build(layer_class, options, 2, True, batch_first=True)
    packed = pack_padded_sequence(inputs, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    expected, (h_expected, _) = layers(packed, (hidden, cell))
    output, (h_n, _) = layers(inputs, (hidden, cell), is_padding=IS_PADDING)
    torch.testing.assert_close(output, pad_packed_sequence(expected, batch_first=True)[0])
    torch.testing.assert_close(h_n, h_expected)


@cells
def test_outputs_of_both_directions_stand_at_the_step_they_read_last(layer_class, options, cell_function):
    layers, inputs, _, _ = build(layer_class, options, 1, True, batch_first=True)
    changed = inputs.clone()
    changed[:, 3] += 1.0
    difference = (layers(changed)[0] - layers(inputs)[0]).abs().amax(dim=0)  # time hidden
    forward, backward = difference[:, :5].amax(dim=-1) > 0, difference[:, 5:].amax(dim=-1) > 0
    assert not forward[:3].any() and forward[3]
    assert not backward[4:].any() and backward[3]


@cells
@pytest.mark.parametrize("kept", [float("nan"), float("inf"), 1e300])
def test_whatever_stands_at_padding_is_not_read_and_gets_no_gradient(
    layer_class, options, cell_function, kept
):
    layers, inputs, _, _ = build(layer_class, options, 2, True, batch_first=True)
    expected, (h_expected, _) = layers(inputs, is_padding=IS_PADDING)
    changed = torch.where(IS_PADDING[:, :, None], kept, inputs).requires_grad_()
    output, (h_n, _) = layers(changed, is_padding=IS_PADDING)
    torch.testing.assert_close(output, expected, rtol=0, atol=0)
    torch.testing.assert_close(h_n, h_expected, rtol=0, atol=0)
    assert (output[IS_PADDING] == 0).all()
    (output.square().sum() + h_n.sum()).backward()
    assert (changed.grad[IS_PADDING] == 0).all()
    assert all(weight.grad.isfinite().all() for weight in layers.parameters())


@cells
def test_an_empty_sentence_keeps_its_initial_state(layer_class, options, cell_function):
    layers, inputs, hidden, cell = build(layer_class, options, 2, True, batch_first=True)
    kept = cell if layer_class is JANET else hidden
    is_padding = IS_PADDING.clone()
    is_padding[2] = True
    output, (h_n, _) = layers(inputs, (hidden, cell), is_padding=is_padding)
    torch.testing.assert_close(h_n[:, 2], kept[:, 2])
    assert (output[2] == 0).all()
    nothing, (h_n, _) = layers(inputs[:, :0], (hidden, cell))
    assert nothing.shape == (4, 0, 10)
    torch.testing.assert_close(h_n, kept)
