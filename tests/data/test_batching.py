"""Steps and micro-batches: what design says of them, for any lengths."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendo.data import BatchSizes
from attendo.data.batching import (
    Lengths,
    MicroBatch,
    StepPlan,
    cut_to_fit,
    evaluation_batches,
    like_lengths,
)

unhurried = settings(deadline=None)  # the machine may be busy
LONGEST = 12  # tokens a side


def as_lengths(rows: Sequence[Sequence[int]]) -> Lengths:
    return np.array(rows, np.int32)


def step_sizes(
    tokens: int | None, sentences: int | None = None, micro_batch: int = 2 * LONGEST, pool: int = 3
) -> BatchSizes:
    return BatchSizes(tokens, sentences, micro_batch, pool)


def padded_size(lengths: Lengths, rows: np.ndarray) -> int:
    return len(rows) * int(lengths[rows].max(axis=0).sum())


side = st.integers(1, LONGEST)
one_or_two_sides = st.one_of(
    st.lists(st.tuples(side), min_size=1, max_size=60),
    st.lists(st.tuples(side, side), min_size=1, max_size=60),
).map(as_lengths)
per_step = st.one_of(
    st.tuples(st.integers(1, 300), st.none()),
    st.tuples(st.none(), st.integers(1, 70)),
)


@unhurried
@given(one_or_two_sides, per_step, st.integers(1, 5), st.integers(0, 3), st.integers(0, 5))
def test_every_epoch_has_every_row_once_in_the_same_number_of_steps(
    lengths: Lengths, size: tuple[int | None, int | None], pool: int, seed: int, epoch: int
) -> None:
    plan = StepPlan(lengths, step_sizes(*size, pool=pool), seed)
    steps = plan.rows_of_epoch(epoch)
    cost = lengths.sum() if size[0] else len(lengths)
    wanted = -(-int(cost) // (size[0] or size[1] or 0))
    assert len(steps) == plan.steps == min(wanted, len(lengths))
    assert all(len(rows) > 0 for rows in steps)
    assert sorted(np.concatenate(steps).tolist()) == list(range(len(lengths)))


@unhurried
@given(one_or_two_sides, st.integers(2 * LONGEST, 300), st.integers(1, 5), st.integers(0, 3))
def test_steps_cost_the_same_to_within_one_row(lengths: Lengths, tokens: int, pool: int, epoch: int) -> None:
    plan = StepPlan(lengths, step_sizes(tokens, pool=pool), 0)
    longest, fair = lengths.sum(axis=1).max(), lengths.sum() / plan.steps
    if fair > longest:  # otherwise a step may have to take a row that is more than its share
        for rows in plan.rows_of_epoch(epoch):
            assert abs(lengths[rows].sum() - fair) < longest


@unhurried
@given(one_or_two_sides, st.integers(1, 70))
def test_sentences_are_divided_evenly(lengths: Lengths, sentences: int) -> None:
    counts = [len(rows) for rows in StepPlan(lengths, step_sizes(None, sentences), 0).rows_of_epoch(0)]
    assert max(counts) <= sentences
    assert max(counts) - min(counts) <= 1


@unhurried
@given(one_or_two_sides, per_step, st.integers(1, 5), st.integers(2 * LONGEST, 200))
def test_a_step_depends_neither_on_ranks_nor_on_the_micro_batch(
    lengths: Lengths, size: tuple[int | None, int | None], ranks: int, budget: int
) -> None:
    plan = StepPlan(lengths, step_sizes(*size, micro_batch=budget), 0)
    alone = StepPlan(lengths, step_sizes(*size, micro_batch=10**6), 0)
    for step in range(plan.steps):
        shares = [plan.micro_batches(1, step, rank, ranks) for rank in range(ranks)]
        assert len({len(share) for share in shares}) == 1 and len(shares[0]) >= 1
        real = [part.rows for share in shares for part in share if not part.is_filler]
        assert sorted(np.concatenate(real).tolist()) == sorted(alone.rows_of_epoch(1)[step].tolist())
        assert all(padded_size(lengths, rows) <= budget for rows in real)
        fillers = [part.rows for share in shares for part in share if part.is_filler]
        assert all(len(rows) == 1 and rows[0] in alone.rows_of_epoch(1)[step] for rows in fillers)


@unhurried
@given(one_or_two_sides, st.integers(1, 5), st.integers(2 * LONGEST, 200))
def test_an_evaluation_has_every_row_once_over_all_ranks(lengths: Lengths, ranks: int, budget: int) -> None:
    sizes = step_sizes(10, micro_batch=budget)
    shares = [evaluation_batches(lengths, sizes, rank, ranks) for rank in range(ranks)]
    assert len({len(share) for share in shares}) == 1
    real = [part.rows for share in shares for part in share if not part.is_filler]
    assert sorted(np.concatenate(real).tolist()) == list(range(len(lengths)))
    assert all(padded_size(lengths, rows) <= budget for rows in real)


def test_an_empty_split_has_no_evaluation_batches() -> None:
    assert evaluation_batches(as_lengths(np.empty((0, 2), np.int32)), step_sizes(10), 0, 2) == []


@unhurried
@given(one_or_two_sides, st.integers(LONGEST, 100))
def test_micro_batches_are_cut_as_a_loop_that_adds_row_after_row_cuts_them(
    lengths: Lengths, budget: int
) -> None:
    expected: list[list[int]] = []
    for row in range(len(lengths)):
        grown = np.array([*(expected[-1] if expected else []), row])
        if not expected or padded_size(lengths, grown) > budget:
            expected.append([])
        expected[-1].append(row)
    assert [rows.tolist() for rows in cut_to_fit(np.arange(len(lengths)), lengths, budget)] == expected


def test_more_ranks_than_rows_get_fillers() -> None:
    plan = StepPlan(as_lengths([[3], [4]]), step_sizes(None, 2), 0)
    shares = [plan.micro_batches(0, 0, rank, 4) for rank in range(4)]
    assert [[part.is_filler for part in share] for share in shares] == [[False], [False], [True], [True]]


def epochs(plan: StepPlan, count: int) -> list[list[list[int]]]:
    return [[rows.tolist() for rows in plan.plan_epoch(epoch)] for epoch in range(count)]


def test_order_is_a_function_of_seed_and_epoch() -> None:
    lengths = multi30k_lengths(500)
    first = epochs(StepPlan(lengths, step_sizes(400, micro_batch=200), seed=1), 3)
    again = StepPlan(lengths, step_sizes(400, micro_batch=200), seed=1)
    again.rows_of_epoch(7)  # whatever came before
    assert epochs(again, 3) == first
    assert first[0] != first[1] != first[2] != first[0]
    assert epochs(StepPlan(lengths, step_sizes(400, micro_batch=200), seed=2), 3) != first


def test_epochs_differ_in_what_a_step_contains_not_only_in_the_order_of_steps() -> None:
    plan = StepPlan(multi30k_lengths(500), step_sizes(400, micro_batch=200), seed=1)
    first, second = ({frozenset(rows) for rows in epoch} for epoch in epochs(plan, 2))
    assert not first & second


def test_steps_of_like_length_do_not_follow_one_another() -> None:
    lengths = multi30k_lengths(29_000)
    plan = StepPlan(lengths, step_sizes(4096, micro_batch=16_384, pool=50), seed=0)
    means = np.array([lengths[rows].mean() for rows in plan.rows_of_epoch(0)])
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 0.25
    assert np.corrcoef(np.sort(means)[1:], np.sort(means)[:-1])[0, 1] > 0.9  # the control: were they sorted


def multi30k_lengths(count: int) -> Lengths:
    """Lengths as in English-German captions: mean 14, standard deviation 5, sides that correlate by 0.8."""
    generator = np.random.default_rng(0)
    source = np.clip(generator.gamma(8.0, 14 / 8, count).round(), 3, 60)
    target = np.clip((source * generator.normal(1.0, 0.25, count)).round(), 2, 60)
    return np.stack([source, target], axis=1).astype(np.int32) + 1


def padding_share(lengths: Lengths, parts: Sequence[MicroBatch]) -> float:
    real = sum(int(lengths[part.rows].sum()) for part in parts)
    return 1 - real / sum(padded_size(lengths, part.rows) for part in parts)


def share_of_epoch(lengths: Lengths, sizes: BatchSizes, ranks: int = 1) -> float:
    plan = StepPlan(lengths, sizes, seed=0)
    places = [(step, rank) for step in range(plan.steps) for rank in range(ranks)]
    return padding_share(lengths, [part for place in places for part in plan.micro_batches(0, *place, ranks)])


@pytest.mark.parametrize(("micro_batch", "ranks"), [(16_384, 1), (1024, 1), (1024, 4)])
def test_less_than_a_tenth_is_padding(micro_batch: int, ranks: int) -> None:
    lengths = multi30k_lengths(29_000)
    assert 0.7 < np.corrcoef(lengths.T)[0, 1] < 0.9
    sizes = step_sizes(4096, micro_batch=micro_batch, pool=50)
    assert share_of_epoch(lengths, sizes, ranks) < 0.1
    unsorted = step_sizes(4096, micro_batch=16_384, pool=1)
    assert share_of_epoch(lengths, unsorted) > 0.4  # the control: steps of sentences of any length


def test_a_pool_is_never_so_small_that_its_steps_are_padding() -> None:
    lengths = multi30k_lengths(29_000)
    fifty_one_steps = int(lengths.sum()) // 51 + 1

    def paddings(pool: int) -> list[float]:
        plan = StepPlan(lengths, step_sizes(fifty_one_steps, micro_batch=10**6, pool=pool), seed=0)
        assert plan.steps == 51
        return [padding_share(lengths, plan.micro_batches(0, step, 0, 1)) for step in range(51)]

    assert max(paddings(pool=50)) < min(paddings(pool=1))


def test_fillers_are_few() -> None:
    plan = StepPlan(multi30k_lengths(5000), step_sizes(4096, micro_batch=512, pool=50), seed=0)
    shares = [plan.micro_batches(0, step, rank, 4) for step in range(plan.steps) for rank in range(4)]
    parts = [part for share in shares for part in share]
    assert sum(part.is_filler for part in parts) < 0.05 * len(parts)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((None, None, 8, 8), r"data\.tokens_per_step=None and data\.sentences_per_step=None: give one of"),
        ((8, 8, 8, 8), r"data\.tokens_per_step=8 and data\.sentences_per_step=8: give one of the two"),
        ((0, None, 8, 8), r"data\.tokens_per_step=0: expected 1 or more"),
        ((None, 0, 8, 8), r"data\.sentences_per_step=0: expected 1 or more"),
        ((8, None, 0, 8), r"data\.tokens_per_micro_batch=0: expected 1 or more"),
        ((8, None, 8, 0), r"data\.pool_steps=0: expected 1 or more"),
    ],
)
def test_wrong_sizes_are_errors(values: tuple[int | None, int | None, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BatchSizes(*values)


def test_a_row_that_no_micro_batch_can_hold_is_an_error() -> None:
    lengths, sizes = as_lengths([[5, 6], [1, 1]]), step_sizes(100, micro_batch=10)
    for use in (lambda: StepPlan(lengths, sizes, 0), lambda: evaluation_batches(lengths, sizes, 0, 1)):
        with pytest.raises(ValueError, match=r"longest row has 11 tokens; data\.tokens_per_micro_batch=10"):
            use()


@pytest.mark.parametrize("budget", [1, 40, 10_000])
def test_batches_of_like_lengths_hold_every_row_once_within_the_budget(budget: int) -> None:
    lengths = np.random.default_rng(7).integers(1, 20, (300, 2)).astype(np.int32)
    batches = like_lengths(lengths, budget)
    assert sorted(row for rows in batches for row in rows.tolist()) == list(range(300))
    assert all(len(rows) == 1 or padded_size(lengths, rows) <= budget for rows in batches)
    longest = [int(lengths[rows].max()) for rows in batches]
    assert longest == sorted(longest, reverse=True)
    assert like_lengths(lengths[:0], budget) == []
