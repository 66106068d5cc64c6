"""The probability of a token of the reference, against the formulas of the papers."""

import math

import numpy as np
import pytest

from attendo.scheduled_sampling import Exponential, InverseSigmoid, Linear, ScheduledSampling
from scheduled_samplers import DEFAULTS, sampling

COUNTS = np.array([0, 1, 7, 50, 1000, 10**6, 10**12], dtype=float)


def at_the_end_of(sampler: ScheduledSampling, step: int, epoch: int) -> float:
    """p where it does not depend on the position."""
    first, *others = sampler.gold_probability(step, epoch, 4).tolist()
    assert others == [first] * 3
    return first


@pytest.mark.parametrize("floor", [0.0, 0.25])
@pytest.mark.parametrize("start", [1.0, 0.75])
def test_decays_are_the_formulas_of_bengio_et_al(start, floor) -> None:
    with np.errstate(over="ignore"):  # numpy's infinity stands where a plain exponential would raise
        cases = [
            (Linear(start, 0.001, floor), start - 0.001 * COUNTS),
            (Exponential(start, 0.99, floor), start * 0.99**COUNTS),
            (InverseSigmoid(start, 12.0, floor), start * 12 / (12 + np.exp(COUNTS / 12))),
            (InverseSigmoid(start, 1.0, floor), start / (1 + np.exp(COUNTS))),
        ]
    for decay, expected in cases:
        found = [decay(count) for count in COUNTS.tolist()]
        np.testing.assert_allclose(found, np.maximum(floor, expected), rtol=1e-9, atol=1e-300)
        assert found == sorted(found, reverse=True)


def test_an_inverse_sigmoid_is_half_down_after_k_ln_k() -> None:
    assert InverseSigmoid(1.0, 1000.0, 0.0)(1000 * math.log(1000)) == pytest.approx(0.5)


def test_steps_or_epochs_are_counted() -> None:
    decay = Linear(1.0, 0.01, 0.0)
    assert at_the_end_of(sampling(decay=decay, unit="steps"), step=30, epoch=2) == pytest.approx(0.70)
    assert at_the_end_of(sampling(decay=decay, unit="epochs"), step=30, epoch=2) == pytest.approx(0.98)


def test_below_the_threshold_nothing_of_the_reference_is_kept() -> None:
    sampler = sampling(decay=Linear(1.0, 0.125, 0.0), zero_below=0.5)
    found = [at_the_end_of(sampler, step, 0) for step in range(7)]
    assert found == [1.0, 0.875, 0.75, 0.625, 0.5, 0.0, 0.0]


def test_positions_alone_are_counted_from_bos_on() -> None:
    sampler = sampling(position_decay=Exponential(1.0, 0.9, 0.0))
    found = sampler.gold_probability(step=12345, epoch=6, positions=50)
    np.testing.assert_allclose(found.numpy(), 0.9 ** np.arange(50.0), rtol=1e-12)
    assert not sampler.is_off(0, 0)


@pytest.mark.parametrize("step", [0, 3, 40, 10**6])
def test_positions_count_the_more_the_later_in_training(step) -> None:
    decay, along = InverseSigmoid(1.0, 8.0, 0.0), InverseSigmoid(1.0, 20.0, 0.1)
    found = sampling(decay=decay, position_decay=along).gold_probability(step, 0, 60).numpy()
    in_training = 8 / (8 + np.exp(min(step / 8, 700)))
    t = np.arange(60) * (1 - in_training)
    np.testing.assert_allclose(found, np.maximum(0.1, 20 / (20 + np.exp(t / 20))), rtol=1e-12)


def test_both_are_off_as_long_as_the_first_is() -> None:
    both = sampling(decay=Linear(1.0, 0.1, 0.0), position_decay=Exponential(1.0, 0.9, 0.0))
    assert both.is_off(step=0, epoch=5)
    assert (both.gold_probability(0, 5, 30) == 1).all()
    assert not both.is_off(step=1, epoch=0)


def test_whether_it_is_off_does_not_depend_on_the_lengths_of_a_batch() -> None:
    slow = sampling(position_decay=Linear(1.0, 1e-11, 0.0))  # 1 in float32 for any target that there is
    assert not slow.is_off(0, 0)
    assert sampling(decay=Linear(1.0, 0.0, 0.0)).is_off(10**9, 10**9)


# --------------------------------------------------------------------------------------------------- messages
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "step"}, r'scheduled_sampling\.unit=step is none of steps, epochs\. Did you mean "steps"'),
        ({"draw": "Token"}, r'scheduled_sampling\.draw=Token .* Did you mean "token"'),
        ({"form": None}, r"scheduled_sampling\.form=None is none of parallel, sequential"),
        ({"passes": 0}, r"scheduled_sampling\.passes=0: expected 1"),
        ({"form": "sequential", "passes": 2}, r"form=sequential: expected scheduled_sampling\.passes=1"),
        ({"zero_below": 0.0}, r"scheduled_sampling\.zero_below=0.0: expected above 0"),
        ({"zero_below": 0.1}, r"scheduled_sampling\.zero_below=0.1: p never falls so low"),
        ({"decay": None}, r"scheduled_sampling\.decay and scheduled_sampling\.position_decay: both are null"),
        ({"decay": "linear"}, r"scheduled_sampling\.decay=linear: expected the settings of a class"),
        ({"replacement": "sample"}, r"scheduled_sampling/replacement=sample"),
        ({"replacement": None}, r"scheduled_sampling\.replacement=None: expected the settings"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_key(settings, message) -> None:
    sampler = object.__new__(ScheduledSampling)  # the tests' type checker would refuse some of it first
    vars(sampler).update(DEFAULTS | {"decay": Linear(1.0, 0.1, 0.25)} | settings)
    with pytest.raises(ValueError, match=message):
        sampler.__post_init__()
