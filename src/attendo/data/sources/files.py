"""Examples from table files."""

from collections.abc import Iterator, Mapping

from attendo.data.sources.rows import BadRow, Row, digest, ordered_roles, row_or_bad
from attendo.data.sources.tables import READERS, table_format
from attendo.data.sources.text_lines import Paths, as_paths, check_file, file_digest


class TableFiles:
    """Examples from TSV, CSV, JSON Lines or Parquet files, told apart by their names.

    TSV has no quoting, CSV has RFC 4180's. All but Parquet may be compressed (.gz, .xz). Text is UTF-8.

    Args:
        columns: role -> column name (a dot path for nested JSON and Parquet columns), or for files
            without a header role -> 0-based position. Roles: text and label, with text_b for pairs of texts
            (None: no such column), or source and target.
        train, validation, test: a path or a list of paths, read one after the other.

    Raises:
        ValueError: for wrong roles, negative positions, or names and positions together.
    """

    def __init__(
        self,
        columns: Mapping[str, str | int | None],
        train: Paths,
        validation: Paths | None = None,
        test: Paths | None = None,
    ) -> None:
        self.roles = ordered_roles(columns)
        self.columns = [column for role in self.roles if (column := columns[role]) is not None]
        if len({type(column) for column in self.columns}) > 1 or len(set(self.columns)) < len(self.columns):
            raise ValueError(
                f"columns: found {dict(columns)}; expected all names or all positions, each once"
            )
        if any(isinstance(column, int) and column < 0 for column in self.columns):
            raise ValueError(f"columns: found {dict(columns)}; positions count from 0")
        named = {"train": train, "validation": validation, "test": test}
        self.paths = {split: as_paths(paths) for split, paths in named.items() if paths is not None}

    def check(self, split: str) -> None:
        """Look for the split's files, then at the first line of each."""
        for path in self.paths[split]:
            check_file(path)
            table_format(path)
        for path in self.paths[split]:
            next(READERS[table_format(path)](path, self.columns))

    def has(self, split: str) -> bool:
        """Return whether the split was named."""
        return split in self.paths

    def fingerprint(self, split: str) -> str:
        """Return a hash of the files' types and bytes and of the columns."""
        files = [f"{table_format(path)} {file_digest(path)}" for path in self.paths[split]]
        return digest("TableFiles", repr(self.columns), *files)

    def rows(self, split: str) -> Iterator[Row | BadRow]:
        """Yield the rows of the split's files, one file after the other."""
        for path in self.paths[split]:
            place = str(path)
            for record in READERS[table_format(path)](path, self.columns):
                if isinstance(record, BadRow):
                    yield record
                else:
                    number, values = record
                    yield row_or_bad(values, self.roles, f"{place}:{number}")
