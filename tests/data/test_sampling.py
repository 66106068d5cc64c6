"""Balanced sampling: counted by hand, over epochs, ranks and micro-batches."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_files import FakeTrainer

from attendo.data import BatchSizes, PreparedData, TextDataModule
from attendo.data.batching import StepPlan
from attendo.data.datamodule import check_sampling
from small_runs import Rows, prepared

unhurried = settings(deadline=None)  # the machine may be busy
SIZES = BatchSizes(tokens_per_step=None, sentences_per_step=16, tokens_per_micro_batch=60, pool_steps=2)
SHARES = {"often": 70, "seldom": 21, "once": 1, "twice": 2}


def plan_of(classes: list[int], sentences: int, seed: int = 0) -> StepPlan:
    lengths = np.ones((len(classes), 1), np.int32)
    return StepPlan(lengths, BatchSizes(None, sentences, 10, 3), seed, np.array(classes))


@unhurried
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=60),
    st.integers(1, 70),
    st.integers(0, 3),
    st.integers(0, 9),
)
def test_every_class_and_within_it_every_row_is_drawn_equally_often(
    classes: list[int], sentences: int, seed: int, epoch: int
) -> None:
    steps = plan_of(classes, sentences, seed).plan_epoch(epoch)
    natural = StepPlan(np.ones((len(classes), 1), np.int32), BatchSizes(None, sentences, 10, 3), seed)
    assert len(steps) == natural.steps and all(1 <= len(rows) <= sentences for rows in steps)
    drawn = Counter(int(row) for rows in steps for row in rows)
    assert sum(drawn.values()) == len(classes)  # as many as there are
    by_class = Counter({name: 0 for name in classes})
    for row, times in drawn.items():
        by_class[classes[row]] += times
    assert max(by_class.values()) - min(by_class.values()) <= 1
    for name in set(classes):
        times = [drawn[row] for row, other in enumerate(classes) if other == name]
        assert max(times) - min(times) <= 1


def test_a_frequent_class_shows_another_part_in_every_epoch_and_all_of_it_in_time() -> None:
    classes = [0] * 90 + [1] * 10
    plan = plan_of(classes, 20)
    parts = [{int(row) for rows in plan.plan_epoch(epoch) for row in rows if row < 90} for epoch in range(30)]
    assert {len(part) for part in parts} == {50}
    assert len({frozenset(part) for part in parts}) == 30
    assert set().union(*parts) == set(range(90))
    counts = Counter(row for part in parts for row in part)
    assert min(counts.values()) >= 7 and max(counts.values()) <= 26  # 30 · 5/9 ± 3.7 standard deviations


def test_order_is_a_function_of_seed_and_epoch() -> None:
    classes = [0] * 40 + [1] * 5

    def epochs(plan: StepPlan) -> list[list[list[int]]]:
        return [[rows.tolist() for rows in plan.plan_epoch(epoch)] for epoch in (3, 1)]

    first = epochs(plan_of(classes, 6))
    assert epochs(plan_of(classes, 6)) == first and first[0] != first[1]
    assert epochs(plan_of(classes, 6, seed=1)) != first


def test_steps_of_tokens_cost_what_they_cost_without_balance() -> None:
    generator = np.random.default_rng(0)
    classes = (generator.random(4000) < 0.05).astype(np.int64)
    lengths = np.where(classes, 60, generator.integers(5, 16, 4000)).astype(np.int32)[
        :, None
    ]  # rare, long texts
    sizes = BatchSizes(2000, None, 4000, 10)
    natural, balanced = StepPlan(lengths, sizes, 0), StepPlan(lengths, sizes, 0, classes)
    assert natural.steps == balanced.steps
    steps = balanced.plan_epoch(0)
    assert all(abs(int(lengths[rows].sum()) - 2000) < 150 for rows in steps)
    counts = np.bincount(classes[np.concatenate(steps)])
    assert abs(int(counts[0]) - int(counts[1])) <= 1


# ------------------------------------------------------------------------------------------ the data module
@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    names = [name for name, count in SHARES.items() for _ in range(count)]
    rows = [(" ".join(["word"] * (1 + n % 9)), name) for n, name in enumerate(names)]
    splits = {"train": rows, "validation": rows[:75], "test": rows[:3]}
    return prepared(tmp_path_factory.mktemp("cache"), Rows(("text", "label"), splits))


def row_lists(data: PreparedData, sizes: BatchSizes = SIZES, **trainer: int) -> list[list[int]]:
    module = TextDataModule(data, sizes, 1, sampling="balanced")
    module.trainer = FakeTrainer(num_training_batches=6, **trainer)  # type: ignore[assignment]
    steps = module.train_dataloader()
    return [sorted(int(row) for part in step if part.sentence_count for row in part.rows) for step in steps]


def test_an_epoch_has_every_class_equally_often(texts: PreparedData) -> None:
    labels = texts.splits["train"].labels
    assert labels is not None and len(labels) == 94
    counts = Counter(texts.labels[labels[row]] for rows in row_lists(texts) for row in rows)
    assert set(counts) == set(SHARES) and set(counts.values()) <= {23, 24}


def test_ranks_micro_batches_and_resuming_see_the_same_steps(texts: PreparedData) -> None:
    alone = row_lists(texts)
    ranks = [row_lists(texts, global_rank=rank, world_size=2) for rank in range(2)]
    assert [sorted([*one, *other]) for one, other in zip(*ranks, strict=True)] == alone
    assert row_lists(texts, replace(SIZES, tokens_per_micro_batch=10_000)) == alone
    second = row_lists(texts, global_step=6)
    assert second != alone and row_lists(texts, global_step=6 + 4) == second[4:]


def test_evaluation_sees_every_row_once_all_the_same(texts: PreparedData) -> None:
    module = TextDataModule(texts, SIZES, 1, sampling="balanced")
    assert sorted(int(r) for batch in module.val_dataloader() for r in batch.rows) == list(range(75))


def test_what_has_no_one_class_a_row_is_refused(texts: PreparedData, pairs: PreparedData) -> None:
    for data, message in (
        (pairs, "sources and targets have no classes"),
        (replace(texts, is_multilabel=True), "rows with several labels are of no one class"),
    ):
        with pytest.raises(ValueError, match=rf"data\.sampling=balanced: {message}"):
            TextDataModule(data, SIZES, 1, sampling="balanced")


def test_another_name_is_an_error_with_the_nearest(texts: PreparedData) -> None:
    with pytest.raises(ValueError, match=r'data\.sampling=balance: .*balanced\. Did you mean "balanced"'):
        check_sampling("balance", texts)
