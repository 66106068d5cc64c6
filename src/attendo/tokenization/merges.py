"""Byte-pair encoding merge by merge, for other segmentations than the one that `encode` gives."""

import json
from collections.abc import Sequence
from itertools import pairwise

from attendo.tokenization.tokenizer import Tokenizer

_NEVER = -1


class Merges:
    """The merges of a byte-pair encoding, in the order in which it learned them.

    Args:
        tokenizer: as `train_bpe` makes it; others have no merges.

    Attributes:
        atoms: id → ids of the atoms that the token consists of. An atom is a token that no merge makes: a
            character, a byte or UNK.
        neighbours: pairs of atoms that are neighbours within some token. Between two others a text can be
            cut: no merge ever joins what is left of them with what is right of them.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        model = json.loads(tokenizer.to_dict().get("tokenizer", "{}")).get("model", {})
        known, id_of = tokenizer.vocabulary, tokenizer.vocabulary.id
        self._ranks: dict[tuple[int, int], int] = {}
        self._results: list[int] = []
        self.atoms: list[tuple[int, ...]] = [(index,) for index in range(len(tokenizer))]
        for left, right in model.get("merges", ()):
            if left in known and right in known and left + right in known:
                result = id_of(left + right)
                self._ranks[id_of(left), id_of(right)] = len(self._results)
                self._results.append(result)
                self.atoms[result] = self.atoms[id_of(left)] + self.atoms[id_of(right)]
        self.neighbours = {pair for atoms in self.atoms for pair in pairwise(atoms)}

    def joined(self, atoms: Sequence[int], passed_over: Sequence[int]) -> list[int]:
        """Join neighbours step by step: of all pairs that a merge joins, the one that was learned first.

        Args:
            atoms: ids.
            passed_over: at each step, how many pairs are passed over for the next best; it ends where all
                are. Zeros give `encode`'s own segmentation.
        """
        tokens = list(atoms)
        for passed in passed_over:
            ranks = [self._ranks.get(pair, _NEVER) for pair in pairwise(tokens)]
            order = sorted((rank, place) for place, rank in enumerate(ranks) if rank != _NEVER)
            if passed >= len(order):
                break
            rank, place = order[passed]
            tokens[place : place + 2] = [self._results[rank]]
        return tokens
