"""Reversal by every sentence's own length."""

import pytest
import torch
from torch import nn

from attendo.models.layers.reversal import RecurrentStack, reverse_sequences


def test_only_the_real_tokens_change_places():
    states = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]).float()[:, :, None]
    is_padding = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]]).bool()
    expected = torch.tensor([[4, 3, 2, 1], [6, 5, 7, 8], [9, 10, 11, 12]]).float()[:, :, None]
    torch.testing.assert_close(reverse_sequences(states, is_padding), expected, rtol=0, atol=0)


def test_reversing_twice_changes_nothing():
    states = torch.randn(5, 7, 3)
    is_padding = torch.arange(7) >= torch.tensor([7, 4, 1, 0, 6])[:, None]
    twice = reverse_sequences(reverse_sequences(states, is_padding), is_padding)
    torch.testing.assert_close(twice, states, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_layers"])
def test_a_size_of_zero_is_refused_by_name(name):
    sizes = {"input_size": 2, "hidden_size": 3, "num_layers": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, not 0"):
        RecurrentStack(nn.LSTM, **sizes, bidirectional=True, dropout=0.0)
