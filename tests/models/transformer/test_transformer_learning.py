"""The model must learn to copy, reverse and sort, and must not when its source tells it nothing."""

from collections.abc import Callable

import pytest
import torch

from attendo.decoding import Constraints, greedy_search
from attendo.models.layers.multi_head_attention import CrossAttention
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


def draw(
    task: Callable[[list[int]], list[int]], count: int, shortest: int = 2
) -> tuple[torch.Tensor, list[list[int]]]:
    """Sources that end with EOS, and the answers to them."""
    lengths = torch.randint(shortest, LONGEST + 1, (count,)).tolist()
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


def exact_match(model: TransformerSeq2Seq, task: Callable[[list[int]], list[int]], shortest: int) -> float:
    model.eval()
    source, answers = draw(task, 200, shortest)
    rules = Constraints.of(EOS, torch.full((200,), 2 * LONGEST), banned=(PAD, BOS))
    found = greedy_search(model.step, model.start(model.encode(source, source == PAD)), rules, bos=BOS)
    return sum(best.ids == right for (best,), right in zip(found, answers, strict=True)) / len(answers)


def learned(
    build, task: str, steps: int, shuffled: bool = False, shortest: int = 2, **keywords: object
) -> float:
    model = build(vocabulary_sizes=(14, 14), width=32, heads=4, feed_forward_size=64, **keywords)
    train(model, TASKS[task], steps, shuffled)
    return exact_match(model, TASKS[task], shortest)


OTHERS = [pytest.param(task, marks=pytest.mark.slow) for task in TASKS if task != "reverse"]


@pytest.mark.parametrize("task", ["reverse", *OTHERS])
def test_a_small_transformer_learns(build, task):
    assert learned(build, task, STEPS[task]) > 0.9


@pytest.mark.slow
def test_with_shuffled_sources_it_stays_at_chance(build):
    assert learned(build, "copy", STEPS["copy"], shuffled=True) < 0.05


ONE_LSTM = {"decoder": "lstm", "decoder_layers": 1}


@pytest.mark.slow
def test_a_recurrent_decoder_learns_to_reverse_the_longest(build):
    assert learned(build, "reverse", 400, shortest=LONGEST, **ONE_LSTM) > 0.8


@pytest.mark.slow
def test_without_its_attention_it_does_not(build, monkeypatch):
    """All it then has of the source is where its recurrence begins."""
    monkeypatch.setattr(CrossAttention, "forward", lambda self, states, *memory: torch.zeros_like(states))
    assert learned(build, "reverse", 400, shortest=LONGEST, **ONE_LSTM) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("cell", ["gru", "janet", "indrnn"])
def test_every_cell_learns(build, task, cell):
    assert learned(build, task, 3 * STEPS[task], decoder=cell, decoder_layers=1) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ["gelu", "silu", "swiglu"])
def test_every_activation_learns_beside_rms_norm(build, task, activation):
    assert learned(build, task, 3 * STEPS[task], activation=activation, normalization="rms") > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
@pytest.mark.parametrize("tied_embeddings", ["none", "all"])
def test_every_variant_learns(build, task, norm, positions, tied_embeddings):
    keywords = {"norm": norm, "positions": positions, "tied_embeddings": tied_embeddings}
    assert learned(build, task, 3 * STEPS[task], **keywords) > 0.9
