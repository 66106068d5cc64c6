"""Arrow tables on disk, mapped into memory: raw texts, and their token ids."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ROWS_PER_CHUNK = 8192  # part of the cache's format

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class TextTable:
    """Columns of raw texts; rows keep the order of their source."""

    table: pa.Table

    @classmethod
    def write(cls, path: Path, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Streams rows of strings (one per name) into an Arrow file."""
        schema = pa.schema([(name, pa.large_string()) for name in names])
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for chunk in chunks(rows):
                columns = zip(*chunk, strict=True)
                arrays = [pa.array(column, pa.large_string()) for column in columns]
                writer.write(pa.record_batch(arrays, schema=schema))

    @classmethod
    def open(cls, path: Path) -> "TextTable":
        return cls(pa.ipc.open_file(pa.memory_map(str(path))).read_all())

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def names(self) -> list[str]:
        names: list[str] = self.table.column_names
        return names

    def texts(self, name: str, rows: Rows) -> list[str]:
        """The texts of some rows, in that order."""
        column, chunk_of_row = self.table.column(name), rows // ROWS_PER_CHUNK
        texts = np.empty(len(rows), object)
        for number in np.unique(chunk_of_row):  # the whole column's `take` would copy it into memory first
            here = np.flatnonzero(chunk_of_row == number)
            chosen = column.chunk(int(number)).take(pa.array(rows[here] % ROWS_PER_CHUNK))
            texts[here] = chosen.to_numpy(zero_copy_only=False)
        found: list[str] = texts.tolist()
        return found

    def stream(self, name: str, rows: Rows) -> Iterator[list[str]]:
        """The texts of all those rows, a chunk at a time."""
        for start in range(0, len(rows), ROWS_PER_CHUNK):
            yield self.texts(name, rows[start : start + ROWS_PER_CHUNK])


@dataclass(frozen=True)
class IdColumn:
    """Lists of ids, flat: row i is ``values[offsets[i]:offsets[i + 1]]``; both are mapped from disk."""

    values: NDArray[np.unsignedinteger]
    offsets: Rows

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int32]:
        return np.diff(self.offsets).astype(np.int32)

    def padded(self, rows: Rows, padding: int, end: int | None = None) -> NDArray[np.int64]:
        """A (row, time) matrix of ids; ``end``, if given, is appended to every row before the padding."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        time = np.arange(max(int(lengths.max(initial=0)), 1) + (end is not None))
        is_token = time < lengths[:, None]
        matrix = np.full(is_token.shape, padding, np.int64)
        matrix[is_token] = self.values[(starts[:, None] + time)[is_token]]
        if end is not None:
            matrix[np.arange(len(rows)), lengths] = end
        return matrix


class IdTableWriter:
    """Appends ids to flat files; ``finish`` makes one Arrow table of them that maps without a copy."""

    def __init__(self, folder: Path, names: Sequence[str], vocabulary_sizes: Sequence[int]) -> None:
        self.folder, self.names = folder, list(names)
        self.dtypes = [np.uint16 if size <= 2**16 else np.uint32 for size in vocabulary_sizes]
        self.paths = [folder / f"{name}.bin" for name in self.names]
        self.lengths: list[list[NDArray[np.int64]]] = [[] for _ in self.names]
        self.rows: list[Rows] = []

    def append(self, rows: Rows, columns: Sequence[Sequence[Sequence[int]]]) -> None:
        """Adds ids of some rows of the text table: one list of ids per row, for every column."""
        self.rows.append(rows)
        for path, dtype, lengths, column in zip(self.paths, self.dtypes, self.lengths, columns, strict=True):
            lengths.append(np.fromiter(map(len, column), np.int64, len(column)))
            with open(path, "ab") as file:  # never left open, whatever stops the encoding
                file.write(np.fromiter(chain.from_iterable(column), dtype, int(lengths[-1].sum())).data)

    def finish(self) -> None:
        arrays: list[pa.Array] = [pa.array(concatenated(self.rows))]
        for path, dtype, lengths in zip(self.paths, self.dtypes, self.lengths, strict=True):
            offsets = np.concatenate([[0], np.cumsum(concatenated(lengths))])
            values = np.memmap(path, dtype, "r") if offsets[-1] else np.empty(0, dtype)
            arrays.append(pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values)))
        batch = pa.record_batch(arrays, names=["row", *self.names])
        with (
            pa.OSFile(str(self.folder / "ids.arrow"), "wb") as out,
            pa.ipc.new_file(out, batch.schema) as writer,
        ):
            writer.write(batch)
        for path in self.paths:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class IdTable:
    """Token ids of one split.

    Attributes:
        columns: role ("text", "source", "target") → ids, without BOS and EOS.
        rows: row of the text table that each row here came from.
    """

    columns: dict[str, IdColumn]
    rows: Rows

    @classmethod
    def open(cls, folder: Path, names: Sequence[str]) -> "IdTable":
        table = pa.ipc.open_file(pa.memory_map(str(folder / "ids.arrow"))).read_all()
        columns = {}
        for name in names:
            lists = table.column(name).chunk(0)
            columns[name] = IdColumn(
                lists.values.to_numpy(zero_copy_only=True), lists.offsets.to_numpy(zero_copy_only=True)
            )
        return cls(columns, table.column("row").chunk(0).to_numpy(zero_copy_only=True))

    def __len__(self) -> int:
        return len(self.rows)


def concatenated(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def chunks(rows: Iterable[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    chunk: list[Sequence[str]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == ROWS_PER_CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
