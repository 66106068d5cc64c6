"""Pictures of where a sequence-to-sequence model looks, in TensorBoard."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from attendo.callbacks.figures import is_shown, keep_first
from attendo.data import Seq2SeqBatch
from attendo.data.batches import decoder_inputs, padded
from attendo.figures import token_matrix
from attendo.models.transformer.attention_maps import attention_maps
from attendo.models.transformer.head_entropy import head_entropy
from attendo.tokenization import EOS, PAD, SPECIAL_TOKENS, Tokenizer

MOST_TOKENS = 60  # of either side of a picture

Maps = dict[str, Float[np.ndarray, "_layer _head _query _key"]]  # kind of attention → weights


@dataclass(frozen=True)
class Sample:
    """A row of the validation split, without padding.

    Attributes:
        texts: role → raw text.
        copy_ids: of a model that copies, else None.
        unknown_count: words by which the row's batch widened the vocabulary.
    """

    texts: Mapping[str, str]
    source: Int[Tensor, " source"]
    targets: Int[Tensor, " target"]
    copy_ids: Int[Tensor, " source"] | None
    unknown_count: int


class Seq2SeqFigures(pl.Callback):
    """After every validation of a sequence-to-sequence model: where it looks in some pairs.

    The decoder reads the reference, so that all validations show the same words: cross-attention of the last
    layer but one (which aligns words best, Garg et al. 2019), mean over its heads, and copy attention, as
    pictures; the entropy of every head, as a share of that of equal weights, as numbers.

    Args:
        samples: pairs, the first of the split (of several ranks, of the first one's).
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.found: dict[int, Sample] = {}
        self.is_on = False

    def on_validation_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.found = {}
        self.is_on = "source" in pl_module.roles and is_shown(trainer)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not self.is_on or batch.sentence_count == 0:
            return
        keep_first(self.found, self.samples, batch, sample)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if not self.is_on or not self.found:
            return
        rows = sorted(self.found)
        samples = [self.found[row] for row in rows]
        maps = maps_of(pl_module.model, samples)
        tokenizers = trainer.datamodule.data.tokenizers  # type: ignore[attr-defined]
        named = [(f"row {row}", each) for row, each in zip(rows, samples, strict=True)]
        figures = dict(figures_of(maps, named, tokenizers))
        entropies = dict(entropies_of(maps))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                for name, figure in figures.items():
                    logger.experiment.add_figure(f"validation/{name}", figure, trainer.global_step)
                for name, entropy in entropies.items():
                    logger.experiment.add_scalar(name, entropy, trainer.global_step)
        self.found = {}


def sample(batch: Seq2SeqBatch, place: int) -> Sample:
    is_source, is_target = ~batch.source_is_padding[place], ~batch.target_is_padding[place]
    return Sample(
        texts={role: batch.raw[role][place] for role in ("source", "target")},
        source=batch.source[place][is_source],
        targets=batch.targets[place][is_target],
        copy_ids=None if batch.copy_ids is None else batch.copy_ids[place][is_source],
        unknown_count=len(batch.unknown_words),
    )


def maps_of(model: Any, samples: Sequence[Sample]) -> list[Maps]:
    """Of each sample, all in one pass; their unknown words' numbers may clash, which changes no weight."""

    def together(rows: Sequence[Int[Tensor, " _time"]]) -> Int[Tensor, "batch time"]:
        return padded([row.tolist() for row in rows]).to(samples[0].source.device)

    source = together([each.source for each in samples])
    inputs = decoder_inputs(together([each.targets for each in samples]))
    copied = [each.copy_ids for each in samples if each.copy_ids is not None]
    copy_ids = together(copied) if copied else None
    most = max(each.unknown_count for each in samples)
    found = attention_maps(model, source, source == PAD, inputs, copy_ids, most)
    return [found.of_pair(row, len(each.source), len(each.targets)) for row, each in enumerate(samples)]


def figures_of(
    pairs: Sequence[Maps], samples: Sequence[tuple[str, Sample]], tokenizers: Mapping[str, Tokenizer]
) -> Iterator[tuple[str, Figure]]:
    for maps, (row, each) in zip(pairs, samples, strict=True):
        columns = labels(each.source, each.texts["source"], tokenizers["source"])
        rows = labels(each.targets, each.texts["target"], tokenizers["target"])
        kinds = {}
        if "copy" in maps:
            kinds["copy attention"] = maps["copy"][0, 0]
        if "cross" in maps:
            kinds["cross-attention"] = maps["cross"][-2:][0].mean(axis=0)
        for kind, weights in kinds.items():
            yield f"{kind}/{row}", token_matrix(weights, rows, columns, row, MOST_TOKENS)


def labels(ids: Int[Tensor, " time"], text: str, tokenizer: Tokenizer) -> list[str]:
    """The tokens of a text that may have been cut, and EOS if it has one."""
    count = len(ids) - int(ids[-1] == EOS)
    pieces = tokenizer.pieces(text)[:count]
    return [*pieces, *[SPECIAL_TOKENS[EOS]] * (len(ids) - len(pieces))]


def entropies_of(pairs: Sequence[Maps]) -> Iterator[tuple[str, float]]:
    """Name → mean over the samples, from 0 (one token) to 1 (all equally)."""
    for kind in pairs[0].keys() - {"copy"}:
        shares = head_entropy([maps[kind] for maps in pairs], is_causal=kind == "decoder").share
        for (layer, head), share in np.ndenumerate(shares):
            yield f"validation/entropy of {kind} heads/layer {layer + 1} head {head + 1}", float(share)
