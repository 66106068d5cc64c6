"""What code written for `torch.nn.LSTM` does with its layers, done with JANET and IndRNN."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

from attendo.models.layers.recurrent import JANET, IndRNN

both = pytest.mark.parametrize("layer_class", [JANET, IndRNN])
all_three = pytest.mark.parametrize("layer_class", [JANET, IndRNN, nn.LSTM])
EXACT = {"rtol": 0, "atol": 0}


def in_double(layer_class, *sizes, **options):
    torch.manual_seed(0)
    return layer_class(*sizes, dtype=torch.float64, **options)


@both
def test_constructor_arguments_are_those_of_lstm_and_the_own_ones_keywords_only(layer_class):
    parameters = inspect.signature(layer_class).parameters.values()
    lstm = "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size device dtype"
    shared = [parameter for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    assert [parameter.name for parameter in shared] == lstm.split()
    reference = inspect.signature(nn.LSTM(1, 1).__class__.__bases__[0]).parameters
    assert all(parameter.default == reference[parameter.name].default for parameter in shared)
    assert (
        layer_class(3, 4, 2, False, True, 0.5, True, 0)
        .extra_repr()
        .startswith(nn.LSTM(3, 4, 2, False, True, 0.5, True, 0).extra_repr())
    )


@both
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_parameters_are_named_as_those_of_lstm_and_laid_out_as_documented(layer_class, bias, bidirectional):
    layers = layer_class(3, 4, 2, bias=bias, bidirectional=bidirectional)
    names = set(nn.LSTM(3, 4, 2, bias=bias, bidirectional=bidirectional).state_dict())
    gates, recurrent = (8, (8, 4)) if layer_class is JANET else (4, (4,))
    if layer_class is IndRNN:
        names = {name for name in names if not name.startswith("bias_hh")}
    assert set(layers.state_dict()) == names
    assert layers.weight_ih_l0.shape == (gates, 3)
    assert layers.weight_ih_l1.shape == (gates, 8 if bidirectional else 4)
    assert layers.weight_hh_l1.shape == recurrent
    assert not bias or layers.bias_ih_l0.shape == (gates,)
    assert sum(len(weights) for weights in layers.all_weights) == len(names)


@all_three
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_shapes_are_those_of_lstm(layer_class, batch_first, bidirectional):
    layers = layer_class(3, 4, 2, batch_first=batch_first, bidirectional=bidirectional)
    width, states = 4 * (1 + bidirectional), 2 * (1 + bidirectional)
    output, (h_n, c_n) = layers(torch.randn(6, 5, 3))
    assert output.shape == (6, 5, width)
    assert h_n.shape == c_n.shape == (states, 6 if batch_first else 5, 4)
    output, (h_n, c_n) = layers(torch.randn(6, 3), (torch.zeros(states, 4), torch.zeros(states, 4)))
    assert output.shape == (6, width)
    assert h_n.shape == c_n.shape == (states, 4)
    packed, (h_n, _) = layers(pack_sequence([torch.randn(2, 3), torch.randn(5, 3)], enforce_sorted=False))
    assert packed.data.shape == (7, width)
    assert h_n.shape == (states, 2, 4)


@both
@pytest.mark.parametrize("batch_first", [False, True])
def test_one_unbatched_sequence_is_a_batch_of_one(layer_class, batch_first):
    layers = in_double(layer_class, 3, 4, 2, batch_first=batch_first, bidirectional=True)
    inputs, hidden = torch.randn(6, 3).double(), torch.randn(4, 4).double()
    batch_axis = 0 if batch_first else 1
    output, (h_n, _) = layers(inputs, hidden)
    expected, (h_expected, _) = layers(inputs.unsqueeze(batch_axis), hidden[:, None])
    torch.testing.assert_close(output, expected.squeeze(batch_axis), **EXACT)
    torch.testing.assert_close(h_n, h_expected[:, 0], **EXACT)


@both
def test_one_feature_in_one_state_keeps_its_axis(layer_class):
    assert layer_class(1, 1)(torch.randn(6, 5, 1))[0].shape == (6, 5, 1)


@both
def test_batch_first_only_turns_the_axes(layer_class):
    layers, turned = (in_double(layer_class, 3, 4, 2, batch_first=value) for value in (False, True))
    inputs = torch.randn(6, 5, 3).double()
    expected, (h_expected, _) = layers(inputs)
    output, (h_n, _) = turned(inputs.transpose(0, 1))
    torch.testing.assert_close(output.transpose(0, 1), expected, **EXACT)
    torch.testing.assert_close(h_n, h_expected, **EXACT)


@both
@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_state_carried_over_chunks_continues_the_sequence(layer_class, num_layers, batch):
    layers = in_double(layer_class, 3, 4, num_layers)
    inputs = torch.randn(9, batch, 3).double()
    whole, (h_whole, _) = layers(inputs)
    first, state = layers(inputs[:4])
    second, (h_n, _) = layers(inputs[4:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(h_n, h_whole, rtol=0, atol=1e-12)


@both
def test_one_initial_tensor_is_the_pair_of_itself_twice(layer_class):
    layers = in_double(layer_class, 3, 4, 2, bidirectional=True)
    inputs, hidden = torch.randn(6, 5, 3).double(), torch.randn(4, 5, 4).double()
    expected = layers(inputs, (hidden, hidden))[0]
    for same in (hidden, [hidden, hidden]):
        torch.testing.assert_close(layers(inputs, same)[0], expected, **EXACT)
    assert not torch.allclose(layers(inputs)[0], expected)
    other = layers(inputs, (hidden, hidden + 1))[0]  # only JANET reads c₀
    assert torch.allclose(other, expected) == (layer_class is IndRNN)


class Tagger(nn.Module):
    """As it stands in many scripts."""

    def __init__(self, recurrent):
        super().__init__()
        self.embedding = nn.Embedding(20, 6, padding_idx=0)
        self.lstm = recurrent(6, 8, num_layers=2, batch_first=True, dropout=0.1, bidirectional=True)
        self.linear = nn.Linear(16, 3)

    def forward(self, tokens, lengths):
        self.lstm.flatten_parameters()
        packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
        output, (hidden, cell) = self.lstm(packed)
        assert hidden.shape == cell.shape == (4, len(tokens), 8)
        output, _ = pad_packed_sequence(output, batch_first=True, total_length=tokens.shape[1])
        return self.linear(output)


@all_three
def test_a_script_written_for_lstm_runs_and_every_parameter_gets_a_gradient(layer_class):
    torch.manual_seed(0)
    model = Tagger(layer_class)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    tokens, lengths = torch.randint(1, 20, (5, 7)), torch.tensor([3, 7, 1, 5, 7])
    losses = []
    for _ in range(30):
        loss = nn.functional.cross_entropy(model(tokens, lengths).flatten(0, 1), (tokens % 3).flatten())
        optimizer.zero_grad()
        loss.backward()
        assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@both
def test_weights_survive_state_dict_pickle_and_deepcopy(layer_class):
    layers = in_double(layer_class, 3, 4, 2, bidirectional=True)
    inputs = torch.randn(6, 5, 3).double()
    expected = layers(inputs)[0]
    loaded = layer_class(3, 4, 2, bidirectional=True).double()
    loaded.load_state_dict(layers.state_dict())
    for twin in (loaded, copy.deepcopy(layers), pickle.loads(pickle.dumps(layers))):
        torch.testing.assert_close(twin(inputs)[0], expected, **EXACT)


@both
def test_dropout_stands_between_layers_only(layer_class):
    layers = in_double(layer_class, 3, 4, 2, dropout=1.0)
    inputs, elsewhere = torch.randn(2, 6, 5, 3).double()
    torch.testing.assert_close(layers(inputs)[0], layers(elsewhere)[0], **EXACT)
    assert not torch.allclose(layers.eval()(inputs)[0], layers(elsewhere)[0])


@all_three
def test_dropout_of_a_single_layer_warns(layer_class):
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        layer_class(3, 4, dropout=0.5)


@both
@pytest.mark.parametrize("precision", ["bfloat16", "autocast"])
def test_bfloat16_stays_near_float32(layer_class, precision):
    torch.manual_seed(0)
    layers, inputs = layer_class(8, 16, 2, bidirectional=True), torch.randn(6, 5, 8)
    expected = layers(inputs, torch.ones(4, 5, 16))[0]
    if precision == "autocast":
        with torch.autocast("cpu", dtype=torch.bfloat16):
            is_padding = torch.zeros(5, 6, dtype=torch.bool)
            output, (h_n, _) = layers(inputs, torch.ones(4, 5, 16), is_padding=is_padding)
        assert output.dtype == h_n.dtype == torch.bfloat16
    else:
        output = layers.bfloat16()(inputs.bfloat16(), torch.ones(4, 5, 16).bfloat16())[0]
    output.float().sum().backward()
    torch.testing.assert_close(output.float(), expected, rtol=0.05, atol=0.05)
    assert layer_class(8, 16, dtype=torch.bfloat16).weight_hh_l0.dtype == torch.bfloat16


@both
def test_no_tensor_is_made_on_another_device_than_the_inputs(layer_class):
    layers = layer_class(3, 4, 2, bidirectional=True, device="meta")
    inputs, is_padding = (
        torch.randn(5, 6, 3, device="meta"),
        torch.zeros(6, 5, dtype=torch.bool, device="meta"),
    )
    output, (h_n, _) = layers(inputs, is_padding=is_padding)
    assert output.device.type == h_n.device.type == "meta"


@both
def test_wrong_shapes_and_arguments_are_refused_with_what_was_expected(layer_class):
    for arguments, message in [
        ({"hidden_size": 0}, "hidden_size must be at least 1, not 0"),
        ({"num_layers": -1}, "num_layers must be at least 1, not -1"),
        ({"dropout": 1.5}, "dropout must be a probability from 0 to 1, not 1.5"),
        ({"proj_size": 2}, "no projections: proj_size must be 0, not 2"),
    ]:
        with pytest.raises(ValueError, match=message):
            layer_class(**{"input_size": 3, "hidden_size": 4, **arguments})
    layers, inputs = layer_class(3, 4), torch.randn(6, 5, 3)
    with pytest.raises(ValueError, match="built for input_size=3, but the input has 2 features"):
        layers(inputs[..., :2])
    with pytest.raises(ValueError, match=r"2 or 3 axes, but input is \(1, 6, 5, 3\)"):
        layers(inputs[None])
    with pytest.raises(ValueError, match=r"= \(1, 5, 4\), not \(1, 6, 4\)"):
        layers(inputs, torch.zeros(1, 6, 4))
    with pytest.raises(ValueError, match=r"is_padding is \(batch, time\) = \(6, 5\)"):
        layers(inputs, is_padding=torch.zeros(6, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="knows its padding"):
        layers(pack_sequence([inputs[:, 0]]), is_padding=torch.zeros(1, 6, dtype=torch.bool))
