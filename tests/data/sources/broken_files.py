"""Files of any bytes, and what another program sees in them."""

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from attendo.data.reading import TextReader
from attendo.data.sources import BadRow, Row, Source

PIECES = [
    *(b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\t", b"\t", b",", b",", b'"', b'"', b'""', b" ", b"\0"),
    *(
        b"word",
        b"x",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        "\u2028\x85\u00a0ü".encode(),
        b"\x0b",
    ),
]
JSON_PIECES = [
    *(b'{"text": "good", "label": 1}\n', b'{"text": "b\\n", "label": true}\r\n', b"{", b"}", b"[]", b"null"),
    *(b'{"text": "\\ud83d", "label": 1}\n', b'{"text": "a", "label": NaN}', b'"label": ', b'"text": ', b":"),
]
GOOD_LINES = [b"one\tx\n", b"two\ty\n", b"one,x\n", b'"t,\nw""o",y\n', b"drei\n"]


def contents(*more: bytes) -> st.SearchStrategy[bytes]:
    """Bytes with everything that readers trip over."""
    pieces = st.sampled_from([*PIECES, *more]) | st.binary(max_size=4)
    return st.lists(pieces, max_size=25).map(b"".join)


@dataclass(frozen=True)
class Outcome:
    """Rows as a mapping from line to fields, None where bad; and how reading ended."""

    rows: dict[int, tuple[str, ...] | None]
    problems: list[str]
    error: str | None


@contextmanager
def files(**content: bytes) -> Iterator[dict[str, Path]]:
    """Temporary files; ``_`` in a name stands for its dot."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, name.replace("_", ".")) for name in content}
        for name, path in paths.items():
            path.write_bytes(content[name])
        yield paths


def read(source: Source, *paths: Path) -> Outcome:
    """Reads a source to its end; whatever it says begins with one of its paths."""
    rows: dict[int, tuple[str, ...] | None] = {}
    problems = []
    try:
        for row in TextReader(source, None, "skip", Path("unused")).rows("train"):
            number = int(row.where.rpartition(":")[2])
            assert row.where.startswith(tuple(f"{path}:" for path in paths)) and number not in rows
            rows[number] = row.fields if isinstance(row, Row) else None
            if isinstance(row, BadRow):
                problems.append(str(row.error))
    except (ValueError, FileNotFoundError) as error:
        assert str(error).startswith(tuple(f"{path}" for path in paths)), str(error)
        return Outcome(rows, problems, str(error))
    return Outcome(rows, problems, None)


# --------------------------------------------------------------------------------------- independent roads
def lines_of(content: bytes) -> list[bytes]:
    """The file's lines without those that are blank at the end."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    while lines and not lines[-1].strip(b" \r"):
        lines.pop()
    return lines


def decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def sentence(line: bytes) -> str | None:
    text = decoded(line)
    return text if text is None else text.strip()


def filled(values: list[Any] | None) -> tuple[str, ...] | None:
    """Two fields as text, or None unless both can be used."""
    if values is None or not all(isinstance(value, str | int | float) for value in values):
        return None
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        return None
    texts = [value.strip() if isinstance(value, str) else json.dumps(value) for value in values]
    if not all(texts) or any(0xD800 <= ord(letter) < 0xE000 for letter in "".join(texts)):
        return None
    return tuple(texts)


def as_tsv(line: bytes) -> tuple[str, ...] | None:
    text = decoded(line)
    cells = text.split("\t") if text is not None else []
    return filled(cells) if len(cells) == 2 else None


def as_json(line: bytes) -> tuple[str, ...] | None:
    text = decoded(line)
    try:
        record = json.loads(text or "", parse_constant=lambda name: [name])
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not {"text", "label"} <= set(record) or "NaN" in (text or ""):
        return None
    return filled([record["text"], record["label"]])


def csv_records(chunk: bytes) -> list[list[str]] | None:
    """Records of a piece of a CSV file, or None if it cannot be read."""
    text = decoded(chunk)
    if text is None:
        return None
    try:
        return list(csv.reader(io.StringIO(text, newline="\n"), strict=True))
    except csv.Error:
        return None


Parse = Callable[[bytes], tuple[str, ...] | None]


def expected(content: bytes, parse: Parse, header: int) -> dict[int, tuple[str, ...] | None]:
    """Line by line, what a reader should give."""
    lines = lines_of(content)
    return {number: parse(line) for number, line in enumerate(lines, start=1) if number > header}
