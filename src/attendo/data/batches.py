"""What the models see: frozen dataclasses of padded tensors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.data.batching import Lengths
from attendo.data.preparation import Split
from attendo.data.tables import IdColumn, Rows
from attendo.tokenization import BOS, EOS, PAD

AnyBatch = TypeVar("AnyBatch", bound="Batch")


@dataclass(frozen=True)
class Batch:
    """A micro-batch: sentences that fit memory together.

    Attributes:
        weight: 1 for a sentence, 0 for a filler that only evens out the number of micro-batches.
        rows: their rows in the split.
        raw: role → raw texts, in batches to evaluate on (empty in training).
        real_tokens: tokens that are not padding (a number: asking for it does not wait for the device).
        padded_tokens: tokens with padding.
        sentence_count: sum of weights.
        target_count: target tokens with EOS, fillers left out; 0 without targets.
    """

    weight: Float[Tensor, " batch"]
    rows: Int[Tensor, " batch"]
    raw: Mapping[str, Sequence[str]]
    real_tokens: int
    padded_tokens: int
    sentence_count: int
    target_count: int

    def to(self: AnyBatch, device: torch.device) -> AnyBatch:
        """The same batch on another device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True)
            for name, value in values.items()
            if isinstance(value, Tensor)
        }
        return replace(self, **moved)


@dataclass(frozen=True)
class ClassificationBatch(Batch):
    """Labelled texts."""

    tokens: Int[Tensor, "batch time"]
    is_padding: Bool[Tensor, "batch time"]
    labels: Int[Tensor, " batch"]


@dataclass(frozen=True)
class Seq2SeqBatch(Batch):
    """Pairs. The source ends with EOS; the decoder reads BOS + target and has to answer target + EOS."""

    source: Int[Tensor, "batch source"]
    source_is_padding: Bool[Tensor, "batch source"]
    target_inputs: Int[Tensor, "batch target"]
    targets: Int[Tensor, "batch target"]
    target_is_padding: Bool[Tensor, "batch target"]


@runtime_checkable
class Collate(Protocol):
    """Turns rows of a split into a micro-batch."""

    def __call__(self, split: Split, rows: Rows, is_filler: bool, with_raw: bool) -> Batch: ...


def collate_classification(split: Split, rows: Rows, is_filler: bool, with_raw: bool) -> ClassificationBatch:
    assert split.labels is not None
    tokens = torch.from_numpy(split.ids.columns["text"].padded(rows, PAD))
    is_padding = tokens == PAD
    return ClassificationBatch(
        weight=weights(rows, is_filler),
        rows=torch.from_numpy(rows),
        raw=raw_texts(split, rows, ("text",)) if with_raw else {},
        real_tokens=tokens.numel() - int(is_padding.sum()),
        padded_tokens=tokens.numel(),
        sentence_count=0 if is_filler else len(rows),
        target_count=0,
        tokens=tokens,
        is_padding=is_padding,
        labels=torch.from_numpy(split.labels[rows]),
    )


def collate_seq2seq(split: Split, rows: Rows, is_filler: bool, with_raw: bool) -> Seq2SeqBatch:
    source = torch.from_numpy(split.ids.columns["source"].padded(rows, PAD, end=EOS))
    targets = torch.from_numpy(split.ids.columns["target"].padded(rows, PAD, end=EOS))
    source_is_padding, target_is_padding = source == PAD, targets == PAD
    target_tokens = targets.numel() - int(target_is_padding.sum())
    return Seq2SeqBatch(
        weight=weights(rows, is_filler),
        rows=torch.from_numpy(rows),
        raw=raw_texts(split, rows, ("source", "target")) if with_raw else {},
        real_tokens=source.numel() - int(source_is_padding.sum()) + target_tokens,
        padded_tokens=source.numel() + targets.numel(),
        sentence_count=0 if is_filler else len(rows),
        target_count=0 if is_filler else target_tokens,
        source=source,
        source_is_padding=source_is_padding,
        target_inputs=decoder_inputs(targets),
        targets=targets,
        target_is_padding=target_is_padding,
    )


def decoder_inputs(targets: Int[Tensor, "batch target"]) -> Int[Tensor, "batch target"]:
    """What the decoder reads to answer with each target token: BOS, then the targets one place later."""
    beginning = torch.full_like(targets[:, :1], BOS)
    return torch.cat([beginning, targets[:, :-1]], dim=1).masked_fill(targets == PAD, PAD)


def weights(rows: Rows, is_filler: bool) -> Tensor:
    return torch.zeros(len(rows)) if is_filler else torch.ones(len(rows))


def raw_texts(split: Split, rows: Rows, roles: Sequence[str]) -> dict[str, list[str]]:
    return {role: split.raw(role, rows) for role in roles}


def side_lengths(columns: Mapping[str, IdColumn]) -> Lengths:
    """Tokens that each row takes in a batch, (row, side): a pair's sides carry EOS (or BOS) besides."""
    extra = np.int32("text" not in columns)
    return np.stack([column.lengths + extra for column in columns.values()], axis=1)
