"""Raw text, read once into tables; bad rows are refused or left out."""

import hashlib
import json
import logging
import unicodedata
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from attendo.data.cache import cached_folder, content_key
from attendo.data.labels import label_names, label_text
from attendo.data.sources import BadRow, Row, Source
from attendo.data.sources.rows import shortened
from attendo.data.tables import Rows, TextTable
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)

REFERENCES = "references"  # column of the tables of validation and test pairs: all targets of a row, as JSON

UnicodeForm = Literal["NFC", "NFD", "NFKC", "NFKD"]
OnError = Literal["error", "skip"]


@dataclass(frozen=True)
class SkippedRow:
    """A row that was left out.

    Attributes:
        split: that it would have been in; of rows that are held out, that of their file.
        where: its place, such as ``train.tsv:17``.
        problem: what was found there, and what was expected.
    """

    split: str
    where: str
    problem: str


@dataclass(frozen=True)
class RawSplit:
    """One split before it is encoded.

    Attributes:
        origin: the source's split that its rows come from.
        texts: all usable texts of ``origin``.
        rows: the split's own among them.
        key: hash of what it contains.
        skipped: what it lacks.
    """

    name: str
    origin: str
    texts: TextTable
    rows: Rows
    key: str
    skipped: Sequence[SkippedRow]


