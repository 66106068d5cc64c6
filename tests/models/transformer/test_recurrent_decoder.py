"""The recurrent decoder against its formulas in numpy, one sentence and one step at a time."""

import numpy as np
import pytest
import torch
from torch import nn

from attendo.models.decoders import RecurrentDecoder
from attendo.models.layers.recurrent import IndRNN
from attendo.models.transformer import Memory
from naive_recurrence import indrnn, janet, sigmoid, whole_stack

WIDTH, HEADS, LENGTHS = 12, 3, [7, 1, 4]
IS_PADDING = torch.arange(7) >= torch.tensor(LENGTHS)[:, None]


def lstm(inputs, hidden, cell, weights):
    """Hochreiter & Schmidhuber 1997, with forget gate; gates in the order of nn.LSTM."""
    states = []
    for step in inputs:
        gates = weights["weight_ih"] @ step + weights["bias_ih"]
        gates = gates + weights["weight_hh"] @ hidden + weights["bias_hh"]
        taken, kept, new, shown = np.split(gates, 4)
        cell = sigmoid(kept) * cell + sigmoid(taken) * np.tanh(new)
        hidden = sigmoid(shown) * np.tanh(cell)
        states.append(hidden)
    return np.array(states)


def gru(inputs, hidden, cell, weights):
    """Cho et al. 2014; gates in the order of nn.GRU."""
    states = []
    for step in inputs:
        reset, kept, new = np.split(weights["weight_ih"] @ step + weights["bias_ih"], 3)
        reset_, kept_, new_ = np.split(weights["weight_hh"] @ hidden + weights["bias_hh"], 3)
        kept = sigmoid(kept + kept_)
        hidden = kept * hidden + (1 - kept) * np.tanh(new + sigmoid(reset + reset_) * new_)
        states.append(hidden)
    return np.array(states)


def attended(weights, states, memory):
    """MultiHead(states, memory, memory), head by head."""

    def linear(name, inputs):
        return inputs @ weights[f"cross_attention.{name}.weight"].T + weights[f"cross_attention.{name}.bias"]

    keys, values = np.split(linear("project", memory), 2, axis=1)
    heads = []
    for queries_, keys_, values_ in zip(
        *(np.split(part, HEADS, axis=1) for part in (linear("query", states), keys, values)), strict=True
    ):
        scores = np.exp(queries_ @ keys_.T / np.sqrt(WIDTH / HEADS))
        heads.append(scores / scores.sum(axis=1, keepdims=True) @ values_)
    return linear("output", np.concatenate(heads, axis=1))


def by_the_formulas(decoder, cell, layers, inputs, memory):
    weights = {name: value.numpy() for name, value in decoder.state_dict().items()}
    own = {name.removeprefix("recurrence."): value for name, value in weights.items() if "recurrence" in name}
    start = weights["beginning.weight"] @ memory.mean(axis=0) + weights["beginning.bias"]
    start = np.tanh(start).reshape(layers, WIDTH)
    states, _ = whole_stack(cell, own, inputs, start, start)
    total = states + attended(weights, states, memory)
    centred = total - total.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    norm = "cross_attention_residual.norm"
    return normed * weights[f"{norm}.weight"] + weights[f"{norm}.bias"]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", [lstm, gru, janet, indrnn], ids=lambda cell: cell.__name__)
@torch.no_grad()
def test_it_computes_what_the_formulas_say(cell, layers):
    torch.manual_seed(0)
    decoder = RecurrentDecoder(WIDTH, cell.__name__, layers, HEADS, 0.0, 0.0, 0.0).double().eval()
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.3)
    inputs, hidden = torch.randn(3, 6, WIDTH).double(), torch.randn(3, 7, WIDTH).double()
    found = decoder(inputs, Memory(hidden, IS_PADDING)).numpy()
    for row, length in enumerate(LENGTHS):
        expected = by_the_formulas(decoder, cell, layers, inputs[row].numpy(), hidden[row, :length].numpy())
        np.testing.assert_allclose(found[row], expected, rtol=0, atol=1e-12)


def test_what_is_written_into_the_memorys_padding_is_never_read():
    torch.manual_seed(0)
    decoder = RecurrentDecoder(WIDTH, "gru", 1, HEADS, 0.0, 0.0, 0.0).eval()
    inputs, hidden = torch.randn(3, 6, WIDTH), torch.randn(3, 7, WIDTH)
    found = decoder(inputs, Memory(hidden, IS_PADDING))
    other = decoder(inputs, Memory(hidden.masked_fill(IS_PADDING[:, :, None], 1e30), IS_PADDING))
    torch.testing.assert_close(found, other, rtol=0, atol=0)


def test_the_weights_of_an_indrnn_stay_bounded_so_that_long_answers_do():
    torch.manual_seed(0)
    decoder = RecurrentDecoder(WIDTH, "indrnn", 2, HEADS, 0.0, 0.0, 0.0).eval()
    assert isinstance(decoder.recurrence, IndRNN)
    for name in ("weight_hh_l0", "weight_hh_l1"):
        nn.init.constant_(getattr(decoder.recurrence, name), 3.0)
    decoder.recurrence.constrain_()
    assert (
        decoder(torch.randn(1, 500, WIDTH), Memory(torch.randn(1, 4, WIDTH), IS_PADDING[2:, :4]))
        .isfinite()
        .all()
    )
    assert max(getattr(decoder.recurrence, name).max() for name in ("weight_hh_l0", "weight_hh_l1")) == 1.0


def test_a_single_layer_asks_for_no_dropout_between_layers_and_several_have_it():
    single = RecurrentDecoder(WIDTH, "lstm", 1, HEADS, 0.0, 0.0, 0.4)
    several = RecurrentDecoder(WIDTH, "janet", 2, HEADS, 0.0, 0.0, 0.4).train()
    assert single.recurrence.dropout == 0.0
    inputs, memory = torch.randn(3, 6, WIDTH), Memory(torch.randn(3, 7, WIDTH), IS_PADDING)
    assert not torch.equal(several(inputs, memory), several(inputs, memory))


def test_wrong_sizes_are_explained():
    with pytest.raises(ValueError, match=r"model\.decoder\.layers must be at least 1, not 0"):
        RecurrentDecoder(WIDTH, "gru", 0, HEADS, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match=r"width=12 .* heads=5"):
        RecurrentDecoder(WIDTH, "gru", 1, 5, 0.0, 0.0, 0.0)
