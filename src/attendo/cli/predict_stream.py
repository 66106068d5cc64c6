"""Examples as they arrive, and how many there will be."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

from attendo.cli.text_input import Example
from attendo.data.sources.rows import BadRow
from attendo.data.sources.text_lines import COMPRESSED


def count_texts(name: str) -> int | None:
    """About how many texts a file has, or None where that cannot be told from its lines."""
    path = Path(name).expanduser()
    suffix = path.suffix.lower()
    if name == "-" or not path.is_file() or suffix in (*COMPRESSED, ".parquet"):
        return None
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    return lines - (suffix in (".tsv", ".csv"))  # which mostly have a header


def what_is_there(examples: Iterator[Example | BadRow], most: int) -> Iterator[list[Example | BadRow]]:
    """Chunks of what has arrived: at least one example, at most ``most``. A thread reads ahead as many.

    Raises:
        OSError: the stream broke.
    """
    arrived: queue.Queue[Example | BadRow | OSError | None] = queue.Queue(most)
    threading.Thread(target=read_ahead, args=(examples, arrived), daemon=True, name="input").start()
    while True:
        items = [arrived.get()]
        while len(items) < most and not arrived.empty():
            items.append(arrived.get())
        if chunk := [item for item in items if isinstance(item, Example | BadRow)]:
            yield chunk
        if isinstance(items[-1], OSError):
            raise items[-1]
        if items[-1] is None:
            return


def read_ahead(
    examples: Iterator[Example | BadRow], arrived: "queue.Queue[Example | BadRow | OSError | None]"
) -> None:
    try:
        for example in examples:
            arrived.put(example)
        arrived.put(None)
    except OSError as error:
        arrived.put(error)
