"""Calibration against plain loops, scipy's minimiser, and temperatures that are known."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax

from attendo.metrics import confidence_bins, expected_calibration_error, fit_temperature

seeds = st.integers(0, 10**9)


def calibration_error_by_loops(decisions, bins):
    """Of (confidence, is right): Guo et al. 2017, eq. 3, with bins ((b − 1) / bins, b / bins]."""
    error = 0.0
    for number in range(1, bins + 1):
        low, high = (number - 1) / bins, number / bins
        inside = [(c, right) for c, right in decisions if low < c <= high or (number == 1 and c == 0)]
        if inside:
            confidence = sum(c for c, _ in inside) / len(inside)
            accuracy = sum(right for _, right in inside) / len(inside)
            error += len(inside) / len(decisions) * abs(accuracy - confidence)
    return error


@given(seeds, st.integers(1, 60), st.integers(2, 5), st.sampled_from([1, 4, 10, 15]))
def test_the_calibration_error_is_that_of_a_plain_loop(seed, items, classes, bins):
    generator = np.random.default_rng(seed)
    table = generator.dirichlet(np.full(classes, 0.3), size=items)
    table[::3] = np.eye(classes)[generator.integers(classes, size=len(table[::3]))]
    table[1::3] = np.round(table[1::3] * bins) / bins  # exactly on the edges
    labels, targets = generator.integers(classes, size=items), generator.random((items, classes)) < 0.5
    top = [(max(row), list(row).index(max(row)) == label) for row, label in zip(table, labels, strict=True)]
    expected = calibration_error_by_loops(top, bins)
    assert expected_calibration_error(table, labels, bins) == pytest.approx(expected, abs=1e-12)
    pairs = list(zip(table.ravel(), targets.ravel(), strict=True))
    each = [(max(p, 1 - p), (p > 0.5) == has) for p, has in pairs]
    expected = calibration_error_by_loops(each, bins)
    assert expected_calibration_error(table, targets, bins) == pytest.approx(expected, abs=1e-12)


def test_every_decision_is_in_one_bin():
    table = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [0.6, 0.4]])
    bins = confidence_bins(table, np.array([0, 0, 0, 1]), bins=10)
    assert bins.counts.tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 0, 2]
    assert bins.accuracy[[4, 5, 9]].tolist() == [1.0, 0.0, 0.5]
    assert bins.confidence[[4, 5, 9]].tolist() == [0.5, 0.6, 1.0]


def likelihood_of_classes(logits, labels, temperature):
    return -log_softmax(logits / temperature, axis=1)[np.arange(len(labels)), labels].mean()


def likelihood_of_labels(logits, targets, temperature):
    return -np.where(targets, log_expit(logits / temperature), log_expit(-logits / temperature)).mean()


def problem(seed, items, classes, temperature, is_multilabel):
    """Logits, and labels drawn from what they say at a temperature."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(items, classes)) * 3
    if is_multilabel:
        return logits, generator.random((items, classes)) < expit(logits / temperature)
    table = softmax(logits / temperature, axis=1)
    return logits, (table.cumsum(axis=1) < generator.random((items, 1))).sum(axis=1).clip(max=classes - 1)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 80), st.integers(2, 5), st.floats(0.1, 10), st.booleans())
def test_the_temperature_is_the_one_that_scipy_finds_and_never_worse_than_none(
    seed, items, classes, temperature, is_multilabel
):
    logits, labels = problem(seed, items, classes, temperature, is_multilabel)
    decided = logits > 0 if is_multilabel else logits.argmax(axis=1)
    assume((decided != labels).any())  # where all are right nothing is fitted
    loss = likelihood_of_labels if is_multilabel else likelihood_of_classes
    fitted = fit_temperature(logits, labels)
    found = minimize_scalar(
        lambda inverse: loss(logits, labels, 1 / inverse),
        bounds=(1 / 20, 20),
        method="bounded",
        options={"xatol": 1e-12},
    )
    best = loss(logits, labels, fitted)
    assert best <= found.fun + 1e-12 and best <= loss(logits, labels, 1.0) + 1e-15
    assert best >= found.fun - 1e-6


@pytest.mark.parametrize("is_multilabel", [False, True])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 8.0])
def test_a_known_temperature_is_recovered(temperature, is_multilabel):
    logits, labels = problem(1, 20_000, 4, temperature, is_multilabel)
    assert fit_temperature(logits, labels) == pytest.approx(temperature, rel=0.05)
    as_tensors = fit_temperature(torch.from_numpy(logits).float(), torch.from_numpy(labels))
    assert as_tensors == pytest.approx(fit_temperature(logits, labels), rel=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1e-1, 10.0, 1e3])
def test_the_slope_is_zero_at_the_answer_whatever_the_scale(scale, monkeypatch):
    """And it is found in few steps, also where the likelihood is nearly flat or nearly a corner."""
    from attendo.metrics import calibration

    calls = []
    slope = calibration._slope
    monkeypatch.setattr(calibration, "_slope", lambda *given: calls.append(1) or slope(*given))
    logits, labels = problem(2, 500, 3, 1.0, False)
    fitted = fit_temperature(logits * scale, labels)
    assert len(calls) < 60
    if 0.05 < fitted < 20:
        ends = [
            likelihood_of_classes(logits * scale, labels, fitted * factor) for factor in (0.999, 1, 1.001)
        ]
        assert ends[1] == min(ends)


@pytest.mark.parametrize("is_multilabel", [False, True])
def test_what_has_no_minimum_ends_at_the_bounds(is_multilabel):
    logits = np.array([[2.0, -1.0], [-3.0, 3.0], [1.0, -1.0]])
    right = logits > 0 if is_multilabel else logits.argmax(axis=1)
    wrong = ~right if is_multilabel else 1 - right
    for scale in (0.01, 1.0, 1e6):
        assert fit_temperature(logits * scale, right) == 1.0
        assert fit_temperature(logits * scale, wrong) == 20.0
    assert fit_temperature(logits * 0.0, right) == 1.0


def test_the_answer_of_a_single_large_margin_is_found():
    """One item in a thousand is wrong, all by the same margin m: T = m / log 999."""
    logits = np.tile([0.0, 40.0], (1000, 1))
    labels = np.array([0] + [1] * 999)
    assert fit_temperature(logits, labels) == pytest.approx(40 / np.log(999), rel=1e-9)


@pytest.mark.parametrize("stray", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_refused(stray):
    with pytest.raises(ValueError, match="infinite or NaN"):
        fit_temperature(np.array([[0.0, stray]]), np.array([0]))


def test_nothing_has_no_temperature():
    with pytest.raises(ValueError, match="nothing to fit"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int))
