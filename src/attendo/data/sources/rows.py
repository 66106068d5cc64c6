"""What a source of raw text is, and the checks that every row passes."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from attendo.suggestions import did_you_mean

SPLITS = ("train", "validation", "test")
ROLES = (("text", "label"), ("text", "text_b", "label"), ("source", "target"))


@dataclass(frozen=True)
class Row:
    """One example as text.

    Args:
        fields: stripped, in the order of the source's ``roles``; none is empty but a label.
        where: place of the row for error messages, such as ``train.tsv:17``.
        labels: where the source has a list of labels in place of a text; the label's field is then empty.
        references: where the source has a list of targets in place of a text; the first is in the field.
    """

    fields: tuple[str, ...]
    where: str
    labels: tuple[str, ...] | None = None
    references: tuple[str, ...] = ()


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used; those after it can.

    Args:
        where: its place, such as ``train.tsv:17``.
        problem: what was found there, and what was expected.
    """

    where: str
    problem: str

    @property
    def error(self) -> ValueError:
        """What to raise where bad rows are not skipped."""
        return ValueError(f"{self.where}: {self.problem}")


@runtime_checkable
class Source(Protocol):
    """Where raw text comes from; ``split`` is "train", "validation" or "test"."""

    roles: tuple[str, ...]

    def check(self, split: str) -> None:
        """Find wrong names (files, columns, splits, sizes) of a split that was named, before it is read.

        A row that is wrong is none of its business.

        Raises:
            FileNotFoundError: for a file that is named but missing.
            ValueError: for everything else that is wrong.
        """

    def has(self, split: str) -> bool:
        """Return whether the split was named."""

    def fingerprint(self, split: str) -> str:
        """Return a hash of everything that determines ``rows(split)``."""

    def rows(self, split: str) -> Iterator[Row | BadRow]:
        """Yield the examples of a split that was named, in their order, and in their places the bad rows.

        Raises:
            ValueError: for what leaves no way to read on, such as a damaged file.
        """


def digest(*parts: str) -> str:
    """Return the BLAKE2b hash of a list of strings; where one ends and the next begins counts."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def ordered_roles(columns: Mapping[str, object]) -> tuple[str, ...]:
    """Return the roles that ``columns`` names, in the order every row has them; None names no column.

    Raises:
        ValueError: unless they are exactly one of ``ROLES``.
    """
    named = {role for role, column in columns.items() if column is not None}
    for roles in ROLES:
        if named == set(roles):
            return roles
    known = sorted({role for roles in ROLES for role in roles})
    hint = "".join(did_you_mean(name, known) for name in columns if name not in known)
    raise ValueError(
        f"columns: found the roles {quoted(name for name in columns if name in named)}, expected "
        f'"text" and "label" (and "text_b" for pairs of texts), or "source" and "target".{hint}'
    )


def row_or_bad(values: Sequence[object], roles: Sequence[str], where: str) -> Row | BadRow:
    """Build a row, or say what is wrong with it.

    Numbers and booleans become JSON's text for them, white space at both ends goes. Wrong is a value that is
    missing, empty, or neither text nor number nor boolean. Only a label may be empty. A label or a target may
    be a list of such values: whether a row may have no label, or several, is not the source's to know.
    """
    fields: list[str] = []
    labels: tuple[str, ...] | None = None
    references: tuple[str, ...] = ()
    try:
        for value, role in zip(values, roles, strict=True):
            if role == "label" and isinstance(value, list):
                labels, value = tuple(_field(label, role) for label in value), ""
            elif role == "target" and isinstance(value, list):
                references = _references(value)
                value = references[0]
            fields.append(_field(value, role))
    except ValueError as error:
        return BadRow(where, str(error))
    return Row(tuple(fields), where, labels, references)


def _references(values: Sequence[object]) -> tuple[str, ...]:
    if not values:
        raise ValueError("the target is an empty list; expected one text or more")
    return tuple(_field(value, f"target {number}") for number, value in enumerate(values, start=1))


def _field(value: object, role: str) -> str:
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        text = json.dumps(value)
    else:
        found = "nothing" if value is None else f"{type(value).__name__} {shortened(str(value))}"
        raise ValueError(f"the {role} is {found}; expected text, a number or a boolean")
    if not text and role != "label":
        raise ValueError(f"the {role} is empty; expected something other than white space")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise ValueError(f"the {role} has half a surrogate pair, {half}; expected Unicode") from None
    return text


def nested_value(record: Mapping[str, object], name: str) -> object:
    """Return ``record[name]``, or with ``name`` "a.b" where there is no such key, ``record["a"]["b"]``.

    Where ``record["a"]`` is None, that is None as well.

    Raises:
        ValueError: when neither exists.
    """
    if name in record:
        return record[name]
    value: object = record
    for key in name.split("."):
        if value is None:
            return None
        if not isinstance(value, Mapping) or key not in value:
            raise ValueError(missing_column(name, _nested_names(record)))
        value = value[key]
    return value


def _nested_names(record: Mapping[str, object]) -> Iterator[str]:
    for key, value in record.items():
        yield key
        if isinstance(value, Mapping):
            yield from (f"{key}.{name}" for name in _nested_names(value))


def missing_column(name: str, existing: Iterable[str]) -> str:
    """Say that a column is not there, and which are."""
    existing = list(existing)
    return f'no column "{name}"; the columns are {quoted(existing)}.{did_you_mean(name, existing)}'


def quoted(names: Iterable[str]) -> str:
    """Return names for a message: ``"text", "label"``."""
    return ", ".join(f'"{shortened(str(name))}"' for name in names) or "none"


def shortened(text: str) -> str:
    """Return the text, cut to what fits into a message."""
    return text if len(text) <= 60 else f"{text[:59]}…"
