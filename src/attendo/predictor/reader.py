"""New text in the form that training gave its own."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import TypeVar

from attendo.checkpoint import Trained
from attendo.data.reading import UnicodeForm, normalised
from attendo.data.sources.rows import BadRow, row_or_bad
from attendo.tokenization import SPECIAL_TOKENS, UNK, Tokenizer

Ids = list[int]  # of one text, without BOS and EOS
S = TypeVar("S", bound=Sized)
T = TypeVar("T")

CHUNK = 2048  # texts that are sorted by length together
NAMES_IN_PAIRS = {"text": "first text", "text_b": "second text"}  # of the roles, for messages


class TruncationWarning(UserWarning):
    """Some texts were longer than what the model reads: their ends were left out."""


class Reader:
    """Strips, normalises, encodes and cuts texts.

    Args:
        tokenizer: of the texts' role.
        role: text, text_b, source or target.
        name: what a text of the role is called in messages.
        unicode: normal form, or None.
        longest: tokens that are read of a text, or None for all.

    Attributes:
        cut: texts so far whose ends were left out.
    """

    def __init__(
        self, tokenizer: Tokenizer, role: str, name: str, unicode: UnicodeForm | None, longest: int | None
    ) -> None:
        self.tokenizer, self.role, self.name = tokenizer, role, name
        self.unicode, self.longest = unicode, longest
        self.cut = self.warned_of = 0

    def clean(self, text: str, where: str) -> str:
        """Raises ValueError if it is no text, and names the place."""
        if isinstance(text, str) and not text.strip():
            return ""
        row = row_or_bad((text,), (self.name,), where)
        if isinstance(row, BadRow):
            raise row.error
        return normalised(row.fields[0], self.unicode)

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Ids of every text; none for an empty one."""
        cleaned = [self.clean(text, f"{self.name} {number}") for number, text in enumerate(texts, start=1)]
        encoded = self.tokenizer.encode_batch(cleaned)
        if self.longest is not None:
            self.cut += sum(len(ids) > self.longest for ids in encoded)
        pairs = zip(cleaned, encoded, strict=True)
        return [(ids[: self.longest] or [UNK]) if text else [] for text, ids in pairs]

    def pieces(self, text: str) -> list[str]:
        """What ``ids`` stands for in a text."""
        found = self.tokenizer.pieces(self.clean(text, self.name)) or [SPECIAL_TOKENS[UNK]]
        return found[: self.longest]

    def warn(self) -> None:
        """Says how many texts were cut since this was said last."""
        new, self.warned_of = self.cut - self.warned_of, self.cut
        if new:
            message = f"{new} {self.name}(s) of more than {self.longest} tokens: what follows was not read"
            warnings.warn(message, TruncationWarning, stacklevel=3)


def reader_of(trained: Trained, role: str, places: int | None = None) -> Reader:
    """How the model's training read texts of a role.

    Args:
        trained: the model.
        role: text, text_b, source or target.
        places: positions that the model has, one of them for EOS or BOS; None: any number.
    """
    settings, tokenizers = trained.contents.config["data"], trained.contents.tokenizers
    limits = [settings["max_length"], None if places is None else places - 1]
    longest = min((limit for limit in limits if limit is not None), default=None)
    name = NAMES_IN_PAIRS[role] if "text_b" in tokenizers else role
    return Reader(tokenizers[role], role, name, settings["unicode"], longest)


def chunks(texts: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    rest = iter(texts)
    while chunk := list(islice(rest, size)):
        yield chunk


def filled(texts: Sequence[S], answer: Callable[[list[S]], Sequence[T]], nothing: T) -> list[T]:
    """The answers to all that are not empty, each in its place; ``nothing`` to the others."""
    answers = iter(answer([text for text in texts if text]))
    return [next(answers) if text else nothing for text in texts]


def as_many(
    one: str | Iterable[str], other: str | Iterable[str], names: str, other_names: str
) -> tuple[list[str], list[str]]:
    """Both sides of some pairs.

    Args:
        one, other: the sides.
        names, other_names: what they are called in messages.

    Raises:
        ValueError: they are not as many.
    """
    if isinstance(one, str) or isinstance(other, str):
        raise ValueError(
            f"found one text on one side and several on the other; expected as many {names} as {other_names}"
        )
    sides = list(one), list(other)
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"found {len(sides[0])} {names} and {len(sides[1])} {other_names}; expected as many of both"
        )
    return sides
