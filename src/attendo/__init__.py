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

__version__ = "0.1.0"
