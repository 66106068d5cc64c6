"""Parameters that do not learn, for good or for a while."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from attendo.optim.patterns import matching

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Freezing:
    """Which parameters do not learn, and until when. A function of the optimizer step alone: nothing to save.

    What is frozen for good gets no gradient at all. What thaws later has its gradients computed and dropped
    until then, so that neither decay nor momentum moves it, and its optimizer state begins when it thaws.
    Dropout of frozen parts stays on.

    Args:
        patterns: of parameter names, as in a shell.
        unfreeze_at_step: optimizer steps after which they learn, too; None: never.
    """

    patterns: Sequence[str] = ()
    unfreeze_at_step: int | None = None

    def __post_init__(self) -> None:
        if self.unfreeze_at_step is not None and self.unfreeze_at_step < 1:
            raise ValueError(f"unfreeze_at_step={self.unfreeze_at_step}: expected 1 or more, or null")
        if self.unfreeze_at_step is not None and not self.patterns:
            raise ValueError(
                f"unfreeze_at_step={self.unfreeze_at_step}, but nothing is frozen: say what, such as "
                "freeze=[encoder.*]"
            )

    def names(self, model: nn.Module) -> frozenset[str]:
        """Names of the parameters that are frozen, as in ``model.named_parameters()``.

        Raises:
            ValueError: a pattern matches nothing.
        """
        return frozenset().union(*(matching(model, pattern, "freeze") for pattern in self.patterns))

    def freeze(self, model: nn.Module) -> frozenset[str]:
        """Freezes for good what never thaws; before the model is divided among devices.

        Returns:
            Names of the parameters that thaw later.

        Raises:
            ValueError: a pattern matches nothing, or nothing is left that learns.
        """
        names = self.names(model)
        if names and names >= {name for name, p in model.named_parameters() if p.requires_grad}:
            raise ValueError(f"freeze={list(self.patterns)} leaves no parameter that learns")
        if self.unfreeze_at_step is not None:
            return names
        for name in names:
            model.get_parameter(name).requires_grad_(False)
        return frozenset()

    def describe(self, model: nn.Module) -> str:
        """How much is frozen, for people."""
        names, parameters = self.names(model), dict(model.named_parameters())
        some, all_of_them = (sum(parameters[name].numel() for name in group) for group in (names, parameters))
        until = "" if self.unfreeze_at_step is None else f", until step {self.unfreeze_at_step:,}"
        share = some / all_of_them
        return f"{len(names)} of {len(parameters)} parameters, {share:.1%} of the numbers{until}"

    def holds(self, step: int) -> bool:
        """Whether what thaws later is still frozen after this many optimizer steps."""
        return self.unfreeze_at_step is not None and step < self.unfreeze_at_step

    def check_end(self, total_steps: int | float) -> None:
        """Warns if training ends before anything thaws."""
        if self.unfreeze_at_step is not None and self.unfreeze_at_step >= total_steps:
            log.warning(
                "unfreeze_at_step=%d, but training has only %d optimizer steps: what is frozen stays frozen",
                self.unfreeze_at_step,
                total_steps,
            )
