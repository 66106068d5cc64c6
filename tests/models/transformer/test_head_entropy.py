"""Entropies of heads against scipy's."""

import numpy as np
import pytest
from scipy.stats import entropy

from attendo.models.transformer.head_entropy import head_entropy


def test_means_are_those_of_scipy_over_all_rows_with_a_choice() -> None:
    generator = np.random.default_rng(1)
    maps = [generator.dirichlet(np.ones(keys), (2, 3, queries)) for queries, keys in ((4, 6), (2, 5), (3, 1))]
    found = head_entropy(maps)
    assert found.rows == 6
    for layer in range(2):
        for head in range(3):
            of_rows = [entropy(row) for one in maps[:2] for row in one[layer, head]]
            shares = [entropy(row) / np.log(len(row)) for one in maps[:2] for row in one[layer, head]]
            assert found.nats[layer, head] == pytest.approx(np.mean(of_rows))
            assert found.share[layer, head] == pytest.approx(np.mean(shares))


def test_equal_weights_have_all_of_it_and_a_single_token_none() -> None:
    uniform, single = np.full((1, 1, 5, 7), 1 / 7), np.eye(7)[None, None]
    assert head_entropy([uniform]).share.item() == pytest.approx(1)
    assert head_entropy([single]).share.item() == head_entropy([single]).nats.item() == 0


def test_in_the_decoder_the_choice_is_among_what_has_been_read() -> None:
    equal = np.tril(np.ones((4, 4))) / np.arange(1, 5)[:, None]
    found = head_entropy([equal[None, None]], is_causal=True)
    assert found.rows == 3 and found.share.item() == pytest.approx(1)
    assert found.nats.item() == pytest.approx(np.mean(np.log([2, 3, 4])))


def test_without_a_choice_there_is_nothing_to_tell() -> None:
    found = head_entropy([np.ones((2, 3, 4, 1))])
    assert found.rows == 0 and not found.nats.any() and not found.share.any()
