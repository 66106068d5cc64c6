"""What the decoder reads, where its guesses are known beforehand."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from attendo.scheduled_sampling import Argmax, GumbelMixture, Sample
from attendo.tokenization import BOS, EOS, PAD
from scheduled_samplers import VOCABULARY, certain, constant, one_hot

REPLACEMENTS = [Argmax(), Sample(None), Sample(3), GumbelMixture(0.5)]


def some_targets():
    """BOS and the reference, as the decoder reads it; and the reference and EOS, as it should answer."""
    gold = torch.tensor([[BOS, 4, 5, 6, 7, 8], [BOS, 8, 8, 4, PAD, PAD], [BOS, PAD, PAD, PAD, PAD, PAD]])
    labels = torch.tensor([[4, 5, 6, 7, 8, EOS], [8, 8, 4, EOS, PAD, PAD], [EOS, PAD, PAD, PAD, PAD, PAD]])
    return gold, labels, labels == PAD


def mixed(sampler, guess, gold, is_padding, embed=one_hot):
    """Tokens that are read, by a decoder that reads one-hot vectors."""
    return sampler.inputs(gold, is_padding, guess, embed, step=0, epoch=0).argmax(dim=-1)


def successor(vectors, where):
    """A decoder that always answers the number after the one that it has read last; after 8 comes 3."""
    read = vectors[where].argmax(dim=-1)
    return certain(torch.where(read == 8, 3, read + 1))


# --------------------------------------------------------------------------------------------- five promises
@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("passes", [1, 3])
def test_the_guesses_of_a_decoder_that_is_always_right_are_the_reference_itself(
    replacement, p, passes
) -> None:
    gold, labels, is_padding = some_targets()
    sampler = constant(p, replacement=replacement, passes=passes)
    found = sampler.inputs(gold, is_padding, lambda _, where: certain(labels[where]), one_hot, 0, 0)
    torch.testing.assert_close(found, one_hot(gold), rtol=0, atol=0)


def test_a_guess_of_the_next_token_in_the_place_of_this_one_would_be_noticed() -> None:
    gold, labels, is_padding = some_targets()
    late = torch.cat([labels[:, 1:], labels[:, -1:]], dim=1)  # what public code mixes at position i
    found = mixed(constant(0.0), lambda _, where: certain(late[where]), gold, is_padding)
    assert (found != gold)[~is_padding][1:].any()


@pytest.mark.parametrize("draw", ["token", "sentence", "batch"])
@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_at_p_1_nothing_is_guessed_and_no_random_number_drawn(draw, replacement) -> None:
    gold, _, is_padding = some_targets()

    def guess(vectors, where):
        raise AssertionError("there is nothing to guess")

    state = torch.get_rng_state()
    sampler = constant(1.0, draw=draw, replacement=replacement, passes=2)
    assert torch.equal(sampler.inputs(gold, is_padding, guess, one_hot, 10**9, 10**6), one_hot(gold))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("replacement", REPLACEMENTS)
@pytest.mark.parametrize("draw", ["token", "sentence", "batch"])
def test_bos_and_padding_are_never_replaced_nor_guessed(replacement, draw) -> None:
    gold, _, is_padding = some_targets()
    sampler = constant(0.0, replacement=replacement, draw=draw, passes=2)
    log_probs = torch.full((VOCABULARY,), -50.0).double()
    log_probs[[PAD, BOS]] = -0.7  # by far the most probable
    found = sampler.inputs(
        gold, is_padding, lambda _, where: log_probs.repeat(int(where.sum()), 1), one_hot, 0, 0
    )
    assert (found.argmax(dim=-1)[:, 0] == BOS).all()
    assert (found.argmax(dim=-1)[is_padding] == PAD).all()
    guessed = found[:, 1:][~is_padding[:, 1:]]
    assert guessed[:, [PAD, BOS]].max() < 1e-15
    torch.testing.assert_close(guessed.sum(dim=-1), torch.ones(8).double())


def test_a_decoder_sure_of_padding_leaves_no_nan() -> None:
    gold, _, is_padding = some_targets()
    embedding = torch.ones(VOCABULARY, 2, dtype=torch.float64, requires_grad=True)
    for replacement in REPLACEMENTS:
        sampler = constant(0.5, replacement=replacement)
        found = sampler.inputs(
            gold, is_padding, lambda _, where: certain(0 * gold[where]), lambda ids: embedding[ids], 0, 0
        )
        found.sum().backward()
    assert embedding.grad.isfinite().all()


@pytest.mark.parametrize("replacement", REPLACEMENTS)
def test_gradients_flow_into_what_is_read_and_not_into_how_it_was_guessed(replacement) -> None:
    gold, _, is_padding = some_targets()
    embedding = torch.randn(VOCABULARY, 4, requires_grad=True)
    output = torch.randn(4, VOCABULARY, requires_grad=True)

    def guess(vectors, where):
        assert not torch.is_grad_enabled()
        return (vectors[where] @ output).log_softmax(dim=-1)

    sampler = constant(0.0, replacement=replacement, passes=2)
    vectors = sampler.inputs(gold, is_padding, guess, lambda ids: embedding[ids], 0, 0)
    vectors.sum().backward()
    assert output.grad is None
    # Every vector that is read is an embedding or a mean of some: gradients add up to those of one look-up.
    torch.testing.assert_close(embedding.grad.sum(dim=0), torch.full((4,), 18.0))


# -------------------------------------------------------------------------------------------- passes, by hand
def test_each_pass_guesses_from_what_the_last_one_mixed() -> None:
    gold, is_padding = torch.tensor([[BOS, 7, 7, 7, 7]]), torch.zeros(1, 5, dtype=torch.bool)
    expected = {
        1: [BOS, 3, 8, 8, 8],  # from BOS 7 7 7
        2: [BOS, 3, 4, 3, 3],  # from BOS 3 8 8
        3: [BOS, 3, 4, 5, 4],
        4: [BOS, 3, 4, 5, 6],
        6: [BOS, 3, 4, 5, 6],
    }
    for passes, tokens in expected.items():
        assert mixed(constant(0.0, passes=passes), successor, gold, is_padding).tolist() == [tokens]


def test_what_is_kept_is_drawn_once_for_all_passes() -> None:
    torch.manual_seed(3)
    gold, is_padding = torch.full((50, 8), 7), torch.zeros(50, 8, dtype=torch.bool)
    gold[:, 0] = BOS
    found = mixed(constant(0.5, passes=7), successor, gold, is_padding)
    guesses = torch.where(found == 8, 3, found + 1)[:, :-1]  # of the tokens that are read in the end
    is_guess, is_gold = found[:, 1:] == guesses, found[:, 1:] == 7
    assert (is_guess | is_gold).all()
    assert min((is_guess & ~is_gold).sum(), (is_gold & ~is_guess).sum()) > 100


def test_as_many_passes_as_tokens_draw_from_the_decoder_s_own_distribution() -> None:
    """p(a) p(b | a): b must have been drawn after the a that is read, and not after another draw of it."""
    table = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]], dtype=torch.float64).log()  # after BOS, 4, 5
    gold, is_padding = torch.tensor([[BOS, 8, 8]]).repeat(20_000, 1), torch.zeros(20_000, 3, dtype=torch.bool)

    def guess(vectors, where):
        log_probs = torch.full((int(where.sum()), VOCABULARY), -torch.inf).double()
        log_probs[:, 4:6] = table[(vectors[where].argmax(dim=-1) - 3).clamp(min=0, max=2)]
        return log_probs

    torch.manual_seed(4)
    found = mixed(constant(0.0, passes=2, replacement=Sample(None)), guess, gold, is_padding)
    counts = np.bincount(((found[:, 1] - 4) * 2 + found[:, 2] - 4).numpy(), minlength=4)
    expected = np.array([0.6 * 0.9, 0.6 * 0.1, 0.4 * 0.2, 0.4 * 0.8])
    assert chisquare(counts, 20_000 * expected).pvalue > 0.01
