"""What answers must keep to, whatever the model finds probable."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

FREE = -1  # in place of a prefix's token, where the prefix is over


@dataclass(frozen=True)
class Constraints:
    """Rules for the answers to some sentences.

    An answer begins with its sentence's prefix, whatever the other rules say. It cannot end before
    ``minimum`` tokens, and after ``maximum`` it can do nothing else. No n-gram comes twice in what follows
    the prefix. Where the rules leave no token, it ends.

    Attributes:
        eos: id that ends an answer.
        minimum, maximum: tokens of an answer, EOS not counted; at least the prefix's.
        prefix: ids that answers begin with, FREE behind them.
        banned: ids that are never produced.
        no_repeat_ngram: n; 0: n-grams may be repeated.
    """

    eos: int
    minimum: Int[Tensor, " batch"]
    maximum: Int[Tensor, " batch"]
    prefix: Int[Tensor, "batch time"]
    banned: Int[Tensor, " token"]
    no_repeat_ngram: int

    @classmethod
    def of(
        cls,
        eos: int,
        maximum: Int[Tensor, " batch"],
        *,
        minimum: Int[Tensor, " batch"] | None = None,
        prefixes: Sequence[Sequence[int]] | None = None,
        banned: Sequence[int] = (),
        no_repeat_ngram: int = 0,
    ) -> "Constraints":
        """Rules that agree with each other: the maximum goes before the minimum, the prefix before both.

        Raises:
            ValueError: EOS is banned or stands in a prefix; there are not as many prefixes as sentences.
        """
        device = maximum.device
        prefixes = [()] * len(maximum) if prefixes is None else prefixes
        _check(eos, len(maximum), prefixes, banned)
        lengths = torch.tensor([len(each) for each in prefixes], dtype=torch.long, device=device)
        longest = max(map(len, prefixes), default=0)
        filled = [[*each, *[FREE] * (longest - len(each))] for each in prefixes]
        maximum = maximum.clamp(min=0).maximum(lengths)
        minimum = lengths if minimum is None else minimum.minimum(maximum).maximum(lengths)
        return cls(
            eos,
            minimum,
            maximum,
            torch.tensor(filled, dtype=torch.long, device=device).view(len(maximum), longest),
            torch.tensor(list(banned), dtype=torch.long, device=device),
            no_repeat_ngram,
        )

    def select(self, sentences: Int[Tensor, " kept"]) -> "Constraints":
        """The rules of the given sentences."""
        return Constraints(
            self.eos,
            self.minimum[sentences],
            self.maximum[sentences],
            self.prefix[sentences],
            self.banned,
            self.no_repeat_ngram,
        )

    def apply(
        self, log_probs: Float[Tensor, "batch beam vocab"], past: Int[Tensor, "batch beam time"]
    ) -> Float[Tensor, "batch beam vocab"]:
        """The log-probabilities with −inf for what is not allowed; the others stay as they are.

        Args:
            log_probs: of the next token; written into.
            past: the tokens so far.
        """
        only = self._only_choice(past.shape[2])[:, None, None].expand(*past.shape[:2], 1)
        place = only.clamp(min=0)
        unbanned = log_probs.gather(2, place)
        self._ban(log_probs, past)
        is_free = only == FREE
        if not is_free.all():
            kept = torch.where(is_free, log_probs.gather(2, place), unbanned)
            log_probs.masked_fill_(~is_free, -torch.inf).scatter_(2, place, kept)
        return log_probs

    def _ban(
        self, log_probs: Float[Tensor, "batch beam vocab"], past: Int[Tensor, "batch beam time"]
    ) -> None:
        """Applies what forbids tokens rather than prescribes them."""
        length, end = past.shape[2], log_probs[:, :, self.eos].clone()
        if len(self.banned):
            log_probs.index_fill_(2, self.banned, -torch.inf)
        is_early = (length < self.minimum)[:, None]
        may_repeat = not 0 < self.no_repeat_ngram <= length
        if may_repeat and not is_early.any():
            return
        log_probs[:, :, self.eos].masked_fill_(is_early, -torch.inf)
        if not may_repeat:
            log_probs[self._repetitions(past)] = -torch.inf
        is_stuck = log_probs.amax(dim=2) == -torch.inf
        log_probs[:, :, self.eos] = torch.where(is_stuck, end, log_probs[:, :, self.eos])

    def _only_choice(self, length: int) -> Int[Tensor, " batch"]:
        """The token that must come next in each sentence; FREE where there is a choice."""
        is_full = length >= self.maximum
        only = torch.full_like(self.maximum, FREE).masked_fill(is_full, self.eos)
        if length < self.prefix.shape[1]:
            only = torch.where(self.prefix[:, length] == FREE, only, self.prefix[:, length])
        return only

    def _repetitions(self, past: Int[Tensor, "batch beam time"]) -> tuple[Tensor, ...]:
        """Sentence, beam and token of each n-gram that would come twice."""
        n, length = self.no_repeat_ngram, past.shape[2]
        ngrams = past.unfold(2, n, 1)  # batch beam start n
        is_same = (ngrams[..., :-1] == past[:, :, None, length - n + 1 :]).all(dim=3)
        starts = torch.arange(ngrams.shape[2], device=past.device)
        in_prefix = starts < (self.prefix != FREE).sum(dim=1, keepdim=True)  # batch start
        places = (is_same & ~in_prefix[:, None]).nonzero(as_tuple=True)
        return (*places[:2], ngrams[..., -1][places])


def _check(eos: int, sentences: int, prefixes: Sequence[Sequence[int]], banned: Sequence[int]) -> None:
    if eos in banned:
        raise ValueError(f"decoding.banned: {eos} is EOS, without which no answer could end")
    if len(prefixes) != sentences:
        raise ValueError(f"{len(prefixes)} prefixes for {sentences} sentences: expected one for each")
    for number, prefix in enumerate(prefixes):
        if any(token == eos or token < 0 for token in prefix):
            raise ValueError(f"prefix {number}, {list(prefix)}: expected ids ≥ 0 without EOS ({eos})")
