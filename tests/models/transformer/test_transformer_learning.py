"""The model must learn to copy, reverse and sort, and must not when its source tells it nothing."""

from collections.abc import Callable

import pytest
import torch

from attendo.decoding import greedy
from attendo.models.transformer import TransformerSeq2Seq
from attendo.tokenization import BOS, EOS, PAD

DIGITS, LONGEST, BATCH = 10, 8, 64
STEPS = {"copy": 250, "reverse": 300, "sort": 250}
TASKS: dict[str, Callable[[list[int]], list[int]]] = {
    "copy": list,
    "reverse": lambda digits: digits[::-1],
    "sort": sorted,
}


def padded(rows: list[list[int]]) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def draw(task: Callable[[list[int]], list[int]], count: int) -> tuple[torch.Tensor, list[list[int]]]:
    """Sources that end with EOS, and the answers to them."""
    lengths = torch.randint(2, LONGEST + 1, (count,)).tolist()
    rows = [torch.randint(4, 4 + DIGITS, (length,)).tolist() for length in lengths]
    return padded([[*row, EOS] for row in rows]), [task(row) for row in rows]


def train(
    model: TransformerSeq2Seq, task: Callable[[list[int]], list[int]], steps: int, shuffled: bool
) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(steps):
        source, answers = draw(task, BATCH)
        if shuffled:
            source = source[torch.randperm(BATCH)]
        targets = padded([[*answer, EOS] for answer in answers])
        inputs = padded([[BOS, *answer] for answer in answers])
        log_probs = model.output(model(source, source == PAD, inputs))
        loss = torch.nn.functional.nll_loss(log_probs.mT, targets, ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def exact_match(model: TransformerSeq2Seq, task: Callable[[list[int]], list[int]]) -> float:
    model.eval()
    source, answers = draw(task, 200)
    state, limits = model.start(model.encode(source, source == PAD)), torch.full((200,), 2 * LONGEST)
    found = greedy(model.step, state, bos=BOS, eos=EOS, maximum_lengths=limits, banned=(PAD, BOS))
    return sum(ours == right for ours, right in zip(found, answers, strict=True)) / len(answers)


def learned(build, task: str, steps: int, shuffled: bool = False, **keywords: object) -> float:
    model = build(vocabulary_sizes=(14, 14), width=32, heads=4, feed_forward_size=64, **keywords)
    train(model, TASKS[task], steps, shuffled)
    return exact_match(model, TASKS[task])


@pytest.mark.parametrize("task", TASKS)
def test_a_small_transformer_learns(build, task):
    assert learned(build, task, STEPS[task]) > 0.9


def test_with_shuffled_sources_it_stays_at_chance(build):
    assert learned(build, "copy", STEPS["copy"], shuffled=True) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
@pytest.mark.parametrize("tied_embeddings", ["none", "all"])
def test_every_variant_learns(build, task, norm, positions, tied_embeddings):
    keywords = {"norm": norm, "positions": positions, "tied_embeddings": tied_embeddings}
    assert learned(build, task, 3 * STEPS[task], **keywords) > 0.9
