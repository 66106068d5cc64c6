"""Readers of table files: each yields (line or row number, values of the wanted columns)."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet

from attendo.data.sources.rows import missing_column, nested_value, quoted
from attendo.data.sources.text_lines import COMPRESSED, text_lines
from attendo.suggestions import did_you_mean

Records: TypeAlias = Iterator[tuple[int, list[object]]]
TableReader: TypeAlias = Callable[[Path, Sequence[str | int]], Records]


def read_tsv(path: Path, columns: Sequence[str | int]) -> Records:
    """Read tab-separated values: no quoting, one record a line."""
    return _delimited(path, ((number, line.split("\t")) for number, line in text_lines(path)), columns)


def read_csv(path: Path, columns: Sequence[str | int]) -> Records:
    """Read comma-separated values (RFC 4180): fields in double quotes may hold commas and line ends."""
    return _delimited(path, _csv_records(path), columns)


def _csv_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(2**31 - 1)  # the library's own limit, 131,072 characters, is shorter than a book
    reader = csv.reader((line for _, line in text_lines(path)), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(
                f"{path}:{number}: {error}; expected CSV, where a field with a comma, a quote or a line end "
                'stands in "double quotes" and a quote inside is doubled'
            ) from None
        yield number, cells


def _delimited(path: Path, records: Iterator[tuple[int, list[str]]], columns: Sequence[str | int]) -> Records:
    first_number, first = next(records)
    names = [column for column in columns if isinstance(column, str)]
    if names:
        positions = _positions(path, names, [cell.strip() for cell in first])
    else:
        positions = [column for column in columns if isinstance(column, int)]
        records = chain([(first_number, first)], records)
        if max(positions) >= len(first):
            raise ValueError(
                f"{path}:{first_number}: found {_count(first)}, "
                f"expected at least {max(positions) + 1} (positions count from 0)"
            )
    number = 0
    for number, cells in records:
        if len(cells) != len(first):
            raise ValueError(
                f"{path}:{number}: found {_count(cells)}, expected {_count(first)} as in the first line"
            )
        yield number, [cells[position] for position in positions]
    if number == 0:
        raise ValueError(f"{path}: found a header and no rows; expected at least one row")


def _positions(path: Path, names: Iterable[str], header: list[str]) -> list[int]:
    for name in names:
        if name not in header:
            raise ValueError(
                f"{missing_column(f'{path}:1', name, header)} "
                "(A file without a header needs 0-based positions in place of names.)"
            )
        if header.count(name) > 1:
            raise ValueError(f'{path}:1: found {header.count(name)} columns "{name}", expected one')
    return [header.index(name) for name in names]


def _count(cells: Sequence[str]) -> str:
    if len(cells) < 2 and not "".join(cells).strip("\r\n"):
        return "an empty line"
    return "1 column" if len(cells) == 1 else f"{len(cells)} columns"


def read_jsonl(path: Path, columns: Sequence[str | int]) -> Records:
    """Read JSON Lines: one object a line; a column may be a dot path into nested objects."""
    names = _only_names(path, columns)
    for number, line in text_lines(path):
        record = _json_object(line, f"{path}:{number}")
        yield number, [nested_value(record, name, f"{path}:{number}") for name in names]


def _json_object(line: str, where: str) -> dict[str, object]:
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        found = f"{error.msg} at column {error.colno}" if line.strip() else "an empty line"
        raise ValueError(f"{where}: invalid JSON: {found}; expected one object a line") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: invalid JSON: {error}; expected one object a line") from None
    if not isinstance(record, dict):
        raise ValueError(f"{where}: found a JSON {type(record).__name__}, expected an object {{…}}")
    return record


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def read_parquet(path: Path, columns: Sequence[str | int]) -> Records:
    """Read Parquet in batches of 1024 rows; a column may be a dot path into nested columns."""
    names = _only_names(path, columns)
    try:
        with pa.parquet.ParquetFile(path) as file:
            wanted = check_schema(str(path), file.schema_arrow, names)
            number = 0
            for batch in file.iter_batches(batch_size=1024, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    yield number, [nested_value(record, name, f"{path}:{number}") for name in names]
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as Parquet ({error})") from None
    if number == 0:
        raise ValueError(f"{path}: found no rows; expected at least one row")


def check_schema(where: str, schema: pa.Schema, names: Iterable[str]) -> list[str]:
    """Check that an Arrow schema has the (possibly nested) columns; return the top-level columns to read.

    Raises:
        ValueError: for a column that does not exist, or exists twice.
    """
    existing = list(_schema_names(schema))
    wanted: dict[str, None] = {}  # in order, each once
    for name in names:
        if name not in existing:
            raise missing_column(where, name, existing)
        if existing.count(name) > 1:
            raise ValueError(f'{where}: found {existing.count(name)} columns "{name}", expected one')
        wanted[name if name in schema.names else name.partition(".")[0]] = None
    return list(wanted)


def _schema_names(fields: Iterable[pa.Field]) -> Iterator[str]:
    for field in fields:
        yield field.name
        if pa.types.is_struct(field.type):
            nested = [field.type.field(index) for index in range(field.type.num_fields)]
            yield from (f"{field.name}.{name}" for name in _schema_names(nested))


def _only_names(path: Path, columns: Sequence[str | int]) -> list[str]:
    names = [column for column in columns if isinstance(column, str)]
    if len(names) < len(columns):
        raise ValueError(
            f"{path}: found column positions, expected names: the columns of this format have names"
        )
    return names


READERS: dict[str, TableReader] = {
    ".tsv": read_tsv,
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".parquet": read_parquet,
}


def table_format(path: Path) -> str:
    """Return the key of ``READERS`` for a file name, upper or lower case, compressed or not.

    Raises:
        ValueError: for any other name.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = bool(suffixes) and suffixes[-1] in COMPRESSED
    suffix = "".join(suffixes[-2:-1] if compressed else suffixes[-1:])
    if suffix in READERS and not (compressed and suffix == ".parquet"):
        return suffix
    raise ValueError(
        f"{path}: unknown file type; expected a name that ends in {quoted(READERS)}, "
        f"or for all but Parquet in one of these and {quoted(COMPRESSED)}.{did_you_mean(suffix, READERS)}"
    )
