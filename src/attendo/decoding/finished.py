"""The finished hypotheses of a beam search."""

from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from attendo.decoding.hypothesis import Hypothesis


@dataclass(frozen=True)
class Finished:
    """The best finished hypotheses of each sentence, best first.

    Attributes:
        scores: −inf where fewer have finished.
        ids: their tokens, then anything.
        lengths: tokens without EOS.
        has_end: whether EOS ended them; else they were cut.
        count: hypotheses that have finished, kept or not.
    """

    scores: Float[Tensor, "batch kept"]
    log_probs: Float[Tensor, "batch kept"]
    ids: Int[Tensor, "batch kept time"]
    lengths: Int[Tensor, "batch kept"]
    has_end: Bool[Tensor, "batch kept"]
    count: Int[Tensor, " batch"]

    @classmethod
    def none(cls, places: Int[Tensor, "batch kept"]) -> "Finished":
        """Nothing has finished yet; the places are zeros."""
        scores = places.float() - torch.inf
        return cls(scores, scores, places[:, :, None][:, :, :0], places, places.bool(), places[:, 0])

    def add(
        self,
        is_done: Bool[Tensor, "batch candidate"],
        scores: Float[Tensor, "batch candidate"],
        log_probs: Float[Tensor, "batch candidate"],
        ids: Int[Tensor, "batch candidate length"],
        has_end: Bool[Tensor, "batch candidate"],
    ) -> "Finished":
        """With those candidates that are done; of equal scores the earlier one stands first."""
        kept, longer = self.scores.shape[1], ids.shape[2] - self.ids.shape[2]
        lengths = ids.shape[2] - has_end.long()
        before = functional.pad(self.ids, (0, longer))
        scores = torch.cat([self.scores, scores.masked_fill(~is_done, -torch.inf)], dim=1)
        scores, best = scores.sort(dim=1, descending=True, stable=True)
        best = best[:, :kept]
        return Finished(
            scores[:, :kept],
            torch.cat([self.log_probs, log_probs], dim=1).gather(1, best),
            torch.cat([before, ids], dim=1).gather(1, best[:, :, None].expand(-1, -1, ids.shape[2])),
            torch.cat([self.lengths, lengths], dim=1).gather(1, best),
            torch.cat([self.has_end, has_end], dim=1).gather(1, best),
            self.count + is_done.sum(dim=1),
        )

    def select(self, sentences: Int[Tensor, " left"]) -> "Finished":
        return Finished(
            self.scores[sentences],
            self.log_probs[sentences],
            self.ids[sentences],
            self.lengths[sentences],
            self.has_end[sentences],
            self.count[sentences],
        )

    def hypotheses(self, n_best: int) -> list[list[Hypothesis]]:
        """The best of each sentence; at least one, which is empty and impossible if none has finished."""
        counts = (self.scores > -torch.inf).sum(dim=1).clamp(max=n_best).tolist()
        columns = (self.ids, self.lengths, self.log_probs, self.scores, self.has_end)
        rows = zip(counts, *(column.tolist() for column in columns), strict=True)
        return [
            [
                Hypothesis(ids[:length], log_prob, score, has_end)
                for ids, length, log_prob, score, has_end in islice(zip(*found, strict=True), count)
            ]
            or [Hypothesis([], -torch.inf, -torch.inf)]
            for count, *found in rows
        ]
