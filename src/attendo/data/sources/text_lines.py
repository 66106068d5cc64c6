"""Files of text: finding, hashing and reading them, plain or compressed."""

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BufferedIOBase
from pathlib import Path
from typing import TypeAlias

from attendo.suggestions import did_you_mean

Paths: TypeAlias = str | Path | Sequence[str | Path]

COMPRESSED = (".gz", ".xz")
BYTE_ORDER_MARK = "\ufeff"


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
    if path.is_symlink():
        raise FileNotFoundError(f"{path}: is a link to {path.readlink()}, which does not exist")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: no such file; the folder {path.parent} does not exist either")
    neighbours = (neighbour.name for neighbour in path.parent.iterdir())
    raise FileNotFoundError(f"{path}: no such file.{did_you_mean(path.name, neighbours)}")


def file_digest(path: Path) -> str:
    """Return the BLAKE2b hash of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be read.

    Args:
        problem: what was found in it, and what was expected.
        text: what is left of it, with U+FFFD for what is no UTF-8.
    """

    problem: str
    text: str = ""


Lines: TypeAlias = Iterator[tuple[int, str | BadLine]]


def decoded_lines(file: Iterable[bytes]) -> Lines:
    """Yield (1-based number, line with its line end) of UTF-8 bytes, each as soon as it is there."""
    offset = 0
    for number, raw in enumerate(file, start=1):
        try:
            line: str | BadLine = raw.decode()
        except UnicodeDecodeError as error:
            line = BadLine(_not_utf8(error, offset), raw.decode(errors="replace"))
        yield number, (_without_mark(line) if number == 1 else line)
        offset += len(raw)


def text_lines(path: Path) -> Lines:
    r"""Yield (1-based number, line with its line end) of a UTF-8 file; only "\n" ends a line.

    A name that ends in .gz or .xz is decompressed; a byte order mark at the start is skipped.

    Raises:
        ValueError: for an empty file, or one that is damaged.
    """
    number = 0
    try:
        with _open(path) as file:
            for number, line in decoded_lines(file):
                yield number, line
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path}:{number + 1}: the compressed file is damaged or ends early ({error}); "
            "copy or download it again"
        ) from None
    except OSError as error:
        if error.filename is not None:  # it cannot be opened, and the error says so
            raise
        raise ValueError(f"{path}:{number + 1}: cannot be read ({error})") from error
    if number == 0:
        raise ValueError(f"{path}: the file is empty; expected at least one line")


def record_lines(path: Path) -> Lines:
    """Yield what ``text_lines`` does, without the blank lines at the end, which many programs leave there.

    Raises:
        ValueError: for what ``text_lines`` refuses, and for a file of blank lines.
    """
    blank: list[tuple[int, str | BadLine]] = []
    number = 0
    for number, line in text_lines(path):
        if isinstance(line, str) and not line.strip(" \r\n"):
            blank.append((number, line))
            continue
        if blank:
            yield from blank
            blank.clear()
        yield number, line
    if number == len(blank):
        raise ValueError(f"{path}: found nothing but blank lines; expected at least one line of text")


def _open(path: Path) -> BufferedIOBase:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)
    return lzma.open(path) if suffix == ".xz" else path.open("rb")


def _not_utf8(error: UnicodeDecodeError, offset: int) -> str:
    return (
        f"byte {error.object[error.start]:#04x} at offset {offset + error.start} is no UTF-8 "
        f"({error.reason}); expected UTF-8 text (iconv or recode can convert other encodings)"
    )


def _without_mark(line: str | BadLine) -> str | BadLine:
    if isinstance(line, BadLine):
        return replace(line, text=line.text.removeprefix(BYTE_ORDER_MARK))
    return line.removeprefix(BYTE_ORDER_MARK)
