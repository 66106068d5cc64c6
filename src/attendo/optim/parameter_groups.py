"""Which parameters decay, and which learn at a rate of their own."""

import math
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from attendo.optim.patterns import matching

NO_DECAY = (
    nn.Embedding,
    nn.EmbeddingBag,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,
)


def parameter_groups(
    model: nn.Module, learning_rates: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Matrices, which decay as the optimizer says, and the rest, which never do; so for each learning rate.

    The rest: biases and every other vector, the parameters of torch's embeddings and norms, and those of any
    module with an attribute ``decays = False``. Tied parameters are counted once; frozen ones are left out.

    Args:
        model: whose parameters.
        learning_rates: pattern of parameter names → factor on the learning rate; of several patterns that
            match a parameter, the last one counts. ``scale_rates`` puts the factors into force.

    Raises:
        ValueError: a pattern matches nothing, or a factor is no number ≥ 0.
    """
    factors = rate_factors(model, learning_rates or {})
    spared = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, NO_DECAY) or not getattr(module, "decays", True)
        for parameter in module.parameters(recurse=False)
    }
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = []
    for factor in dict.fromkeys([1.0, *factors.values()]):
        ending = "" if factor == 1.0 else f"_x{factor}"
        these = [p for name, p in trained if factors.get(name, 1.0) == factor]
        decaying = [p for p in these if p.ndim >= 2 and id(p) not in spared]
        constant = [p for p in these if p.ndim < 2 or id(p) in spared]
        groups += [
            {"params": decaying, "name": f"decaying{ending}", "rate_factor": factor},
            {"params": constant, "name": f"spared{ending}", "rate_factor": factor, "weight_decay": 0.0},
        ]
    return [group for group in groups if group["params"]]


def rate_factors(model: nn.Module, learning_rates: Mapping[str, float]) -> dict[str, float]:
    """Name → factor on the learning rate, of the parameters that a pattern matches."""
    factors: dict[str, float] = {}
    for pattern, factor in learning_rates.items():
        if not 0 <= factor < math.inf:
            raise ValueError(f"learning_rates: {pattern}: {factor}: expected a factor of 0 or more")
        factors.update(dict.fromkeys(matching(model, pattern, "learning_rates"), float(factor)))
    return factors


def scale_rates(optimizer: Optimizer) -> None:
    """Multiplies the rate of every group by its factor; to be called once, before a schedule takes over."""
    for group in optimizer.param_groups:
        group["lr"] = group["lr"] * group["rate_factor"]
