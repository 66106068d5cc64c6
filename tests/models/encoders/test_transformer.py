"""The Transformer as an encoder of texts: what stands before its layers, which have tests of their own."""

import numpy as np
import pytest
import torch

from attendo.models.encoders import TransformerTextEncoder
from attendo.models.transformer import TransformerEncoder

LENGTHS = [4, 9, 1, 6]
IS_PADDING = torch.arange(9) >= torch.tensor(LENGTHS)[:, None]
POSITIONS = ["sinusoidal", "learned", "rotary", "none"]

every_position = pytest.mark.parametrize("positions", POSITIONS)
added_positions = pytest.mark.parametrize("positions", ["sinusoidal", "learned"])


def build(positions="sinusoidal", *, input_size=5, width=8, norm="pre", dropout=0.0):
    torch.manual_seed(0)
    shape = (width, 2, 2, 16, norm, "relu", positions, 9, dropout, dropout)
    return TransformerTextEncoder(input_size, *shape).double()


def batch(feature=5):
    torch.manual_seed(1)
    return torch.randn(4, 9, feature, dtype=torch.float64)


def sinusoids(count, width):
    """All sines, then all cosines."""
    angles = np.arange(count)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


@every_position
def test_the_layers_read_projected_inputs_plus_positions(positions):
    encoder, inputs = build(positions), batch()
    torch.nn.init.normal_(encoder.project.bias)
    weight, bias = encoder.project.weight.detach().numpy(), encoder.project.bias.detach().numpy()
    vectors = np.zeros((9, 8))
    if positions == "sinusoidal":
        vectors = sinusoids(9, 8)
    elif positions == "learned":
        vectors = encoder.positions.weight.detach().numpy() * np.sqrt(8)
    placed = torch.from_numpy(np.sqrt(8) * (inputs.numpy() @ weight.T + bias) + vectors)
    expected = encoder.layers(placed, IS_PADDING)
    states = encoder(inputs, IS_PADDING)
    atol = 1e-6 if positions == "sinusoidal" else 1e-12  # the table of sinusoids is float32
    torch.testing.assert_close(states[~IS_PADDING], expected[~IS_PADDING], rtol=0, atol=atol)


def test_inputs_of_the_right_size_are_not_projected():
    encoder = build(input_size=8)
    assert not list(encoder.project.parameters())
    assert encoder(batch(8), IS_PADDING).shape == (4, 9, 8)


@added_positions
def test_embeddings_and_positions_start_at_about_the_same_size(positions):
    """So that neither drowns the other."""
    torch.manual_seed(0)
    encoder = TransformerTextEncoder(100, 128, 1, 4, 16, "pre", "relu", positions, 50, 0.0, 0.0)
    projected = encoder.scale * encoder.project(0.1 * torch.randn(64, 50, 100))
    assert 0.5 < projected.square().mean() / encoder.positions(50).square().mean() < 4


@every_position
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_neighbours_and_padding_do_not_change_a_sentence(positions, norm):
    encoder, inputs = build(positions, norm=norm), batch()
    states = encoder(inputs, IS_PADDING)
    assert states.shape == (4, 9, encoder.output_size)
    assert (states[IS_PADDING] == 0).all()
    for sentence, length in enumerate(LENGTHS):
        alone = encoder(
            inputs[sentence : sentence + 1, :length], IS_PADDING[sentence : sentence + 1, :length]
        )
        torch.testing.assert_close(alone[0], states[sentence, :length], rtol=0, atol=1e-12)


@every_position
def test_whatever_stands_at_padding_is_not_read_and_gets_no_gradient(positions):
    encoder, inputs = build(positions), batch()
    changed = torch.where(IS_PADDING[:, :, None], 1000.0, inputs).requires_grad_()
    states = encoder(changed, IS_PADDING)
    torch.testing.assert_close(states, encoder(inputs, IS_PADDING), rtol=0, atol=1e-12)
    (states * torch.randn_like(states)).sum().backward()
    assert (changed.grad[IS_PADDING] == 0).all()
    assert (changed.grad[~IS_PADDING] != 0).any()
    assert all((parameter.grad != 0).any() for parameter in encoder.parameters())


@every_position
def test_order_counts_unless_there_are_no_positions(positions):
    encoder, inputs = build(positions), batch()[1:2]
    nothing_is_padding = IS_PADDING[1:2]
    reverse = encoder(inputs.flip(1), nothing_is_padding).flip(1)
    difference = (reverse - encoder(inputs, nothing_is_padding)).abs().max()
    assert difference < 1e-12 if positions == "none" else difference > 1e-3


def test_every_option_reaches_the_layers():
    """The same layers, given the same options, whatever stands before them."""
    options = (8, 2, 2, 16, "post", "swiglu", 0.1, 0.2, "rms", "rotary", 0.3)
    torch.manual_seed(0)
    expected = TransformerEncoder(*options)
    torch.manual_seed(0)
    encoder = TransformerTextEncoder(
        8, 8, 2, 2, 16, "post", "swiglu", "rotary", 9, 0.1, 0.2, normalization="rms", activation_dropout=0.3
    )
    assert str(encoder.layers) == str(expected)
    assert encoder.layers.layers[0].attention.dropout == 0.2
    inputs = batch(8).float()
    torch.manual_seed(1)
    states = encoder.layers(inputs, IS_PADDING)
    torch.manual_seed(1)
    torch.testing.assert_close(states, expected(inputs, IS_PADDING), rtol=0, atol=0)


def test_a_text_longer_than_the_table_works_with_sinusoids_and_is_refused_by_learned_positions():
    inputs, nothing_is_padding = torch.randn(1, 40, 5).double(), torch.zeros(1, 40, dtype=torch.bool)
    assert build("sinusoidal")(inputs, nothing_is_padding).isfinite().all()
    with pytest.raises(ValueError, match="40 tokens exceeds"):
        build("learned")(inputs, nothing_is_padding)


def test_dropout_also_falls_on_the_inputs():
    encoder, inputs, elsewhere = build(dropout=1.0).train(), batch(), batch() + 1
    torch.testing.assert_close(encoder(inputs, IS_PADDING), encoder(elsewhere, IS_PADDING))
    assert not torch.allclose(encoder.eval()(inputs, IS_PADDING), encoder(elsewhere, IS_PADDING))


@every_position
@pytest.mark.parametrize("time", [0, 3])
def test_empty_sentences_have_states_of_zero(positions, time):
    states = build(positions)(torch.randn(2, time, 5).double(), torch.ones(2, time, dtype=torch.bool))
    assert states.shape == (2, time, 8)
    assert (states == 0).all()


@every_position
def test_no_tensor_is_made_on_another_device_than_the_inputs(positions):
    states = build(positions).to("meta")(batch().to("meta"), IS_PADDING.to("meta"))
    assert states.device.type == "meta"
