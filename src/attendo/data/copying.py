"""What a model can copy: source tokens as ids of the target's vocabulary, widened by unknown words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from attendo.data.batches import Seq2SeqBatch
from attendo.data.preparation import Split
from attendo.data.tables import Rows
from attendo.tokenization import PAD, UNK, Tokenizer

TextsOf = Callable[[Rows], Sequence[str]]  # rows of a batch → their raw texts
UnknownWords = tuple[str, ...]

PROBE = ("a", ",", "▁b")  # every kind of tokenizer makes another text of these


class Copying:
    """Source tokens by the ids that they have as target tokens (See et al. 2017, section 2.2).

    Ids from the size V of the target's vocabulary on stand for the unknown words of a batch: V + i for word
    number i of its source texts that this vocabulary lacks. Equal words have one number, whatever their rows.

    Args:
        source, target: how the two sides are read; one object where the vocabulary is joint.

    Raises:
        ValueError: the two make texts of tokens in different ways, so that a copied token would say
            something else.
    """

    def __init__(self, source: Tokenizer, target: Tokenizer) -> None:
        if joined(source) != joined(target):
            raise ValueError(
                f"model/copy=pointer needs tokenizers that join tokens in the same way, but tokenizer makes "
                f"{source!r} and target_tokenizer {target!r}: take one kind for both, or model/copy=none"
            )
        self.source, self.target = source, target
        self.target_ids = np.array([target.vocabulary.id(token) for token in source.vocabulary.tokens])

    def copy_source(
        self, sources: Sequence[Sequence[int]], texts: Sequence[str]
    ) -> tuple[Int[Tensor, "row source"], UnknownWords]:
        """Ids that the tokens of a batch's sources have as target tokens, padded, and its unknown words.

        Args:
            sources: ids of every row, with EOS.
            texts: from which they were encoded.
        """
        matrix = np.full((len(sources), max(map(len, sources))), PAD, np.int64)
        for row, ids in enumerate(sources):
            matrix[row, : len(ids)] = ids
        copied, words = self.copied_source(matrix, lambda rows: [texts[row] for row in rows])
        return torch.from_numpy(copied), words

    def offered(self, batch: Seq2SeqBatch, split: Split) -> Seq2SeqBatch:
        """The batch with what can be copied; its rows are the split's."""
        rows = batch.rows.numpy()
        copied, words = self.copied_source(batch.source.numpy(), lambda some: split.raw("source", rows[some]))
        targets = self.copied_targets(
            batch.targets.numpy(), copied, words, lambda some: split.raw("target", rows[some])
        )
        return replace(
            batch,
            targets=torch.from_numpy(targets),
            copy_ids=torch.from_numpy(copied),
            unknown_words=words,
        )

    def copied_source(
        self, source: Int[np.ndarray, "row source"], texts: TextsOf
    ) -> tuple[Int[np.ndarray, "row source"], UnknownWords]:
        """As ``copy_source``, of a padded matrix; only the texts of rows with UNK are asked for."""
        copied = self.target_ids[source]
        spelled = self.unknown_pieces(self.source, source, texts)
        numbers: dict[str, int] = {}
        for row, place in np.argwhere(copied == UNK).tolist():
            token = int(source[row, place])
            word = next(spelled[row], None) if token == UNK else self.source.vocabulary.token(token)
            if word is None:  # a text without a single piece, which UNK stands for
                continue
            if word in self.target.vocabulary:
                copied[row, place] = self.target.vocabulary.id(word)
            else:
                copied[row, place] = len(self.target) + numbers.setdefault(word, len(numbers))
        return copied, tuple(numbers)

    def copied_targets(
        self,
        targets: Int[np.ndarray, "row target"],
        copied: Int[np.ndarray, "row source"],
        words: UnknownWords,
        texts: TextsOf,
    ) -> Int[np.ndarray, "row target"]:
        """Targets with the ids of those unknown words in place of UNK that the row's own source has.

        Args:
            targets: padded ids.
            copied, words: of the sources.
            texts: rows → target texts.
        """
        number_of = {word: len(self.target) + number for number, word in enumerate(words)}
        can_copy = (copied >= len(self.target)).any(axis=1, keepdims=True)
        spelled = self.unknown_pieces(self.target, np.where(can_copy, targets, PAD), texts)
        found = targets.copy()
        for row, pieces in spelled.items():
            own = set(copied[row].tolist())
            for place, piece in zip(np.flatnonzero(targets[row] == UNK), pieces, strict=False):
                if number_of.get(piece) in own:
                    found[row, place] = number_of[piece]
        return found

    def unknown_pieces(
        self, tokenizer: Tokenizer, ids: Int[np.ndarray, "row time"], texts: TextsOf
    ) -> dict[int, Iterator[str]]:
        """Of each row with UNK: what the text has for it, in this order (more, where the text was cut)."""
        rows = np.flatnonzero((ids == UNK).any(axis=1))
        return {
            row: (piece for piece in tokenizer.pieces(text) if piece not in tokenizer.vocabulary)
            for row, text in zip(rows.tolist(), texts(rows), strict=True)
        }


def joined(tokenizer: Tokenizer) -> str:
    """The text that a tokenizer makes of the probe."""
    return tokenizer.decode(range(len(tokenizer), len(tokenizer) + len(PROBE)), PROBE)
