"""A model for tests of search: random distributions, always the same after the same tokens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

BOS, EOS = 0, 1


@dataclass(frozen=True)
class History:
    """The tokens read so far, after a column that tells the sentences apart."""

    tokens: Int[Tensor, "row time"]

    def select(self, rows: Int[Tensor, " row"]) -> "History":
        return History(self.tokens[rows])


@dataclass
class RandomLanguage:
    """p(token | sentence, tokens before it), drawn at random; the larger the sharpness, the surer.

    Attributes:
        rows: of each step that was asked for.
    """

    vocab: int
    seed: int = 0
    sharpness: float = 2.0
    end: float = 0.0  # added to the logit of EOS
    rows: list[int] = field(default_factory=list)
    known: dict[tuple[int, ...], Tensor] = field(default_factory=dict)

    def after(self, sentence: int, tokens: list[int]) -> Float[Tensor, " vocab"]:
        """Log-probabilities of the next token."""
        key = (self.seed, sentence, *tokens)
        if key not in self.known:
            generator = torch.Generator().manual_seed(hash(key) % 2**31)
            logits = torch.randn(self.vocab, generator=generator, dtype=torch.float64) * self.sharpness
            logits[EOS] += self.end
            self.known[key] = logits.log_softmax(0)
        return self.known[key]

    def start(self, sentences: list[int]) -> History:
        return History(torch.tensor(sentences, dtype=torch.long)[:, None])

    def step(self, last_tokens: Tensor, state: History) -> tuple[Tensor, History]:
        self.rows.append(len(last_tokens))
        tokens = torch.cat([state.tokens, last_tokens[:, None]], dim=1)
        after = [self.after(row[0], row[2:]) for row in tokens.tolist()]
        return torch.stack(after) if after else torch.zeros(0, self.vocab), History(tokens)

    def log_prob(self, sentence: int, ids: list[int], has_end: bool = True) -> float:
        """Of an answer, token by token."""
        read = [*ids, EOS] if has_end else ids
        return sum(self.after(sentence, read[:place])[token].item() for place, token in enumerate(read))

    def answers(self, sentence: int, longest: int, banned: tuple[int, ...] = (BOS,)) -> Iterator[list[int]]:
        """Every answer there is."""
        tokens = [token for token in range(self.vocab) if token not in (EOS, *banned)]
        level: list[list[int]] = [[]]
        for _ in range(longest + 1):
            yield from level
            level = [[*ids, token] for ids in level for token in tokens]

    def slow_beam(
        self, sentence: int, size: int, longest: int, score: Callable[[float, int], float], first_only: bool
    ) -> list[tuple[float, list[int]]]:
        """Beam search without tensors, which goes on until nothing is left (or `size` have ended)."""
        live: list[tuple[float, list[int]]] = [(0.0, [])]
        finished: list[tuple[float, list[int]]] = []
        while live:
            found = []
            for log_prob, ids in live:
                for token, of_token in enumerate(self.after(sentence, ids).tolist()):
                    if token != BOS and (len(ids) < longest or token == EOS):
                        found.append((log_prob + of_token, ids, token))
            found.sort(key=lambda each: -each[0])
            ended = [
                (score(log_prob, len(ids) + 1), ids) for log_prob, ids, token in found[:size] if token == EOS
            ]
            finished += ended[: size - len(finished)] if first_only else ended
            live = [(log_prob, [*ids, token]) for log_prob, ids, token in found if token != EOS][:size]
            if first_only and len(finished) == size:
                break
        return sorted(finished, key=lambda each: -each[0])


def penalized(name: str, alpha: float) -> Callable[[float, int], float]:
    """Scores by the formulas of the papers, without tensors; length counts EOS."""
    formulas: dict[str, Callable[[float, int], float]] = {
        "none": lambda log_prob, length: log_prob,
        "power": lambda log_prob, length: log_prob / length**alpha,
        "gnmt": lambda log_prob, length: log_prob / ((5 + length) ** alpha / (5 + 1) ** alpha),
    }
    return formulas[name]
