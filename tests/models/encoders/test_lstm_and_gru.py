"""The recurrent encoders against torch's own layers on packed sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attendo.models.encoders import GRUEncoder, LSTMEncoder

LENGTHS = torch.tensor([4, 9, 1, 6])
IS_PADDING = torch.arange(9) >= LENGTHS[:, None]
EXACT = {"rtol": 0, "atol": 1e-12}

both = pytest.mark.parametrize("encoder_class, torch_class", [(LSTMEncoder, nn.LSTM), (GRUEncoder, nn.GRU)])


def copy_weights(encoder, reference):
    """Give torch's stack the encoder's weights; its names end in the layer and direction."""
    for suffix, layers in [("", encoder.stack.forwards), ("_reverse", encoder.stack.backwards)]:
        for depth, layer in enumerate(layers):
            for name, weight in layer.named_parameters():
                getattr(reference, name.replace("_l0", f"_l{depth}{suffix}")).data.copy_(weight)


@both
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_states_and_gradients_equal_torch_on_packed_sequences(
    encoder_class, torch_class, num_layers, bidirectional
):
    torch.manual_seed(0)
    encoder = encoder_class(5, 4, num_layers, bidirectional, dropout=0.0).double()
    reference = torch_class(5, 4, num_layers, batch_first=True, bidirectional=bidirectional).double()
    copy_weights(encoder, reference)
    inputs = torch.randn(4, 9, 5, dtype=torch.float64)
    ours, theirs = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()

    states = encoder(ours, IS_PADDING)
    packed = pack_padded_sequence(theirs, LENGTHS, batch_first=True, enforce_sorted=False)
    expected = pad_packed_sequence(reference(packed)[0], batch_first=True)[0]

    assert states.shape[-1] == encoder.output_size
    torch.testing.assert_close(states, expected, **EXACT)
    target = torch.randn_like(states)
    (states * target).sum().backward()
    (expected * target).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, **EXACT)
    name = "weight_hh_l0_reverse" if bidirectional else "weight_hh_l0"
    layers = encoder.stack.backwards if bidirectional else encoder.stack.forwards
    torch.testing.assert_close(layers[0].weight_hh_l0.grad, getattr(reference, name).grad, **EXACT)


@both
def test_without_the_reversal_by_length_padding_would_change_the_states(encoder_class, torch_class):
    torch.manual_seed(0)
    encoder = encoder_class(5, 4, 1, True, dropout=0.0).double()
    careless = torch_class(5, 4, 1, batch_first=True, bidirectional=True).double()
    copy_weights(encoder, careless)
    inputs = torch.randn(4, 9, 5, dtype=torch.float64)
    difference = (encoder(inputs, IS_PADDING) - careless(inputs)[0])[~IS_PADDING].abs()
    assert difference.max() > 1e-2


@both
def test_whatever_stands_at_padding_is_not_read_and_gets_no_gradient(encoder_class, torch_class):
    encoder = encoder_class(5, 4, 2, True, dropout=0.0).double()
    inputs = torch.randn(4, 9, 5, dtype=torch.float64)
    changed = torch.where(IS_PADDING[:, :, None], 1000.0, inputs).requires_grad_()
    states = encoder(changed, IS_PADDING)
    torch.testing.assert_close(states, encoder(inputs, IS_PADDING), **EXACT)
    assert (states[IS_PADDING] == 0).all()
    states.square().sum().backward()
    assert (changed.grad[IS_PADDING] == 0).all()
    assert (changed.grad[~IS_PADDING] != 0).any()


@both
def test_dropout_stands_between_layers_and_not_after_the_last(encoder_class, torch_class):
    inputs, is_padding = torch.randn(2, 6, 5), torch.zeros(2, 6, dtype=torch.bool)
    one = encoder_class(5, 4, 1, True, dropout=1.0)
    torch.testing.assert_close(one.train()(inputs, is_padding), one.eval()(inputs, is_padding))
    two = encoder_class(5, 4, 2, True, dropout=1.0)
    elsewhere = torch.randn(2, 6, 5)
    torch.testing.assert_close(two.train()(inputs, is_padding), two(elsewhere, is_padding))
    assert not torch.allclose(two.eval()(inputs, is_padding), two(elsewhere, is_padding))


@both
@pytest.mark.parametrize("time", [0, 3])
def test_empty_sentences_have_states_of_zero(encoder_class, torch_class, time):
    encoder = encoder_class(5, 4, 2, True, dropout=0.0)
    states = encoder(torch.randn(2, time, 5), torch.ones(2, time, dtype=torch.bool))
    assert states.shape == (2, time, 8)
    assert (states == 0).all()


@both
def test_no_tensor_is_made_on_another_device_than_the_inputs(encoder_class, torch_class):
    encoder = encoder_class(5, 4, 2, True, dropout=0.1).to("meta")
    states = encoder(torch.randn(4, 9, 5, device="meta"), IS_PADDING.to("meta"))
    assert states.device.type == "meta"


@both
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_states_of_the_cpu(encoder_class, torch_class):
    encoder = encoder_class(5, 4, 2, True, dropout=0.0).double()
    inputs = torch.randn(4, 9, 5, dtype=torch.float64)
    expected = encoder(inputs, IS_PADDING)
    states = encoder.cuda()(inputs.cuda(), IS_PADDING.cuda())
    torch.testing.assert_close(states.cpu(), expected, rtol=0, atol=1e-10)
