"""Learning rates equal their formulas."""

import functools
import itertools
import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from attendo.optim import constant, cosine, inverse_sqrt, linear, noam

STEPS, PEAK = 60, 0.3


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)


def rates(schedule, steps: int = STEPS, total: float = STEPS) -> list[float]:
    """The rate that each optimizer step takes, the first step being number 1."""
    moved = optimizer()
    scheduler = schedule(moved, total)
    taken = []
    for _ in range(steps):
        taken.append(moved.param_groups[0]["lr"])
        moved.step()
        scheduler.step()
    return taken


def test_noam_is_the_formula_of_the_paper() -> None:
    expected = [2.0 * 512**-0.5 * min(step**-0.5, step * 20**-1.5) for step in range(1, STEPS + 1)]
    assert rates(functools.partial(noam, warmup_steps=20, width=512, factor=2.0)) == pytest.approx(expected)


def test_noam_needs_a_warm_up() -> None:
    with pytest.raises(ValueError, match=r"scheduler\.warmup_steps=0"):
        rates(functools.partial(noam, warmup_steps=0, width=512, factor=1.0))


@pytest.mark.parametrize("warmup", [1, 20])
def test_inverse_sqrt_is_noam_with_its_peak_at_the_rate_of_the_optimizer(warmup: int) -> None:
    factor = PEAK * math.sqrt(256 * warmup)
    expected = rates(functools.partial(noam, warmup_steps=warmup, width=256, factor=factor))
    assert rates(functools.partial(inverse_sqrt, warmup_steps=warmup)) == pytest.approx(expected)
    assert max(expected) == pytest.approx(PEAK) and expected[warmup - 1] == max(expected)


def test_inverse_sqrt_without_a_warm_up_starts_at_the_rate_of_the_optimizer() -> None:
    expected = [PEAK / math.sqrt(step) for step in range(1, STEPS + 1)]
    assert rates(functools.partial(inverse_sqrt, warmup_steps=0)) == pytest.approx(expected)


@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_without_a_warm_up_is_that_of_torch(final: float) -> None:
    expected = rates(lambda moved, total: CosineAnnealingLR(moved, int(total), eta_min=final * PEAK))
    assert rates(functools.partial(cosine, warmup_steps=0, final_fraction=final)) == pytest.approx(expected)


def test_cosine_after_a_warm_up_is_that_of_torch_over_the_rest() -> None:
    whole = rates(functools.partial(cosine, warmup_steps=20, final_fraction=0.0))
    assert whole[:20] == pytest.approx([PEAK * step / 20 for step in range(1, 21)])
    assert whole[20:] == pytest.approx(rates(lambda moved, total: CosineAnnealingLR(moved, 40), steps=40))


@pytest.mark.parametrize("final", [0.0, 0.25])
def test_linear_is_a_straight_line_to_the_end(final: float) -> None:
    whole = rates(functools.partial(linear, warmup_steps=10, final_fraction=final), steps=STEPS + 5)
    assert whole[:10] == pytest.approx([PEAK * step / 10 for step in range(1, 11)])
    falls = [before - after for before, after in itertools.pairwise(whole[10:STEPS])]
    assert falls == pytest.approx([PEAK * (1 - final) / 50] * len(falls))
    assert whole[STEPS:] == pytest.approx([PEAK * final] * 5), "after the planned end it stays there"


@pytest.mark.parametrize("warmup", [0, 8])
def test_constant_stays_after_its_warm_up(warmup: int) -> None:
    expected = [min(1.0, step / warmup) * PEAK if warmup else PEAK for step in range(1, STEPS + 1)]
    assert rates(functools.partial(constant, warmup_steps=warmup)) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_a_schedule_that_leads_somewhere_needs_an_end(schedule) -> None:
    with pytest.raises(ValueError, match=r"trainer\.max_steps"):
        schedule(optimizer(), math.inf, warmup_steps=0, final_fraction=0.0)


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_a_warm_up_longer_than_training_is_told(schedule, caplog: pytest.LogCaptureFixture) -> None:
    schedule(optimizer(), 100, warmup_steps=400, final_fraction=0.0)
    assert "warmup_steps=400" in caplog.text and "100 optimizer steps" in caplog.text


def test_schedules_can_be_saved_as_plain_values() -> None:
    moved = optimizer()
    scheduler = noam(moved, STEPS, warmup_steps=5, width=64, factor=1.0)
    for _ in range(7):
        moved.step()
        scheduler.step()
    again = optimizer()
    resumed = noam(again, STEPS, warmup_steps=5, width=64, factor=1.0)
    resumed.load_state_dict(scheduler.state_dict())
    again.load_state_dict(moved.state_dict())
    again.step(), moved.step()
    resumed.step(), scheduler.step()
    assert again.param_groups[0]["lr"] == moved.param_groups[0]["lr"]
