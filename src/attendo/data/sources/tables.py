"""Readers of table files: each yields (line or row number, values of the wanted columns), or a bad row."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet

from attendo.data.sources.rows import BadRow, missing_column, nested_value, quoted
from attendo.data.sources.text_lines import COMPRESSED, BadLine, Lines, record_lines
from attendo.suggestions import did_you_mean

Cells: TypeAlias = Iterator[tuple[int, list[str] | BadLine]]
Records: TypeAlias = Iterator[tuple[int, list[object]] | BadRow]
TableReader: TypeAlias = Callable[[Path, Sequence[str | int]], Records]


def read_tsv(path: Path, columns: Sequence[str | int]) -> Records:
    """Read tab-separated values: no quoting, one record a line."""
    return _delimited(path, _tsv_cells(path), columns)


def _tsv_cells(path: Path) -> Cells:
    for number, line in record_lines(path):
        yield number, line.split("\t") if isinstance(line, str) else line


def read_csv(path: Path, columns: Sequence[str | int]) -> Records:
    """Read comma-separated values (RFC 4180): fields in double quotes may hold commas and line ends."""
    return _delimited(path, _csv_cells(path), columns)


def _csv_cells(path: Path) -> Cells:
    """Where quoting is broken, one line is bad, and a record may begin at the next.

    An open quote swallows lines, up to one that cannot follow it. Those between are read one by one, and
    that one once more: no line is read more than twice.
    """
    csv.field_size_limit(2**31 - 1)  # the library's own limit, 131,072 characters, is shorter than a book
    lines = record_lines(path)
    taken: list[tuple[int, str | BadLine]] = []
    again: list[tuple[int, str | BadLine]] = []
    while True:
        try:
            for cells in csv.reader(_noted(chain(again, lines), taken), strict=True):
                bad_lines = (line for _, line in taken if isinstance(line, BadLine))
                yield taken[0][0], next(bad_lines, cells)
                taken.clear()
            return
        except csv.Error as error:
            yield taken[0][0], _broken(error)
        for number, line in taken[1:-1]:
            yield number, _cells_of_line(line)
        again = taken[1:][-1:]
        taken.clear()


def _noted(lines: Lines, taken: list[tuple[int, str | BadLine]]) -> Iterator[str]:
    for number, line in lines:
        taken.append((number, line))
        yield line if isinstance(line, str) else line.text


def _cells_of_line(line: str | BadLine) -> list[str] | BadLine:
    if isinstance(line, BadLine):
        return line
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error as error:
        return _broken(error)


def _broken(error: csv.Error) -> BadLine:
    return BadLine(
        f"{error}; expected CSV, where a field with a comma, a quote or a line end "
        'stands in "double quotes" and a quote inside is doubled'
    )


def _delimited(path: Path, records: Cells, columns: Sequence[str | int]) -> Records:
    names = [column for column in columns if isinstance(column, str)]
    positions = [column for column in columns if isinstance(column, int)]
    width = 0  # of the header, or else of the first line that has columns
    if names:
        header = _header(path, records)
        positions, width = _positions(path, names, header), len(header)
    number = 0
    for number, cells in records:
        if isinstance(cells, BadLine):
            yield BadRow(f"{path}:{number}", cells.problem)
            continue
        if width == 0 and not _is_blank(cells):
            width = _checked_width(path, number, cells, max(positions) + 1)
        if len(cells) == width:
            yield number, [cells[position] for position in positions]
        else:
            expected = f"{_count(width)} as in the first line" if width else "columns"
            yield BadRow(f"{path}:{number}", f"found {_found(cells)}, expected {expected}")
    if number == 0:
        raise ValueError(f"{path}: found a header and no rows; expected at least one row")


def _header(path: Path, records: Cells) -> list[str]:
    number, header = next(records)
    if isinstance(header, BadLine):
        raise ValueError(f"{path}:{number}: {header.problem}")
    return [cell.strip() for cell in header]


def _checked_width(path: Path, number: int, cells: Sequence[str], least: int) -> int:
    if len(cells) < least:
        raise ValueError(
            f"{path}:{number}: found {_found(cells)}, expected at least {least} (positions count from 0)"
        )
    return len(cells)


def _positions(path: Path, names: Iterable[str], header: list[str]) -> list[int]:
    for name in names:
        if name not in header:
            raise ValueError(
                f"{path}:1: {missing_column(name, header)} "
                "(A file without a header needs 0-based positions in place of names.)"
            )
        if header.count(name) > 1:
            raise ValueError(f'{path}:1: found {header.count(name)} columns "{name}", expected one')
    return [header.index(name) for name in names]


def _is_blank(cells: Sequence[str]) -> bool:
    return len(cells) < 2 and not "".join(cells).strip("\r\n")


def _found(cells: Sequence[str]) -> str:
    return "an empty line" if _is_blank(cells) else _count(len(cells))


def _count(columns: int) -> str:
    return "1 column" if columns == 1 else f"{columns} columns"


def read_jsonl(path: Path, columns: Sequence[str | int]) -> Records:
    """Read JSON Lines: one object a line; a column may be a dot path into nested objects."""
    names = _only_names(path, columns)
    for number, line in record_lines(path):
        try:
            record = _json_object(line)
            values = [nested_value(record, name) for name in names]
        except ValueError as error:
            yield BadRow(f"{path}:{number}", str(error))
        else:
            yield number, values


def _json_object(line: str | BadLine) -> dict[str, object]:
    if isinstance(line, BadLine):
        raise ValueError(line.problem)
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        found = f"{error.msg} at column {error.colno}" if line.strip() else "an empty line"
        raise ValueError(f"invalid JSON: {found}; expected one object a line") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"invalid JSON: {error}; expected one object a line") from None
    if not isinstance(record, dict):
        raise ValueError(f"found a JSON {type(record).__name__}, expected an object {{…}}")
    return record


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def read_parquet(path: Path, columns: Sequence[str | int]) -> Records:
    """Read Parquet in batches of 1024 rows; a column may be a dot path into nested columns."""
    names = _only_names(path, columns)
    number = 0
    for number, record in enumerate(_parquet_records(path, names), start=1):
        try:
            values = [nested_value(record, name) for name in names]
        except ValueError as error:
            yield BadRow(f"{path}:{number}", str(error))
        else:
            yield number, values
    if number == 0:
        raise ValueError(f"{path}: found no rows; expected at least one row")


def _parquet_records(path: Path, names: Sequence[str]) -> Iterator[Mapping[str, object]]:
    with refusing_damage(str(path), "Parquet"):
        file = pa.parquet.ParquetFile(path)
        schema = file.schema_arrow
    wanted = check_schema(str(path), schema, names)
    with refusing_damage(str(path), "Parquet"), file:
        for batch in file.iter_batches(batch_size=1024, columns=wanted):
            yield from batch.to_pylist()


@contextmanager
def refusing_damage(where: str, kind: str) -> Iterator[None]:
    """Turn what pyarrow raises into a ValueError that says where."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: cannot be read as {kind} ({error})") from None


def check_schema(where: str, schema: pa.Schema, names: Iterable[str]) -> list[str]:
    """Check that an Arrow schema has the (possibly nested) columns; return the top-level columns to read.

    Raises:
        ValueError: for a column that does not exist, or exists twice.
    """
    existing = list(_schema_names(schema))
    wanted: dict[str, None] = {}  # in order, each once
    for name in names:
        if name not in existing:
            raise ValueError(f"{where}: {missing_column(name, existing)}")
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
