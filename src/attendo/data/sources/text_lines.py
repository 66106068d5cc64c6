"""Files of text: finding, hashing and reading them, plain or compressed."""

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import TypeAlias

from attendo.suggestions import did_you_mean

Paths: TypeAlias = str | Path | Sequence[str | Path]

COMPRESSED = (".gz", ".xz")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def as_paths(paths: Paths) -> tuple[Path, ...]:
    """Return one path or a list of them as a tuple, with ``~`` expanded.

    Raises:
        ValueError: for an empty list.
    """
    several = [paths] if isinstance(paths, str | Path) else paths
    if not several:
        raise ValueError("an empty list of files; expected a path or a list of paths")
    return tuple(Path(path).expanduser() for path in several)


def check_file(path: Path) -> None:
    """Check that the path is a file.

    Raises:
        FileNotFoundError: naming the path and the nearest name in its folder.
        ValueError: when it is a folder.
    """
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; expected a file")
    if path.exists():
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: no such file; the folder {path.parent} does not exist either")
    neighbours = (neighbour.name for neighbour in path.parent.iterdir())
    raise FileNotFoundError(f"{path}: no such file.{did_you_mean(path.name, neighbours)}")


def file_digest(path: Path) -> str:
    """Return the BLAKE2b hash of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    r"""Yield (1-based number, line with its line end) of a UTF-8 file; only "\n" ends a line.

    A name that ends in .gz or .xz is decompressed; a byte order mark at the start is skipped.

    Raises:
        ValueError: for an empty file, bytes that are no UTF-8, or a damaged compressed file.
    """
    number = offset = 0
    with _open(path) as file:
        while raw := _next_line(file, f"{path}:{number + 1}"):
            number += 1
            skipped = len(BYTE_ORDER_MARK) if number == 1 and raw.startswith(BYTE_ORDER_MARK) else 0
            try:
                line = raw[skipped:].decode()
            except UnicodeDecodeError as error:
                position = skipped + error.start
                raise ValueError(
                    f"{path}:{number}: byte {raw[position]:#04x} at offset {offset + position} is no UTF-8 "
                    f"({error.reason}); expected UTF-8 text (iconv or recode can convert other encodings)"
                ) from None
            yield number, line
            offset += len(raw)
    if number == 0:
        raise ValueError(f"{path}: the file is empty; expected at least one line")


def _open(path: Path) -> BufferedIOBase:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)
    return lzma.open(path) if suffix == ".xz" else path.open("rb")


def _next_line(file: BufferedIOBase, where: str) -> bytes:
    try:
        return file.readline()
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{where}: the compressed file is damaged or ends early ({error}); copy or download it again"
        ) from None
