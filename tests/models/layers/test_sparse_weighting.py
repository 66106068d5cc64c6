"""Sparsemax and 1.5-entmax: against bisection, closed forms, an optimiser and the papers' Jacobians."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize

from attendo.models.layers.weighting import Entmax15, Sparsemax

IS_PADDING = torch.arange(6) >= torch.tensor([6, 4, 2, 1, 0])[:, None]


def random_scores(scale):
    torch.manual_seed(0)
    return scale * torch.randn(5, 3, 6, dtype=torch.float64)


def weigh(weighting, *scores):
    """The weights of one row of scores without padding."""
    row = torch.tensor(scores, dtype=torch.float64)[None, None]
    return weighting(row, torch.zeros(1, len(scores), dtype=torch.bool))[0, 0]


def sparsemax_by_bisection(scores):
    def excess(threshold):
        return np.maximum(scores - threshold, 0).sum() - 1

    threshold = brentq(excess, scores.max() - 1.1, scores.max() + 0.1, xtol=1e-15)
    return np.maximum(scores - threshold, 0)


def entmax_by_bisection(scores):
    def excess(threshold):
        return (np.maximum(scores / 2 - threshold, 0) ** 2).sum() - 1

    threshold = brentq(excess, scores.max() / 2 - 1.1, scores.max() / 2 + 0.1, xtol=1e-15)
    return np.maximum(scores / 2 - threshold, 0) ** 2


SPARSE = [(Sparsemax(), sparsemax_by_bisection), (Entmax15(), entmax_by_bisection)]
sparse = pytest.mark.parametrize("weighting, by_bisection", SPARSE, ids=["sparsemax", "entmax"])


@sparse
@pytest.mark.parametrize("scale", [0.01, 0.5, 5.0])
def test_sparse_weights_are_those_that_bisection_finds(weighting, by_bisection, scale):
    scores = random_scores(scale)
    weights = weighting(scores, IS_PADDING).numpy()
    for sentence, length in enumerate([6, 4, 2, 1]):
        for hop in range(3):
            expected = by_bisection(scores[sentence, hop, :length].numpy())
            np.testing.assert_allclose(weights[sentence, hop, :length], expected, rtol=0, atol=1e-14)


@sparse
@pytest.mark.parametrize("scale", [1e-4, 0.01, 1.0])
def test_long_texts_lose_no_precision_in_float32(weighting, by_bisection, scale):
    torch.manual_seed(0)
    scores = scale * torch.randn(1, 1, 20_000)
    weights = weighting(scores, torch.zeros(1, 20_000, dtype=torch.bool))[0, 0].numpy()
    expected = by_bisection(scores[0, 0].double().numpy())
    np.testing.assert_allclose(weights, expected, rtol=0, atol=2e-7 * max(expected.max(), 0.1))
    assert weights.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    # A token at the very threshold may fall on either side.
    assert abs(int((weights > 0).sum()) - int((expected > 0).sum())) <= 20


def test_sparsemax_of_two_scores_is_a_straight_line_cut_off_at_both_ends():
    for difference in [-3.0, -1.0, -0.7, 0.0, 0.3, 1.0, 2.0]:
        expected = np.clip((1 + difference) / 2, 0, 1)
        assert weigh(Sparsemax(), difference, 0.0)[0].item() == pytest.approx(expected, abs=1e-15)


def test_entmax_of_two_scores_is_its_closed_form():
    # With t = difference / 2: x² + (x - t)² = 1 for x = √p, so x = (t + √(2 - t²)) / 2 where |t| ≤ 1.
    for difference in [-3.0, -2.0, -0.7, 0.0, 0.3, 1.0, 2.0, 5.0]:
        half = np.clip(difference / 2, -1, 1)
        expected = ((half + np.sqrt(2 - half**2)) / 2) ** 2
        assert weigh(Entmax15(), difference, 0.0)[0].item() == pytest.approx(expected, abs=1e-15)


def gini(p):
    return (1 - (p**2).sum()) / 2


def tsallis(p):
    return (p - np.maximum(p, 0) ** 1.5).sum() / (1.5 * 0.5)


@pytest.mark.parametrize(
    "weighting, entropy", [(Sparsemax(), gini), (Entmax15(), tsallis)], ids=["sparsemax", "entmax"]
)
def test_sparse_weights_maximize_the_score_plus_their_entropy(weighting, entropy):
    scores = random_scores(1.0)[0, 0].numpy()
    found = minimize(
        lambda p: -(p @ scores + entropy(p)),
        np.full(6, 1 / 6),
        method="SLSQP",
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.success
    np.testing.assert_allclose(weigh(weighting, *scores).numpy(), found.x, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "weighting, slope", [(Sparsemax(), np.sign), (Entmax15(), np.sqrt)], ids=["sparsemax", "entmax"]
)
def test_the_jacobian_of_sparse_weights_is_the_one_of_the_papers(weighting, slope):
    """diag(g) - g gᵀ / Σ g; g is 1 on the support for sparsemax, √p for 1.5-entmax."""
    scores = random_scores(0.5)[0, :1]
    nothing_is_padding = torch.zeros(1, 6, dtype=torch.bool)
    jacobian = torch.func.jacrev(lambda s: weighting(s[None], nothing_is_padding)[0])(scores)[0, :, 0]
    g = slope(weighting(scores[None], nothing_is_padding)[0, 0].numpy())
    np.testing.assert_allclose(jacobian.numpy(), np.diag(g) - np.outer(g, g) / g.sum(), rtol=0, atol=1e-14)
    assert (g == 0).any() and (g > 0).sum() > 1


@sparse
def test_equal_scores_share_the_weight_equally(weighting, by_bisection):
    np.testing.assert_allclose(weigh(weighting, *[3.0] * 7).numpy(), np.full(7, 1 / 7), rtol=0, atol=1e-15)
