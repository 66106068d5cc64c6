"""The texts that ``attendo predict`` is asked about: from tables, text files and standard input."""

import queue
import threading
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from attendo.data.sources.rows import BadRow, Row, row_or_bad
from attendo.data.sources.tables import READERS, table_format
from attendo.data.sources.text_lines import COMPRESSED, BadLine, Lines, decoded_lines, text_lines

Text = str | BadRow  # "" for an empty one


def is_table(path: Path) -> bool:
    try:
        return bool(table_format(path))
    except ValueError:
        return False


def table_texts(path: Path, column: str | int) -> Iterator[Text]:
    """The texts in a column, one a row."""
    for record in READERS[table_format(path)](path, [column]):
        if isinstance(record, BadRow):
            yield record
        else:
            number, (value,) = record
            yield text_of(value, f"{path}:{number}")


def file_texts(path: Path) -> Iterator[Text]:
    """The lines of a text file."""
    return texts_of(text_lines(path), str(path))


def stream_texts(file: BufferedIOBase, name: str) -> Iterator[Text]:
    """The lines of a stream, each as soon as it is there.

    Args:
        file: UTF-8.
        name: of the stream, for messages.
    """
    return texts_of(decoded_lines(file), name)


def texts_of(lines: Lines, name: str) -> Iterator[Text]:
    for number, line in lines:
        where = f"{name}:{number}"
        yield BadRow(where, line.problem) if isinstance(line, BadLine) else text_of(line, where)


def count_texts(name: str) -> int | None:
    """About how many texts a file has, or None where that cannot be told from its lines."""
    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    if name == "-" or not path.is_file() or suffix in (*COMPRESSED, ".parquet"):
        return None
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    return lines - (suffix in (".tsv", ".csv"))  # which mostly have a header


def standard_input() -> BufferedIOBase:
    """Not ``sys.stdin``: a thread that waits for it would hold its lock when the program ends.

    Raises:
        ValueError: it is closed.
    """
    try:
        return open(0, "rb", closefd=False)
    except OSError as error:
        raise ValueError("input=-: standard input is closed; name a file, input=FILE") from error


def text_of(value: object, where: str) -> Text:
    """A value as training would have read it, but for empty ones, which are none of its texts."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    row = row_or_bad((value,), ("text",), where)
    return row.fields[0] if isinstance(row, Row) else row


def what_is_there(texts: Iterator[Text], most: int) -> Iterator[list[Text]]:
    """Chunks of what has arrived: at least one text, at most ``most``. A thread reads ahead as many.

    Raises:
        OSError: the stream broke.
    """
    arrived: queue.Queue[Text | OSError | None] = queue.Queue(most)
    threading.Thread(target=read_ahead, args=(texts, arrived), daemon=True, name="input").start()
    while True:
        items = [arrived.get()]
        while len(items) < most and not arrived.empty():
            items.append(arrived.get())
        if chunk := [item for item in items if isinstance(item, str | BadRow)]:
            yield chunk
        if isinstance(items[-1], OSError):
            raise items[-1]
        if items[-1] is None:
            return


def read_ahead(texts: Iterator[Text], arrived: "queue.Queue[Text | OSError | None]") -> None:
    try:
        for text in texts:
            arrived.put(text)
        arrived.put(None)
    except OSError as error:
        arrived.put(error)
