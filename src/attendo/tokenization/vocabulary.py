"""Tokens and their ids."""

from collections.abc import Sequence

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<unk>", "<bos>", "<eos>")


class Vocabulary:
    """A one-to-one map between tokens and the ids 0, 1, …; the four special tokens come first.

    Args:
        tokens: every token once, in the order of the ids.

    Raises:
        ValueError: if the special tokens are not the first four or a token occurs twice.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        if tuple(tokens[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
            first = list(tokens[: len(SPECIAL_TOKENS)])
            raise ValueError(f"A vocabulary begins with {list(SPECIAL_TOKENS)}, this one with {first}.")
        self._tokens = tuple(tokens)
        self._ids = {token: index for index, token in enumerate(self._tokens)}
        if len(self._ids) != len(self._tokens):
            twice = next(token for index, token in enumerate(self._tokens) if self._ids[token] != index)
            raise ValueError(f"The token {twice!r} is in the vocabulary twice.")

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    @property
    def tokens(self) -> list[str]:
        """Return all tokens in the order of their ids."""
        return list(self._tokens)

    def token(self, index: int) -> str:
        """Return the token that has this id."""
        return self._tokens[index]

    def id(self, token: str) -> int:
        """Return the id of a token, UNK for one that is not in the vocabulary."""
        return self._ids.get(token, UNK)
