"""Scheduled sampling: in training, the decoder reads some of its own guesses in place of the reference.

The reference's token at position i, if it is replaced, is replaced by the guess of *that* token, which the
decoder makes at position i - 1. BOS and padding are never replaced. Guesses are what a search could choose:
never PAD or BOS. Gradients flow into the embeddings of what was read, not into how it was guessed. A guessing
pass has the dropout of training, with its own draw: the model is in one mode throughout.
"""

from attendo.scheduled_sampling.decays import Exponential, InverseSigmoid, Linear
from attendo.scheduled_sampling.replacements import Argmax, GumbelMixture, Replacement, Sample
from attendo.scheduled_sampling.sampling import ScheduledSampling

__all__ = [
    "Argmax",
    "Exponential",
    "GumbelMixture",
    "InverseSigmoid",
    "Linear",
    "Replacement",
    "Sample",
    "ScheduledSampling",
]
