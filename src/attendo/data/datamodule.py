"""Lightning's view of the data: loaders of steps and of evaluation batches."""

from collections.abc import Iterator

import pytorch_lightning as pl
import torch

from attendo.data.batches import Batch, Collate, collate_classification, collate_seq2seq, side_lengths
from attendo.data.batching import BatchSizes, MicroBatch, StepPlan, evaluation_batches
from attendo.data.loader import StepLoader
from attendo.data.preparation import PreparedData, Split


class TextDataModule(pl.LightningDataModule):
    """Batches of prepared data.

    A training item is a list: the micro-batches of one optimizer step on this rank. Order depends on
    (seed, epoch) alone, and the place in it on the trainer's global step.
    """

    def __init__(self, data: PreparedData, sizes: BatchSizes, seed: int) -> None:
        super().__init__()
        self.data, self.sizes, self.seed = data, sizes, seed
        self.collate: Collate = collate_classification if data.is_labelled else collate_seq2seq
        for split in data.splits.values():
            sizes.check_fits(side_lengths(split.ids.columns))

    def train_dataloader(self) -> StepLoader[list[Batch]]:
        split = self.data.splits["train"]
        plan = StepPlan(side_lengths(split.ids.columns), self.sizes, self.seed)

        def build(epoch: int, step: int) -> list[Batch]:
            parts = plan.micro_batches(epoch, step, *self.rank_and_ranks())
            return [self.collated(split, part, with_raw=False) for part in parts]

        return StepLoader(build, lambda: self.place(plan.steps), plan.steps)

    def val_dataloader(self) -> "EvaluationLoader":
        return EvaluationLoader(self, "validation")

    def test_dataloader(self) -> "EvaluationLoader":
        return EvaluationLoader(self, "test")

    def place(self, steps: int) -> tuple[int, int, int]:
        """(epoch, first step, one past the last) from the optimizer steps done so far."""
        assert self.trainer is not None
        steps = min(steps, int(self.trainer.num_training_batches))  # trainer.limit_train_batches
        epoch, start = divmod(self.trainer.global_step, steps)
        return 0 if getattr(self.trainer, "overfit_batches", 0) else epoch, start, steps

    def rank_and_ranks(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def collated(self, split: Split, part: MicroBatch, with_raw: bool) -> Batch:
        return self.collate(split, part.rows, part.is_filler, with_raw)

    def transfer_batch_to_device(
        self, batch: Batch | list[Batch], device: torch.device, dataloader_idx: int
    ) -> Batch | list[Batch]:
        return [part.to(device) for part in batch] if isinstance(batch, list) else batch.to(device)


class EvaluationLoader:
    """Every row of a split once, over all ranks, with its raw texts.

    Raises:
        ValueError: the data has no such split.
    """

    def __init__(self, module: TextDataModule, split: str) -> None:
        if split not in module.data.splits:
            raise ValueError(
                f"the data has no {split} split: name a file for it, or hold rows out "
                "(data.validation_fraction, data.folds); trainer.limit_val_batches=0 does without validation"
            )
        self.module, self.split = module, module.data.splits[split]
        lengths = side_lengths(self.split.ids.columns)
        self.parts = evaluation_batches(lengths, module.sizes, *module.rank_and_ranks())

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Batch]:
        for part in self.parts:
            yield self.module.collated(self.split, part, with_raw=True)
