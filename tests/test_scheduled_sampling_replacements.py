"""What is read in place of the reference: by hand, by frequencies, and near the limits."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional

from attendo.scheduled_sampling import Argmax, GumbelMixture, Sample

PROBABILITIES = torch.tensor([0.02, 0.05, 0.4, 0.2, 0.3, 0.03], dtype=torch.float64)


def one_hot(tokens):
    return functional.one_hot(tokens, 6).double()


def frequencies(replacement, log_probs, draws=20_000):
    torch.manual_seed(0)
    drawn = replacement(log_probs.expand(draws, -1), one_hot)
    assert ((drawn == 1).sum(dim=1) == 1).all()
    return drawn.sum(dim=0).numpy()


def test_argmax_takes_the_most_probable_token() -> None:
    log_probs = torch.stack([PROBABILITIES, PROBABILITIES.flip(0)]).log()
    assert Argmax()(log_probs, one_hot).argmax(dim=-1).tolist() == [2, 3]


@pytest.mark.parametrize("shift", [0.0, -1000.0])
def test_samples_come_as_often_as_they_are_probable(shift) -> None:
    """Adding to all logarithms changes no probability."""
    found = frequencies(Sample(None), PROBABILITIES.log() + shift)
    assert chisquare(found, PROBABILITIES.numpy() * 20_000).pvalue > 0.01


def test_top_k_draws_among_the_most_probable_by_their_renormalised_probabilities() -> None:
    found = frequencies(Sample(3), PROBABILITIES.log())
    assert found[[0, 1, 5]].tolist() == [0, 0, 0]
    assert chisquare(found[2:5], np.array([0.4, 0.2, 0.3]) / 0.9 * 20_000).pvalue > 0.01
    raw = PROBABILITIES.log()[2:5].numpy()
    assert chisquare(found[2:5], raw / raw.sum() * 20_000).pvalue < 1e-9  # shares of the logarithms


def test_more_than_there_are_is_all_and_one_is_the_argmax() -> None:
    found = frequencies(Sample(100), PROBABILITIES.log())
    assert chisquare(found, PROBABILITIES.numpy() * 20_000).pvalue > 0.01
    log_probs = torch.randn(50, 6, dtype=torch.float64).log_softmax(dim=-1)
    assert (Sample(1)(log_probs, one_hot) == Argmax()(log_probs, one_hot)).all()


def test_what_is_impossible_is_never_drawn() -> None:
    log_probs = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf, -torch.inf])
    for replacement in (Sample(None), Sample(4), GumbelMixture(1e-3), GumbelMixture(10.0)):
        found = replacement(log_probs.expand(2000, -1), lambda ids: one_hot(ids).float()).sum(dim=0)
        assert found[[0, 2, 4, 5]].sum() == 0
        assert found[[1, 3]].min() > 0


def test_a_mixture_sums_embeddings_by_the_softmax_of_perturbed_log_probabilities() -> None:
    embedding = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    log_probs = torch.randn(5, 6, dtype=torch.float64).log_softmax(dim=-1)
    torch.manual_seed(1)
    found = GumbelMixture(0.7)(log_probs, lambda ids: embedding[ids])
    torch.manual_seed(1)
    noise = -np.log(torch.empty(5, 6, dtype=torch.float64).exponential_().numpy())
    scores = np.exp((log_probs.numpy() + noise) / 0.7)
    weights = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.detach().numpy(), weights @ embedding.detach().numpy(), rtol=1e-12)
    found.sum().backward()
    np.testing.assert_allclose(embedding.grad[:, 0].numpy(), weights.sum(axis=0), rtol=1e-12)


def test_near_temperature_zero_a_mixture_is_one_token_drawn_by_its_probability() -> None:
    log_probs = torch.randn(500, 6, dtype=torch.float64).log_softmax(dim=-1)
    torch.manual_seed(2)
    mixture = GumbelMixture(1e-7)(log_probs, one_hot)
    torch.manual_seed(2)
    drawn = Sample(None)(log_probs, one_hot)  # argmax(log p + noise)
    torch.testing.assert_close(mixture, drawn, rtol=0, atol=1e-9)
    certain = (1e4 * log_probs).log_softmax(dim=-1)
    torch.testing.assert_close(GumbelMixture(1e-3)(certain, one_hot), Argmax()(log_probs, one_hot))


def test_the_mass_of_words_without_an_embedding_goes_to_the_unknown_word() -> None:
    embedding = torch.randn(4, 3, dtype=torch.float64)
    log_probs = torch.tensor([[-torch.inf] * 4 + [np.log(0.5), np.log(0.5)]], dtype=torch.float64)
    for replacement in (Argmax(), Sample(None), Sample(2), GumbelMixture(1.0)):
        found = replacement(log_probs, lambda ids: embedding[ids.masked_fill(ids >= 4, 1)])
        torch.testing.assert_close(found, embedding[1:2])


def test_no_guess_at_all_is_an_empty_answer() -> None:
    for replacement in (Argmax(), Sample(None), Sample(2), GumbelMixture(1.0)):
        assert replacement(torch.zeros(0, 6, dtype=torch.float64), one_hot).shape == (0, 6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Sample(0), "top_k=0: expected 1 or more"),
        (lambda: GumbelMixture(0.0), "temperature=0.0: expected a number above 0"),
        (lambda: GumbelMixture(float("nan")), "temperature=nan"),
    ],
)
def test_settings_that_make_no_sense_are_refused(build, message) -> None:
    with pytest.raises(ValueError, match=message):
        build()
