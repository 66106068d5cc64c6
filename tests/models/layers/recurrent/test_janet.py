"""What JANET adds to the calling convention of LSTM: β and the initial memory."""

import math
import warnings

import pytest
import torch

from attendo.models.layers.recurrent import JANET


def summed_forget_bias(layers, suffix):
    both = getattr(layers, f"bias_ih{suffix}") + getattr(layers, f"bias_hh{suffix}")
    return both[: layers.hidden_size]


@pytest.mark.parametrize("suffix", ["_l0", "_l0_reverse", "_l1", "_l1_reverse"])
def test_the_forget_bias_is_one_in_sum_and_all_others_zero(suffix):
    layers = JANET(3, 50, 2, bidirectional=True)
    assert (summed_forget_bias(layers, suffix) == 1).all()
    assert (getattr(layers, f"bias_ih{suffix}")[50:] == 0).all()
    assert (getattr(layers, f"bias_hh{suffix}") == 0).all()
    limit = 1 / math.sqrt(50)
    assert limit * 0.9 < getattr(layers, f"weight_hh{suffix}").abs().max() <= limit


def test_chrono_forget_biases_are_the_log_of_uniform_times_in_every_layer_anew():
    torch.manual_seed(0)
    layers = JANET(3, 4000, 1, bidirectional=True, chrono_max_length=100)
    forward, backward = summed_forget_bias(layers, "_l0"), summed_forget_bias(layers, "_l0_reverse")
    for forget in (forward, backward):
        times = forget.exp()
        assert times.min() >= 1 - 1e-5
        assert times.max() <= 99 + 1e-3
        shares = torch.tensor([0.1, 0.5, 0.9])
        torch.testing.assert_close(times.quantile(shares), 1 + 98 * shares, rtol=0, atol=3.0)
    assert not torch.equal(forward, backward)
    assert (JANET(3, 4, chrono_max_length=2).bias_ih_l0 == 0).all()


def test_the_half_life_of_a_memory_under_chrono_initialisation_is_within_the_length_given():
    """A forget bias in both of two biases would multiply the times: 704 steps in the median, not 51."""
    torch.manual_seed(0)
    layers = JANET(1, 2000, chrono_max_length=100)
    torch.nn.init.zeros_(layers.weight_hh_l0)
    state = layers(torch.zeros(51, 1, 1), torch.ones(1, 1, 2000))[1][0]
    assert state.median().item() == pytest.approx(math.exp(-1), abs=0.03)


def test_beta_lets_more_in_than_is_forgotten():
    layers = JANET(1, 1, beta=1.0)
    with torch.no_grad():
        for weight in layers.parameters():
            weight.zero_()
        layers.bias_ih_l0[1] = 100.0  # the candidate is 1
    with_beta = layers(torch.zeros(1, 1, 1))[0].item()
    layers.beta = 0.0
    without = layers(torch.zeros(1, 1, 1))[0].item()
    assert with_beta == pytest.approx(1 - 1 / (1 + math.e))
    assert without == pytest.approx(0.5)


def test_it_forgets_with_one_gate_and_takes_in_with_another_logit():
    """With β in both gates it would be no more than a shift of the bias."""
    layers = JANET(1, 1, beta=1.0)
    with torch.no_grad():
        for weight in layers.parameters():
            weight.zero_()  # σ(s) is ½, and the candidate 0
    state = layers(torch.zeros(1, 1, 1), torch.ones(1, 1, 1))[1][0]
    assert state.item() == pytest.approx(0.5)


def test_contradictory_or_impossible_memory_is_refused():
    with pytest.raises(ValueError, match="chrono_max_length must be at least 2 steps, not 1"):
        JANET(3, 4, chrono_max_length=1)
    with pytest.raises(ValueError, match="bias=False leaves none"):
        JANET(3, 4, bias=False, chrono_max_length=10)


def test_its_text_names_beta_and_the_chrono_length():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layers = JANET(3, 4, 1, batch_first=True, dropout=0.1, chrono_max_length=10)
    assert str(layers) == "JANET(3, 4, batch_first=True, dropout=0.1, beta=1.0, chrono_max_length=10)"
