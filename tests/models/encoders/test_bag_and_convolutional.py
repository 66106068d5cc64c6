"""The encoders without recurrence: a bag of embeddings, and n-grams against torch and numpy, one by one."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from attendo.models.encoders import BagEncoder, ConvolutionalEncoder

LENGTHS = [4, 9, 1, 6]
IS_PADDING = torch.arange(9) >= torch.tensor(LENGTHS)[:, None]


def bag():
    return BagEncoder(5)


def convolutional(widths=(1, 2, 3, 4)):
    return ConvolutionalEncoder(5, widths, channels=6).double()


both = pytest.mark.parametrize("build", [bag, convolutional])


def batch():
    torch.manual_seed(0)
    return torch.randn(4, 9, 5, dtype=torch.float64)


def test_the_states_of_a_bag_are_the_embeddings():
    inputs = batch()
    states = bag()(inputs, IS_PADDING)
    assert torch.equal(states[~IS_PADDING], inputs[~IS_PADDING])
    assert not list(bag().parameters())


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_states_are_relus_of_the_ngrams_around_every_token(width):
    encoder, inputs = convolutional([width]), batch()
    weight, bias = (parameter.detach().numpy() for parameter in encoder.parameters())
    states = encoder(inputs, IS_PADDING).detach().numpy()
    left = (width - 1) // 2  # and one more to the right, if the width is even
    for sentence, length in enumerate(LENGTHS):
        for token in range(length):
            expected = bias.copy()
            for offset in range(width):
                neighbour = token - left + offset
                if 0 <= neighbour < length:
                    expected += weight[:, :, offset] @ inputs[sentence, neighbour].numpy()
            np.testing.assert_allclose(states[sentence, token], np.maximum(expected, 0), rtol=0, atol=1e-13)


def test_widths_stand_side_by_side_as_torch_convolves_each_sentence_alone():
    encoder, inputs = convolutional([3, 5]), batch()
    states = encoder(inputs, IS_PADDING)
    three, three_bias, five, five_bias = encoder.parameters()
    for sentence, length in enumerate(LENGTHS):
        alone = inputs[sentence, :length].T
        expected = torch.cat(
            [
                functional.conv1d(alone, three, three_bias, padding="same"),
                functional.conv1d(alone, five, five_bias, padding="same"),
            ]
        ).relu()
        torch.testing.assert_close(states[sentence, :length], expected.T, rtol=0, atol=1e-12)


@both
def test_the_output_size_is_what_comes_out_and_padding_is_zero(build):
    encoder = build()
    states = encoder(batch(), IS_PADDING)
    assert states.shape == (4, 9, encoder.output_size)
    assert (states[IS_PADDING] == 0).all()


@both
def test_neighbours_and_padding_do_not_change_a_sentence(build):
    encoder, inputs = build(), batch()
    states = encoder(inputs, IS_PADDING)
    for sentence, length in enumerate(LENGTHS):
        alone = encoder(
            inputs[sentence : sentence + 1, :length], IS_PADDING[sentence : sentence + 1, :length]
        )
        torch.testing.assert_close(alone[0], states[sentence, :length], rtol=0, atol=1e-12)


@both
def test_whatever_stands_at_padding_is_not_read_and_gets_no_gradient(build):
    encoder, inputs = build(), batch()
    changed = torch.where(IS_PADDING[:, :, None], 1000.0, inputs).requires_grad_()
    states = encoder(changed, IS_PADDING)
    torch.testing.assert_close(states, encoder(inputs, IS_PADDING), rtol=0, atol=1e-12)
    states.square().sum().backward()
    assert (changed.grad[IS_PADDING] == 0).all()
    assert (changed.grad[~IS_PADDING] != 0).any()
    assert all((parameter.grad != 0).any() for parameter in encoder.parameters())


@both
@pytest.mark.parametrize("time", [0, 3])
def test_empty_sentences_have_states_of_zero(build, time):
    encoder = build()
    states = encoder(torch.randn(2, time, 5).double(), torch.ones(2, time, dtype=torch.bool))
    assert states.shape == (2, time, encoder.output_size)
    assert (states == 0).all()


@both
def test_no_tensor_is_made_on_another_device_than_the_inputs(build):
    states = build().to("meta")(batch().to("meta"), IS_PADDING.to("meta"))
    assert states.device.type == "meta"


@pytest.mark.parametrize(
    "sizes, message",
    [
        ((0, [3], 6), "input_size must be at least 1, not 0"),
        ((5, [3], 0), "channels must be at least 1, not 0"),
        ((5, [], 6), r"widths must be one or more numbers from 1, not \[\]"),
        ((5, [3, 0], 6), r"widths must be one or more numbers from 1, not \[3, 0\]"),
    ],
)
def test_sizes_out_of_range_are_refused_by_name(sizes, message):
    with pytest.raises(ValueError, match=message):
        ConvolutionalEncoder(*sizes)
