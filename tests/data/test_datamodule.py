"""What Lightning is given: ranks' shares, the place in the data, evaluation loaders."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from text_files import FakeTrainer

from attendo.data import Batch, BatchSizes, ClassificationBatch, PreparedData, Seq2SeqBatch, TextDataModule
from small_runs import module_of

SIZES = BatchSizes(tokens_per_step=None, sentences_per_step=20, tokens_per_micro_batch=60, pool_steps=2)
STEPS = 5  # 96 training rows


def module_on(data: PreparedData, trainer: FakeTrainer, sizes: BatchSizes = SIZES) -> TextDataModule:
    module = module_of(data, sizes)
    module.trainer = trainer  # type: ignore[assignment]
    return module


def steps(data: PreparedData, sizes: BatchSizes = SIZES, **trainer: int) -> list[list[Batch]]:
    return list(module_on(data, FakeTrainer(**trainer), sizes).train_dataloader())


def row_lists(steps: Sequence[Sequence[Batch]]) -> list[list[int]]:
    """Rows of every step, fillers left out."""
    return [[int(row) for part in step if part.sentence_count for row in part.rows] for step in steps]


def test_an_epoch_has_every_row_once_as_micro_batches_of_tensors(data: PreparedData) -> None:
    epoch = steps(data)
    kind = ClassificationBatch if data.labels else Seq2SeqBatch
    assert all(isinstance(part, kind) for step in epoch for part in step)
    assert len(epoch) == STEPS and max(map(len, epoch)) > 1
    assert sorted(row for rows in row_lists(epoch) for row in rows) == list(range(96))
    assert all(part.padded_tokens <= SIZES.tokens_per_micro_batch for step in epoch for part in step)
    assert all(part.raw == {} for step in epoch for part in step)


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_share_the_rows_of_every_step_in_equally_many_micro_batches(
    data: PreparedData, ranks: int
) -> None:
    alone = row_lists(steps(data))
    shares = [steps(data, global_rank=rank, world_size=ranks) for rank in range(ranks)]
    for step in range(STEPS):
        parts = [share[step] for share in shares]
        assert len({len(part) for part in parts}) == 1
        together = [row for part in parts for row in row_lists([part])[0]]
        assert sorted(together) == sorted(alone[step])
        assert sum(p.sentence_count for part in parts for p in part) == len(alone[step])


def test_the_micro_batch_changes_no_step(data: PreparedData) -> None:
    large = steps(data, replace(SIZES, tokens_per_micro_batch=10_000))
    assert [len(step) for step in large] == [1] * STEPS
    assert [sorted(rows) for rows in row_lists(large)] == [sorted(rows) for rows in row_lists(steps(data))]


def test_the_place_follows_from_the_global_step(data: PreparedData) -> None:
    first, second = row_lists(steps(data)), row_lists(steps(data, global_step=STEPS))
    assert first != second
    assert row_lists(steps(data, global_step=STEPS + 3)) == second[3:]
    assert row_lists(steps(data)) == first


def test_fewer_steps_per_epoch_are_a_prefix_of_each_epoch(data: PreparedData) -> None:
    limited = {"num_training_batches": 2}
    assert row_lists(steps(data, **limited)) == row_lists(steps(data))[:2]
    second = row_lists(steps(data, global_step=STEPS))
    assert row_lists(steps(data, global_step=2, **limited)) == second[:2]
    assert row_lists(steps(data, global_step=3, **limited)) == second[1:2]


def test_overfitting_sees_the_same_steps_in_every_epoch(data: PreparedData) -> None:
    overfit = {"num_training_batches": 2, "overfit_batches": 2}
    first = row_lists(steps(data, **overfit))
    assert row_lists(steps(data, global_step=2, **overfit)) == first
    assert row_lists(steps(data, global_step=7, **overfit)) == first[1:]


def test_the_seed_decides_the_order(data: PreparedData) -> None:
    other = TextDataModule(data, SIZES, seed=2)
    other.trainer = FakeTrainer()  # type: ignore[assignment]
    assert row_lists(list(other.train_dataloader())) != row_lists(steps(data))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_an_evaluation_sees_every_row_once_over_all_ranks_with_its_texts(
    data: PreparedData, ranks: int
) -> None:
    for name, rows in (("validation", 23), ("test", 17)):
        seen: list[int] = []
        loaders = [module_on(data, FakeTrainer(rank, ranks)) for rank in range(ranks)]
        shares = [m.val_dataloader() if name == "validation" else m.test_dataloader() for m in loaders]
        assert len({len(share) for share in shares}) == 1
        for share in shares:
            parts = list(share)
            assert len(parts) == len(share)
            assert row_lists([list(share)]) == row_lists([parts])  # as often as it is asked for
            for part in parts:
                for role, raw in part.raw.items():
                    assert list(raw) == data.splits[name].raw(role, part.rows.numpy())
                assert set(part.raw) == ({"text"} if data.labels else {"source", "target"})
            seen += row_lists([parts])[0]
        assert sorted(seen) == list(range(rows))


def test_without_a_trainer_there_is_one_rank(data: PreparedData) -> None:
    assert sum(batch.sentence_count for batch in module_of(data, SIZES).val_dataloader()) == 23


def test_batches_move_to_the_device_as_lists_and_alone(data: PreparedData) -> None:
    module, meta = module_of(data, SIZES), torch.device("meta")
    step = steps(data)[0]
    moved = module.transfer_batch_to_device(step, meta, 0)
    assert isinstance(moved, list)
    assert [part.weight.device.type for part in moved] == ["meta"] * len(step)
    alone = module.transfer_batch_to_device(step[0], meta, 0)
    assert isinstance(alone, Batch) and alone.rows.device.type == "meta"


def test_a_split_that_is_missing_is_an_error_with_a_cure(data: PreparedData) -> None:
    module = module_of(replace(data, splits={"train": data.splits["train"]}), SIZES)
    with pytest.raises(ValueError, match=r"no validation split: .*data\.validation_fraction"):
        module.val_dataloader()


def test_a_row_that_no_micro_batch_holds_is_an_error_before_training(data: PreparedData) -> None:
    with pytest.raises(ValueError, match=r"longest row has \d+ tokens; data\.tokens_per_micro_batch=3"):
        module_of(data, replace(SIZES, tokens_per_micro_batch=3))
