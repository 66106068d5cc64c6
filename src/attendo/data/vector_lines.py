"""Lines of a file of word vectors, plain or compressed, as bytes."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO

from attendo.data.sources.text_lines import BYTE_ORDER_MARK

LINE_END = b" \r\n"  # not Python's white space: there are words of U+0085 and U+00A0
FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")


def vector_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (1-based number, line without its end) of all that are not blank.

    Raises:
        ValueError: the file is binary or damaged, or an archive of several files.
    """
    number = 0
    try:
        with _opened(path) as file:
            _check_text(path, file)
            for number, line in enumerate(file, start=1):
                if number == 1:
                    line = line.removeprefix(BYTE_ORDER_MARK.encode())
                if stripped := line.rstrip(LINE_END):
                    yield number, stripped
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # it cannot be opened, and that is said
            raise
        raise ValueError(
            f"{path}:{number + 1}: the file is damaged or ends early ({error}); copy or download it again"
        ) from None


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase | IO[bytes]]:
    if path.suffix.lower() != ".zip":
        with _decompressed(path) as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        names = [member.filename for member in archive.infolist() if not member.is_dir()]
        if len(names) != 1:
            raise ValueError(
                f"{path}: holds {len(names)} files ({', '.join(names[:5])}); expected one: unpack it"
            )
        with archive.open(names[0]) as file:
            yield file


def _decompressed(path: Path) -> BufferedIOBase:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return gzip.open(path)
    if suffix == ".xz":
        return lzma.open(path)
    return bz2.open(path) if suffix == ".bz2" else path.open("rb")


def _check_text(path: Path, file: BufferedIOBase | IO[bytes]) -> None:
    """Raises ValueError for the binary formats, without moving in the file."""
    start: bytes = file.peek(4096)  # type: ignore[union-attr]
    if start.startswith(FASTTEXT_MAGIC):
        raise ValueError(
            f"{path}: is a model of fastText (.bin); expected text: take the .vec file beside it"
        )
    if b"\0" in start:
        raise ValueError(
            f"{path}: is a binary file, perhaps word2vec's (.bin); expected text, as gensim writes with "
            "KeyedVectors.load_word2vec_format(path, binary=True).save_word2vec_format(new_path)"
        )
