from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from attendo.decoding import greedy

VOCAB, BOS, EOS = 7, 2, 3


@dataclass(frozen=True)
class History:
    """The tokens read so far, after a column that tells the sentences apart."""

    tokens: Int[Tensor, "row time"]

    def select(self, rows: Int[Tensor, " row"]) -> "History":
        return History(self.tokens[rows])


def log_probs_after(tokens: list[int]) -> Tensor:
    """Random, but always the same after the same tokens."""
    generator = torch.Generator().manual_seed(hash(tuple(tokens)) % 2**31)
    return torch.randn(VOCAB, generator=generator).log_softmax(0)


class Steps:
    """A model that remembers everything, and counts the rows that it was asked for."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, last_tokens: Tensor, state: History) -> tuple[Tensor, History]:
        self.rows.append(len(last_tokens))
        tokens = torch.cat([state.tokens, last_tokens[:, None]], dim=1)
        return torch.stack([log_probs_after(row) for row in tokens.tolist()]), History(tokens)


def naive(sentence: int, limit: int, banned: tuple[int, ...] = ()) -> list[int]:
    answer: list[int] = []
    while len(answer) < limit:
        log_probs = log_probs_after([sentence, BOS, *answer]).tolist()
        best = max((token for token in range(VOCAB) if token not in banned), key=log_probs.__getitem__)
        if best == EOS:
            break
        answer.append(best)
    return answer


def test_greedy_takes_the_most_probable_token_of_each_row_until_its_end_or_limit():
    limits = [(7 * row) % 12 for row in range(40)]
    steps = Steps()
    answers = greedy(
        steps, History(torch.arange(40)[:, None]), bos=BOS, eos=EOS, maximum_lengths=torch.tensor(limits)
    )
    assert answers == [naive(row, limit) for row, limit in enumerate(limits)]
    lengths = [len(answer) for answer in answers]
    ended = [length < limit for length, limit in zip(lengths, limits, strict=True)]
    assert any(ended)
    assert not all(ended)
    reads = [length + end for length, end in zip(lengths, ended, strict=True)]
    assert steps.rows == [sum(read > step for read in reads) for step in range(max(reads))]


def test_banned_tokens_are_never_produced():
    answers = greedy(
        Steps(),
        History(torch.arange(20)[:, None]),
        bos=BOS,
        eos=EOS,
        maximum_lengths=torch.full((20,), 8),
        banned=(0, BOS, 5),
    )
    assert answers == [naive(row, 8, (0, BOS, 5)) for row in range(20)]
    unrestrained = [token for row in range(20) for token in naive(row, 8)]
    assert {0, BOS, 5} <= set(unrestrained)


def test_no_rows_and_no_room_give_empty_answers():
    nothing = torch.zeros(0, dtype=torch.long)
    assert greedy(Steps(), History(nothing[:, None]), bos=BOS, eos=EOS, maximum_lengths=nothing) == []
    state, limits = History(torch.arange(2)[:, None]), torch.zeros(2, dtype=torch.long)
    assert greedy(Steps(), state, bos=BOS, eos=EOS, maximum_lengths=limits) == [[], []]
