"""Several models that answer as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attendo.models.searched import Searched
from attendo.models.transformer import TransformerSeq2Seq


@dataclass(frozen=True)
class EnsembleState:
    """The states of the models, and where they looked on average, where all of them tell."""

    states: tuple[Any, ...]
    attention: Float[Tensor, "row source"] | None = None

    def select(self, rows: Int[Tensor, " row"]) -> "EnsembleState":
        """The state of the given rows, in that order; rows may repeat or be left out."""
        attention = None if self.attention is None else self.attention.index_select(0, rows)
        return EnsembleState(tuple(state.select(rows) for state in self.states), attention)


class Ensemble(nn.Module):
    """p(y) = mean of the models' p(y), token by token.

    The models must read the same ids: they share their tokenizers.

    Args:
        models: at least one.

    Attributes:
        longest_target: of the model with the shortest one; None: any number.

    Raises:
        ValueError: there is no model.
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        if not len(self.models):
            raise ValueError("an ensemble needs at least one model")
        longest = [each.longest_target for each in self.members if each.longest_target is not None]
        self.longest_target = min(longest, default=None)

    @property
    def members(self) -> Sequence[Searched]:
        return [cast(Searched, each) for each in self.models]

    def encode(
        self,
        source: Int[Tensor, "batch source"],
        is_padding: Bool[Tensor, "batch source"],
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
    ) -> tuple[Any, ...]:
        """The memory of each model."""
        return tuple(each.encode(source, is_padding, copy_ids, unknown_count) for each in self.members)

    def start(self, memory: Sequence[Any]) -> EnsembleState:
        """The state of the search before its first token, one row a sentence."""
        return EnsembleState(tuple(each.start(own) for each, own in zip(self.members, memory, strict=True)))

    def step(
        self, last_tokens: Int[Tensor, " row"], state: EnsembleState
    ) -> tuple[Float[Tensor, "row vocab"], EnsembleState]:
        """Reads one more token in every row; log of the models' mean probabilities of the next one.

        Raises:
            ValueError: the models have different numbers of target tokens.
        """
        stepped = [each.step(last_tokens, own) for each, own in zip(self.members, state.states, strict=True)]
        sizes = [log_probs.shape[1] for log_probs, _ in stepped]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"the models of an ensemble have {sizes} target tokens (copied words included): expected "
                "models of one vocabulary, that all copy or all do not"
            )
        states = tuple(after for _, after in stepped)
        attentions = [getattr(after, "attention", None) for after in states]
        known = [attention for attention in attentions if attention is not None]
        attention = torch.stack(known).mean(dim=0) if len(known) == len(states) else None
        return log_mean([log_probs for log_probs, _ in stepped]), EnsembleState(states, attention)

    def log_probs(
        self,
        source: Int[Tensor, "batch source"],
        source_is_padding: Bool[Tensor, "batch source"],
        target_inputs: Int[Tensor, "batch target"],
        where: Bool[Tensor, "batch target"] | None = None,
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
    ) -> Float[Tensor, "*items vocab"]:
        """Teacher forcing: log of the models' mean probabilities; arguments as TransformerSeq2Seq's."""
        models = cast("Sequence[TransformerSeq2Seq]", self.models)
        asked = (source, source_is_padding, target_inputs, where, copy_ids, unknown_count)
        return log_mean([each.log_probs(*asked) for each in models])


def log_mean(log_probs: Sequence[Float[Tensor, "*any"]]) -> Float[Tensor, "*any"]:
    """Log of the mean of probabilities, of each model one tensor."""
    return torch.stack(list(log_probs)).logsumexp(dim=0) - log(len(log_probs))
