"""How parameters are moved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch.optim import Optimizer

from attendo.optim import Clip, Freezing, ScheduleFactory

OptimizerFactory = Callable[[list[dict[str, Any]]], Optimizer]


@dataclass(frozen=True)
class Optimization:
    """How parameters are moved.

    Args:
        optimizer: parameter groups → optimizer.
        schedule: (optimizer, total steps) → learning rate schedule, stepped after every optimizer step.
        clip: clips whole gradients before the step, or None.
        monitor: the metric that a plateau schedule follows.
        seed: of dropout.
        freezing: which parameters do not learn, and until when.
        learning_rates: pattern of parameter names → factor on the learning rate.
    """

    optimizer: OptimizerFactory
    schedule: ScheduleFactory
    clip: Clip | None
    monitor: str
    seed: int
    freezing: Freezing = field(default_factory=Freezing)
    learning_rates: Mapping[str, float] = field(default_factory=dict)


def check_unscaled_in_time(optimizer: Optimizer) -> None:
    """Raises ValueError if the optimizer unscales fp16 gradients only in its own step, after clipping."""
    if getattr(optimizer, "_step_supports_amp_scaling", False):
        raise ValueError(
            "trainer.precision=16-mixed with optimizer.fused=true: clipping would see gradients that are "
            "still scaled; set optimizer.fused=false, or trainer.precision=bf16-mixed, or clipping=none"
        )
