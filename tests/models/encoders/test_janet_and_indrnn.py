"""The JANET and IndRNN encoders against numpy loops over single sentences."""

import numpy as np
import pytest
import torch

from attendo.models.encoders.indrnn import IndRNNEncoder
from attendo.models.encoders.janet import JANETEncoder
from attendo.models.layers.recurrent import JANET, IndRNN
from naive_recurrence import indrnn, janet, whole_stack

LENGTHS = torch.tensor([4, 9, 1, 6])
IS_PADDING = torch.arange(9) >= LENGTHS[:, None]


def janet_encoder(num_layers=2, bidirectional=True, dropout=0.0, chrono_max_length=None):
    return JANETEncoder(5, 4, num_layers, bidirectional, dropout, 1.0, chrono_max_length).double()


def indrnn_encoder(num_layers=2, bidirectional=True, dropout=0.0, batch_norm=False, residual=False):
    return IndRNNEncoder(
        5, 4, num_layers, bidirectional, dropout, "relu", None, 9, batch_norm, residual
    ).double()


both = pytest.mark.parametrize("build", [janet_encoder, indrnn_encoder])


def batch():
    torch.manual_seed(0)
    return torch.randn(4, 9, 5, dtype=torch.float64)


@pytest.mark.parametrize("build, cell_function", [(janet_encoder, janet), (indrnn_encoder, indrnn)])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_states_of_every_sentence_are_those_of_plain_loops(build, cell_function, num_layers, bidirectional):
    encoder, inputs = build(num_layers, bidirectional), batch()
    for weight in encoder.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    states = encoder(inputs, IS_PADDING).detach().numpy()
    assert states.shape == (4, 9, encoder.output_size)
    parameters = {name: weight.detach().numpy() for name, weight in encoder.layers.named_parameters()}
    nothing = np.zeros((num_layers * (1 + bidirectional), 4))
    for row, length in enumerate(LENGTHS):
        expected, _ = whole_stack(cell_function, parameters, inputs[row, :length].numpy(), nothing, nothing)
        np.testing.assert_allclose(states[row, :length], expected, rtol=0, atol=1e-10)
        assert (states[row, length:] == 0).all()


@both
def test_whatever_stands_at_padding_is_not_read_and_gets_no_gradient(build):
    encoder, inputs = build(), batch()
    changed = torch.where(IS_PADDING[:, :, None], 1000.0, inputs).requires_grad_()
    states = encoder(changed, IS_PADDING)
    torch.testing.assert_close(states, encoder(inputs, IS_PADDING), rtol=0, atol=1e-12)
    states.square().sum().backward()
    assert (changed.grad[IS_PADDING] == 0).all()
    assert (changed.grad[~IS_PADDING] != 0).any()


@both
@pytest.mark.parametrize("time", [0, 3])
def test_empty_sentences_have_states_of_zero(build, time):
    states = build()(torch.randn(2, time, 5).double(), torch.ones(2, time, dtype=torch.bool))
    assert states.shape == (2, time, 8)
    assert (states == 0).all()


@both
def test_dropout_stands_between_layers_and_a_single_layer_has_none_without_a_warning(build):
    inputs, elsewhere = batch(), batch() + 1
    one = build(num_layers=1, dropout=1.0)
    torch.testing.assert_close(one.train()(inputs, IS_PADDING), one.eval()(inputs, IS_PADDING))
    two = build(num_layers=2, dropout=1.0).train()
    torch.testing.assert_close(two(inputs, IS_PADDING), two(elsewhere, IS_PADDING))


def test_the_own_arguments_reach_the_layers():
    layers = janet_encoder(chrono_max_length=30).layers
    assert isinstance(layers, JANET)
    assert (layers.beta, layers.chrono_max_length) == (1.0, 30)
    layers = indrnn_encoder(batch_norm=True, residual=True).layers
    assert isinstance(layers, IndRNN)
    assert (layers.nonlinearity, layers.residual, len(layers.norms)) == ("relu", True, 2)
    assert layers.recurrent_bound == 2 ** (1 / 9)


@both
def test_no_tensor_is_made_on_another_device_than_the_inputs(build):
    encoder = build().to("meta")
    states = encoder(torch.randn(4, 9, 5, dtype=torch.float64, device="meta"), IS_PADDING.to("meta"))
    assert states.device.type == "meta"