@dataclass(frozen=True)
class TextReader:
    """Reads a source's splits into tables.

    Args:
        source: where the text is.
        unicode: normal form that every text is brought to, or None to leave it as it is.
        on_error: what a bad row does: "error" refuses it, "skip" leaves it out.
        cache_dir: folder of the tables.
        label_separator: text between several labels of one row, or None if every row has one.
    """

    source: Source
    unicode: UnicodeForm | None
    on_error: OnError
    cache_dir: Path
    label_separator: str | None = None

    def begin(self, split: str) -> str:
        """Finds what is wrong with names, headers and the first row; returns the first row's place."""
        self.source.check(split)
        first = next(self.rows(split), None)
        if isinstance(first, BadRow) and self.on_error == "error":
            raise first.error
        return first.where if first else ""

    def read(self, split: str) -> RawSplit:
        """All usable rows of one of the source's splits.

        Raises:
            ValueError: a bad row, or every row is bad.
        """
        place = self.begin(split)
        settings = [self.columns(split), self.unicode, self.label_separator]
        key = content_key("texts", self.source.fingerprint(split), *settings)
        # A table that lacks rows is none for "error", and tells places by the names that files have now.
        key_of_table = content_key(key, place) if self.on_error == "skip" else key
        folder = cached_folder(self.cache_dir, key_of_table, lambda folder: self.write_table(split, folder))
        texts = TextTable.open(folder / "texts.arrow")
        bad = json.loads((folder / "skipped.json").read_text(encoding="utf-8"))
        skipped = [SkippedRow(split, where, problem) for where, problem in bad]
        return RawSplit(split, split, texts, np.arange(len(texts), dtype=np.int64), key, skipped)

    def write_table(self, split: str, folder: Path) -> None:
        log.info("reading the %s texts", split)
        bad: list[BadRow] = []
        TextTable.write(folder / "texts.arrow", self.columns(split), self.usable(split, bad))
        check_some_left(split, len(TextTable.open(folder / "texts.arrow")), bad)
        text = json.dumps([(row.where, row.problem) for row in bad])
        (folder / "skipped.json").write_text(text, encoding="utf-8")

    def columns(self, split: str) -> list[str]:
        """Of the table: in training a row has one target."""
        has_references = split != "train" and "target" in self.source.roles
        return [*self.source.roles, *[REFERENCES] * has_references]

    def rows(self, split: str) -> Iterator[Row | BadRow]:
        """The source's rows; bad ones are also a wrong label, and several targets in training."""
        place = self.source.roles.index("label") if "label" in self.source.roles else None
        for row in self.source.rows(split):
            if isinstance(row, BadRow):
                yield row
            elif split == "train" and len(row.references) > 1:
                yield BadRow(
                    row.where, f"found {len(row.references)} targets; training takes one of a source"
                )
            else:
                yield row if place is None else self.with_label_text(row, place)

    def with_label_text(self, row: Row, place: int) -> Row | BadRow:
        """The row with its label as tables keep it, which is field number ``place``."""
        fields = list(row.fields)
        listed = None if row.labels is None else [normalised(name, self.unicode) for name in row.labels]
        try:
            fields[place] = label_text(normalised(fields[place], self.unicode), listed, self.label_separator)
        except ValueError as error:
            return BadRow(row.where, str(error))
        return Row(tuple(fields), row.where)

    def usable(self, split: str, bad: list[BadRow]) -> Iterator[list[str]]:
        """Columns of the good rows; the others are refused, or appended to ``bad``."""
        has_references = REFERENCES in self.columns(split)
        for row in self.rows(split):
            if not isinstance(row, BadRow):
                targets = [self.references(row)] if has_references else []
                yield [normalised(text, self.unicode) for text in row.fields] + targets
            elif self.on_error == "error":
                raise row.error
            else:
                bad.append(row)

    def references(self, row: Row) -> str:
        """All targets of a row of pairs, as tables keep them."""
        targets = row.references or (row.fields[self.source.roles.index("target")],)
        return json.dumps([normalised(text, self.unicode) for text in targets], ensure_ascii=False)

    def places(self, origin: str, rows: Rows) -> list[str]:
        """Places of some rows of the text table of one of the source's splits, for messages.

        Read from the source: a table may have been cached when the same file had another name.
        """
        usable = (row for row in self.rows(origin) if not isinstance(row, BadRow))
        wanted = set(rows.tolist())
        beginning = islice(usable, max(wanted, default=-1) + 1)
        found = {number: row.where for number, row in enumerate(beginning) if number in wanted}
        return [found[row] for row in rows.tolist()]

    def with_labels(self, raw: RawSplit, labels: Sequence[str], lacking: str) -> RawSplit:
        """The rows that have no other label than ``labels``.

        Args:
            lacking: what to say of another label, such as "is not in data.labels".

        Raises:
            ValueError: another label, or no row has one of them.
        """
        found, known = raw.texts.texts("label", raw.rows), set(labels)
        others = {text: self.other_label(text, known) for text in set(found)}
        is_known = np.array([others[text] is None for text in found], bool)
        if is_known.all():
            return raw
        unknown = np.flatnonzero(~is_known)[: 1 if self.on_error == "error" else None]
        names = [others[found[index]] or "" for index in unknown]
        hints = {name: labels_and_nearest(name, labels) for name in set(names)}
        bad = [
            BadRow(place, f"label {shortened(name)!r} {lacking} {hints[name]}")
            for name, place in zip(names, self.places(raw.origin, raw.rows[unknown]), strict=True)
        ]
        if self.on_error == "error":
            raise bad[0].error
        rows = raw.rows[is_known]
        check_some_left(raw.name, len(rows), bad)
        skipped = [*raw.skipped, *(SkippedRow(raw.name, row.where, row.problem) for row in bad)]
        return replace(raw, rows=rows, key=key_of_part(raw, rows), skipped=skipped)

    def other_label(self, text: str, known: Set[str]) -> str | None:
        """The first label of a row that is not one of ``known``."""
        return next((name for name in label_names(text, self.label_separator) if name not in known), None)


def normalised(text: str, form: UnicodeForm | None) -> str:
    """The text in a Unicode normal form, or as it is."""
    return unicodedata.normalize(form, text) if form else text


def key_of_part(raw: RawSplit, rows: Rows) -> str:
    """Hash of some rows of a split."""
    return content_key(raw.key, hashlib.blake2b(rows.tobytes()).hexdigest())


def check_some_left(split: str, count: int, bad: Sequence[BadRow]) -> None:
    """Raises ValueError if there were bad rows only."""
    if bad and not count:
        others = f" (the first of {len(bad)} bad rows)" if len(bad) > 1 else ""
        raise ValueError(f"{bad[0].error}{others}; data.on_error=skip leaves no {split} row")


def labels_and_nearest(name: str, labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:20]) + (" …" if len(labels) > 20 else "")
    return f"(classes: {shown}).{did_you_mean(name, labels)}"
