"""What the models see: frozen dataclasses of padded tensors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

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
        raw: role → raw texts, in batches to evaluate on (empty in training); "references" → all target texts
            of each row, where some have several.
        real_tokens: tokens that are not padding (a number: asking for it does not wait for the device).
        padded_tokens: tokens with padding.
        sentence_count: sum of weights.
        target_count: target tokens with EOS, fillers left out; 0 without targets.
    """

    weight: Float[Tensor, " batch"]
    rows: Int[Tensor, " batch"]
    raw: Mapping[str, Sequence[Any]]
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
    """Labelled texts, or pairs of them.

    Attributes:
        labels: class ids; of multi-label data 1 for each label that a row has, and 0 for the others.
        tokens_b, is_padding_b: the second text of pairs.
    """

    tokens: Int[Tensor, "batch time"]
    is_padding: Bool[Tensor, "batch time"]
    labels: Int[Tensor, " batch"] | Float[Tensor, "batch label"]
    tokens_b: Int[Tensor, "batch time_b"] | None = None
    is_padding_b: Bool[Tensor, "batch time_b"] | None = None


@dataclass(frozen=True)
class Seq2SeqBatch(Batch):
    """Pairs. The source ends with EOS; the decoder reads BOS + target and has to answer target + EOS.

    Attributes:
        copy_ids: the source's tokens by the ids that they have as targets; None where nothing is copied.
        unknown_words: of the whole batch; the target id V + i stands for number i, with V the size of the
            target's vocabulary. Among ``targets`` are those that the row's own source has; ``target_inputs``
            have UNK for them.
    """

    source: Int[Tensor, "batch source"]
    source_is_padding: Bool[Tensor, "batch source"]
    target_inputs: Int[Tensor, "batch target"]
    targets: Int[Tensor, "batch target"]
    target_is_padding: Bool[Tensor, "batch target"]
    copy_ids: Int[Tensor, "batch source"] | None = None
    unknown_words: tuple[str, ...] = ()


@runtime_checkable
class Collate(Protocol):
    """Turns rows of a split into a micro-batch."""

    def __call__(self, split: Split, rows: Rows, is_filler: bool, with_raw: bool) -> Batch: ...


def collate_classification(split: Split, rows: Rows, is_filler: bool, with_raw: bool) -> ClassificationBatch:
    assert split.labels is not None
    sides = [torch.from_numpy(column.padded(rows, PAD)) for column in split.ids.columns.values()]
    are_padding = [tokens == PAD for tokens in sides]
    padded_tokens = sum(tokens.numel() for tokens in sides)
    labels = torch.from_numpy(split.labels[rows])
    return ClassificationBatch(
        weight=weights(rows, is_filler),
        rows=torch.from_numpy(rows),
        raw=raw_texts(split, rows) if with_raw else {},
        real_tokens=padded_tokens - sum(int(is_padding.sum()) for is_padding in are_padding),
        padded_tokens=padded_tokens,
        sentence_count=0 if is_filler else len(rows),
        target_count=0,
        tokens=sides[0],
        is_padding=are_padding[0],
        labels=labels.float() if labels.dtype == torch.bool else labels,
        tokens_b=sides[1] if len(sides) > 1 else None,
        is_padding_b=are_padding[1] if len(sides) > 1 else None,
    )


def collate_seq2seq(split: Split, rows: Rows, is_filler: bool, with_raw: bool) -> Seq2SeqBatch:
    source = torch.from_numpy(split.ids.columns["source"].padded(rows, PAD, end=EOS))
    targets = torch.from_numpy(split.ids.columns["target"].padded(rows, PAD, end=EOS))
    source_is_padding, target_is_padding = source == PAD, targets == PAD
    target_tokens = targets.numel() - int(target_is_padding.sum())
    return Seq2SeqBatch(
        weight=weights(rows, is_filler),
        rows=torch.from_numpy(rows),
        raw=raw_texts(split, rows) if with_raw else {},
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


def padded(rows: Iterable[Sequence[int]]) -> Int[Tensor, "row time"]:
    """Lists of ids as a matrix."""
    return pad_sequence([torch.tensor(ids) for ids in rows], batch_first=True, padding_value=PAD)


def weights(rows: Rows, is_filler: bool) -> Tensor:
    return torch.zeros(len(rows)) if is_filler else torch.ones(len(rows))


def raw_texts(split: Split, rows: Rows) -> dict[str, Sequence[Any]]:
    raw: dict[str, Sequence[Any]] = {role: split.raw(role, rows) for role in split.ids.columns}
    references = split.references(rows)
    return {**raw, "references": references} if any(len(texts) > 1 for texts in references) else raw


def side_lengths(columns: Mapping[str, IdColumn]) -> Lengths:
    """Tokens that each row takes in a batch, (row, side): source and target carry EOS (or BOS) besides."""
    extra = np.int32("text" not in columns)
    return np.stack([column.lengths + extra for column in columns.values()], axis=1)
