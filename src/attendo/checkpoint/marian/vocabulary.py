"""The order of a Marian vocabulary's rows, theirs and ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attendo.tokenization import SPECIAL_TOKENS

SPECIAL_NAMES = {"pad": "<pad>", "unk": "<unk>", "eos": "</s>"}


@dataclass(frozen=True)
class MarianVocabulary:
    """A vocabulary of Marian, whose special tokens have other ids than ours.

    Attributes:
        file: where it was read.
        names: tokens in the order of Marian's ids.
        pad, unk, eos: ids of Marian's special tokens.
    """

    file: Path
    names: Sequence[str]
    pad: int
    unk: int
    eos: int

    @classmethod
    def of(cls, file: Path, ids: Mapping[str, int], settings: Mapping[str, Any]) -> "MarianVocabulary":
        """The vocabulary that a file holds.

        Args:
            file: where it was read.
            ids: token → id.
            settings: what tokenizer_config.json says; it may name the special tokens.

        Raises:
            ValueError: an id is missing or there twice, or a special token is not there.
        """
        if set(ids.values()) != set(range(len(ids))):
            raise ValueError(f"{file}: expected every id from 0 to {len(ids) - 1} once")
        special: dict[str, int] = {}
        for name, usual in SPECIAL_NAMES.items():
            token = settings.get(f"{name}_token") or usual
            token = token["content"] if isinstance(token, Mapping) else token
            if token not in ids:
                raise ValueError(f"{file}: lacks the special token {token!r}")
            special[name] = ids[token]
        return cls(file, sorted(ids, key=ids.__getitem__), **special)

    @property
    def rows(self) -> list[int]:
        """Marian's id of each of our rows: PAD, UNK, BOS, EOS, and all others in Marian's order.

        Marian's decoder starts with padding, which is therefore our BOS.
        """
        special = [self.pad, self.unk, self.pad, self.eos]
        return special + [index for index in range(len(self.names)) if index not in special]

    @property
    def tokens(self) -> list[str]:
        """Tokens in the order of our ids."""
        return [*SPECIAL_TOKENS, *(self.names[index] for index in self.rows[len(SPECIAL_TOKENS) :])]
