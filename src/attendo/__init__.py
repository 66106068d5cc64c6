"""attendo: experiments with attention on text, on PyTorch Lightning and Hydra.

The words for tensor axes, the same in every signature:

=========  =====================================================================
batch      sentences (or sentence pairs) of a micro-batch
time       tokens of a text, padding included
source     tokens of a source sentence; ``target``: of a target sentence
row        sentences being decoded (finished ones leave); ``beam``: hypotheses
hop        attention distributions over one text; ``head``: of a Transformer
feature    numbers per token that go into a layer; ``hidden``: that come out
label      classes; ``vocab``: tokens a vocabulary knows
item       anything that a loss is summed over
=========  =====================================================================

Masks are named by what True means: ``is_padding``, ``can_attend``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attendo.cli.notebook import train as train
    from attendo.predictor import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "load", "train"]

LAZY = {
    "load": "attendo.predictor",
    "train": "attendo.cli.notebook",
}  # name → where it is defined; torch takes seconds to import


def __getattr__(name: str) -> Any:
    """Imports what is asked for by name only then."""
    if name not in LAZY:
        raise AttributeError(f"module 'attendo' has no attribute {name!r}")
    return getattr(import_module(LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *LAZY})
