"""Lightning's view of the data: loaders of steps and of evaluation batches."""

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np
import pytorch_lightning as pl
import torch

from attendo.data.augmentation import TokenAugmentation
from attendo.data.batches import (
    Batch,
    ClassificationBatch,
    Collate,
    Seq2SeqBatch,
    collate_classification,
    collate_seq2seq,
    side_lengths,
)
from attendo.data.batching import BatchSizes, MicroBatch, StepPlan, evaluation_batches, share_of_rank
from attendo.data.bpe_dropout import BpeDropout, SubwordSampler
from attendo.data.copying import Copying
from attendo.data.labels import label_groups
from attendo.data.loader import StepLoader
from attendo.data.preparation import PreparedData, Split
from attendo.data.sampling import Sampling
from attendo.data.tables import Rows
from attendo.suggestions import did_you_mean


class TextDataModule(pl.LightningDataModule):
    """Batches of prepared data.

    A training item is a list: the micro-batches of one optimizer step on this rank. Order depends on
    (seed, epoch) alone, and the place in it on the trainer's global step.

    Args:
        sampling: "natural": every training row once in an epoch; "balanced": every class equally often.
        augmentation: of the training texts; None: none.
        subword_dropout: of the training texts; None: none. Batches are planned without it; then a step's rows
            are divided into micro-batches with it.
        copies: whether the model copies, so that batches have what it can copy.

    Raises:
        ValueError: what these data cannot have, or a row that no micro-batch holds.
    """

    def __init__(
        self,
        data: PreparedData,
        sizes: BatchSizes,
        seed: int,
        sampling: Sampling = "natural",
        augmentation: TokenAugmentation | None = None,
        subword_dropout: BpeDropout | None = None,
        copies: bool = False,
    ) -> None:
        super().__init__()
        check_sampling(sampling, data)
        is_augmented = augmentation is not None and augmentation.is_on
        if is_augmented and not data.is_labelled:
            raise ValueError(
                "regularization.token_drop, token_swap and token_mask are for labelled texts, and the data "
                "has sources and targets: set them to 0"
            )
        self.data, self.sizes, self.seed, self.sampling = data, sizes, seed, sampling
        self.augmentation = augmentation if is_augmented else None
        self.collate: Collate = collate_classification if data.is_labelled else collate_seq2seq
        self.copying = Copying(data.tokenizers["source"], data.tokenizers["target"]) if copies else None
        for split in data.splits.values():
            sizes.check_fits(side_lengths(split.ids.columns))
        self.sampler = None
        if subword_dropout is not None and subword_dropout.is_on and "train" in data.splits:
            self.sampler = SubwordSampler(subword_dropout, data.splits["train"], data.tokenizers, seed)
            sizes.check_fits(self.sampler.largest)

    def train_dataloader(self) -> StepLoader[list[Batch]]:
        split = self.data.splits["train"]
        classes = None
        if self.sampling == "balanced":
            assert split.labels is not None
            classes = label_groups(split.labels)
        plan = StepPlan(side_lengths(split.ids.columns), self.sizes, self.seed, classes)

        def build(epoch: int, step: int) -> list[Batch]:
            if self.sampler is not None:
                return self.resegmented(self.sampler, plan.rows(epoch, step), epoch)
            parts = plan.micro_batches(epoch, step, *self.rank_and_ranks())
            return [self.augmented(self.collated(split, part, with_raw=False), epoch) for part in parts]

        return StepLoader(build, lambda: self.place(plan.steps), plan.steps)

    def resegmented(self, sampler: SubwordSampler, rows: Rows, epoch: int) -> list[Batch]:
        """A step's micro-batches with other subwords; every rank draws all rows, to know their number."""
        drawn, budget = sampler.drawn(rows, epoch), self.sizes.tokens_per_micro_batch
        lengths = side_lengths(drawn.ids.columns)
        parts = share_of_rank(np.arange(len(rows)), lengths, budget, *self.rank_and_ranks())
        batches = [self.collated(drawn, part, with_raw=False) for part in parts]
        return [self.augmented(replace(b, rows=torch.from_numpy(rows)[b.rows]), epoch) for b in batches]

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
        batch = self.collate(split, part.rows, part.is_filler, with_raw)
        if self.copying is None:
            return batch
        assert isinstance(batch, Seq2SeqBatch)
        return self.copying.offered(batch, split)

    def augmented(self, batch: Batch, epoch: int) -> Batch:
        if self.augmentation is None:
            return batch
        assert isinstance(batch, ClassificationBatch)
        return self.augmentation.noisy(batch, self.seed, epoch)

    def transfer_batch_to_device(
        self, batch: Batch | list[Batch], device: torch.device, dataloader_idx: int
    ) -> Batch | list[Batch]:
        return [part.to(device) for part in batch] if isinstance(batch, list) else batch.to(device)


def check_sampling(sampling: str, data: PreparedData) -> None:
    """Raises ValueError if the data cannot be sampled so."""
    if sampling not in get_args(Sampling):
        hint = did_you_mean(str(sampling), get_args(Sampling))
        raise ValueError(f"data.sampling={sampling}: expected {' or '.join(get_args(Sampling))}.{hint}")
    if sampling == "balanced" and not data.is_labelled:
        raise ValueError("data.sampling=balanced: sources and targets have no classes; use natural")
    if sampling == "balanced" and data.is_multilabel:
        raise ValueError("data.sampling=balanced: rows with several labels are of no one class; use natural")


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
