"""Learning rate schedules: ``(optimizer, total_steps, …) -> scheduler``, stepped after every optimizer step.

``total_steps`` is infinite where training has no fixed end; ``linear`` and ``cosine`` refuse that.
"""

import logging
import math
from collections.abc import Callable
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

log = logging.getLogger(__name__)

Steps = int | float  # a number of optimizer steps that may be infinite
ScheduleFactory = Callable[[Optimizer, Steps], LRScheduler]


def constant(optimizer: Optimizer, total_steps: Steps, *, warmup_steps: int) -> LRScheduler:
    """The optimizer's learning rate throughout, after a linear warm-up."""
    return LambdaLR(optimizer, lambda step: warmed(step, warmup_steps))


def linear(
    optimizer: Optimizer, total_steps: Steps, *, warmup_steps: int, final_fraction: float
) -> LRScheduler:
    """Linear warm-up to the optimizer's learning rate, then a straight line to ``final_fraction`` of it."""
    check_end(warmup_steps, total_steps)

    def factor(step: int) -> float:
        done = progress(step, warmup_steps, total_steps)
        return warmed(step, warmup_steps) * (1 - (1 - final_fraction) * done)

    return LambdaLR(optimizer, factor)


def cosine(
    optimizer: Optimizer, total_steps: Steps, *, warmup_steps: int, final_fraction: float
) -> LRScheduler:
    """Linear warm-up, then half a cosine to ``final_fraction`` (Loshchilov & Hutter 2017, eq. 5)."""
    check_end(warmup_steps, total_steps)

    def factor(step: int) -> float:
        height = (1 + math.cos(math.pi * progress(step, warmup_steps, total_steps))) / 2
        return warmed(step, warmup_steps) * (final_fraction + (1 - final_fraction) * height)

    return LambdaLR(optimizer, factor)


def inverse_sqrt(optimizer: Optimizer, total_steps: Steps, *, warmup_steps: int) -> LRScheduler:
    """Linear warm-up to the optimizer's learning rate, then in proportion to step^(−½)."""

    def factor(step: int) -> float:
        return warmed(step, warmup_steps) * math.sqrt(max(warmup_steps, 1) / max(step + 1, warmup_steps, 1))

    return LambdaLR(optimizer, factor)


def noam(
    optimizer: Optimizer, total_steps: Steps, *, warmup_steps: int, width: int, factor: float
) -> LRScheduler:
    """factor · width^(−½) · min(step^(−½), step · warmup^(−3/2)) (Vaswani et al. 2017, eq. 3).

    This is the learning rate itself; the optimizer's own ``lr`` does not matter, but a group's
    ``rate_factor`` does.
    """
    if warmup_steps < 1:
        raise ValueError(f"scheduler.warmup_steps={warmup_steps}: the noam schedule needs 1 or more")

    def rate(step: int) -> float:
        number = step + 1
        return float(factor * width**-0.5 * min(number**-0.5, number * warmup_steps**-1.5))

    for group in optimizer.param_groups:
        group["lr"] = group.get("rate_factor", 1.0)  # LambdaLR multiplies it
    return LambdaLR(optimizer, rate)


def plateau(
    optimizer: Optimizer, total_steps: Steps, *, mode: Literal["min", "max"], factor: float, patience: int
) -> LRScheduler:
    """Multiplies the rate by ``factor`` after ``patience`` validations without a better monitored metric."""
    return ReduceLROnPlateau(optimizer, mode=mode, factor=factor, patience=patience)


def warmed(step: int, warmup_steps: int) -> float:
    """(step + 1) / warmup_steps during the warm-up, then 1; ``step`` counts finished optimizer steps."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps > 0 else 1.0


def progress(step: int, warmup_steps: int, total_steps: Steps) -> float:
    """Share of the way from the end of the warm-up to the end of training."""
    return min(1.0, max(0.0, (step - warmup_steps) / max(1, total_steps - warmup_steps)))


def check_end(warmup_steps: int, total_steps: Steps) -> None:
    """Raises ValueError if a schedule that leads somewhere has no end to lead to."""
    if math.isinf(total_steps):
        raise ValueError(
            "this schedule needs to know when training ends: set trainer.max_steps or trainer.max_epochs, "
            "or choose scheduler=constant, inverse_sqrt, noam or plateau"
        )
    if warmup_steps >= total_steps:
        log.warning(
            "scheduler.warmup_steps=%d, but training has only %d optimizer steps: "
            "the learning rate will not leave its warm-up",
            warmup_steps,
            total_steps,
        )
