"""Byte-pair encoding with merges left out at random: a function of (seed, epoch, row, side) alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attendo.data.augmentation import DROP, Tokens, chances, row_keys
from attendo.data.batches import side_lengths
from attendo.data.batching import Lengths
from attendo.data.preparation import Split
from attendo.data.tables import IdColumn, IdTable, Rows
from attendo.tokenization import PAD, Tokenizer
from attendo.tokenization.merges import Merges

Numbers = NDArray[np.int64]

OWN_STREAMS = 2  # of random numbers: TokenAugmentation has those of sides 0 and 1


@dataclass(frozen=True)
class BpeDropout:
    """BPE-dropout (Provilkov et al. 2020, algorithm 1) on every side of the training texts.

    Args:
        probability: that a merge which could be next is left out, at each step of a word's segmentation.

    Raises:
        ValueError: the probability is not in [0, 1).
    """

    probability: float

    def __post_init__(self) -> None:
        if not 0 <= self.probability < 1:
            raise ValueError(f"regularization.bpe_dropout={self.probability}: expected 0 ≤ probability < 1")

    @property
    def is_on(self) -> bool:
        return self.probability > 0


class SubwordSampler:
    """Draws segmentations of the rows of a split.

    A text keeps what was kept of it when it was cut to the length limit, and is never longer than the longest
    of its side without dropout: one that would be keeps its own segmentation or, being the longest, loses its
    end.

    Raises:
        ValueError: a tokenizer has no merges.
    """

    def __init__(
        self, dropout: BpeDropout, split: Split, tokenizers: Mapping[str, Tokenizer], seed: int
    ) -> None:
        self.probability, self.split, self.seed = dropout.probability, split, seed
        words = {tokenizer: Words(tokenizer) for tokenizer in set(tokenizers.values())}
        self.words = {role: words[tokenizers[role]] for role in split.ids.columns}
        self.longest = {role: int(column.lengths.max()) for role, column in split.ids.columns.items()}

    @property
    def largest(self) -> Lengths:
        """What a row might have on each side, at most: (1, side)."""
        longest = {role: column_of([[PAD] * length]) for role, length in self.longest.items()}
        return side_lengths(longest)

    def drawn(self, rows: Rows, epoch: int) -> Split:
        """Some rows as a split of their own, newly segmented."""
        columns = {
            role: self.drawn_column(role, rows, row_keys(self.seed, epoch, OWN_STREAMS + side, rows))
            for side, role in enumerate(self.split.ids.columns)
        }
        labels = None if self.split.labels is None else self.split.labels[rows]
        return replace(self.split, ids=IdTable(columns, self.split.ids.rows[rows]), labels=labels)

    def drawn_column(self, role: str, rows: Rows, keys: NDArray[np.uint64]) -> IdColumn:
        column, words = self.split.ids.columns[role], self.words[role]
        tokens = column.padded(rows, PAD)
        own = unpadded(tokens)
        drawn = words.segmented(tokens, passed_over(keys, words.most_atoms(tokens), self.probability))
        longest = self.longest[role]
        return column_of([fitting(*pair, longest) for pair in zip(drawn, own, strict=True)])


class Words:
    """The words of texts of token ids, and other segmentations of them.

    A word is here what no merge joins with what is beside it.

    Raises:
        ValueError: the tokenizer has no merges.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.merges = Merges(tokenizer)
        if not self.merges.neighbours:
            raise ValueError(
                "regularization.bpe_dropout needs the merges of byte-pair encoding (tokenizer=bpe), "
                f"found {tokenizer!r}"
            )
        atoms = self.merges.atoms
        self.first, self.last = (np.array([one[end] for one in atoms], np.int64) for end in (0, -1))
        self.sizes = np.array([len(one) for one in atoms], np.int64)
        self.sizes[PAD] = 0
        left, right = np.array(list(self.merges.neighbours), np.int64).T
        self.neighbours = self.pair(left, right)

    def pair(self, left: Numbers, right: Numbers) -> Numbers:
        """One number for two ids."""
        return left * len(self.first) + right

    def most_atoms(self, tokens: Tokens) -> int:
        """Of a row."""
        return int(self.sizes[tokens].sum(axis=1).max())

    def segmented(self, tokens: Tokens, passed_over: Numbers) -> list[list[int]]:
        """Ids of every row, without padding.

        Args:
            passed_over: (row, atom): how many merges are left out in a row. A word uses the numbers of its
                own atoms, one for each step.
        """
        texts = unpadded(tokens)
        for row, start, end, atom in self.changed(tokens, passed_over)[::-1]:  # ends first: places stay
            atoms = [atom for token in texts[row][start:end] for atom in self.merges.atoms[token]]
            steps = passed_over[row, atom : atom + len(atoms)].tolist()
            texts[row][start:end] = self.merges.joined(atoms, steps)
        return texts

    def changed(self, tokens: Tokens, passed_over: Numbers) -> list[list[int]]:
        """(row, first token, one past the last, first atom) of words that lose a merge they would have."""
        begins = tokens != PAD
        lengths = begins.sum(axis=1)
        borders = self.pair(self.last[tokens[:, :-1]], self.first[tokens[:, 1:]])
        begins[:, 1:] &= ~np.isin(borders, self.neighbours)
        rows, starts = np.nonzero(begins)
        is_last = np.append(rows[1:] != rows[:-1], True)
        ends = np.where(is_last, lengths[rows], np.append(starts[1:], 0))
        atoms_before = np.pad(self.sizes[tokens].cumsum(axis=1), ((0, 0), (1, 0)))
        first_atoms = atoms_before[rows, starts]
        merges = atoms_before[rows, ends] - first_atoms - (ends - starts)
        lost_before = np.pad((passed_over > 0).cumsum(axis=1), ((0, 0), (1, 0)))
        is_changed = lost_before[rows, first_atoms + merges] > lost_before[rows, first_atoms]
        found: list[list[int]] = np.stack([rows, starts, ends, first_atoms], axis=1)[is_changed].tolist()
        return found


def passed_over(keys: NDArray[np.uint64], atoms: int, probability: float) -> Numbers:
    """How many merges in a row are left out, (row, atom): n or more with probabilityⁿ."""
    chance = chances(keys, atoms, DROP)
    counts: Numbers = np.floor(np.log1p(-chance) / np.log(probability)).astype(np.int64)
    return counts


def unpadded(tokens: Tokens) -> list[list[int]]:
    return [ids[ids != PAD].tolist() for ids in tokens]


def fitting(drawn: list[int], own: list[int], longest: int) -> list[int]:
    """The drawn ids, or the row's own, whichever fit."""
    if len(drawn) <= longest:
        return drawn
    return own if len(own) < longest else drawn[:longest]


def column_of(rows: list[list[int]]) -> IdColumn:
    offsets = np.cumsum([0, *map(len, rows)])
    return IdColumn(np.array([token for ids in rows for token in ids], np.uint32), offsets)
