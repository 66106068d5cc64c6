"""What the generators of examples share."""

import hashlib
from collections.abc import Iterable

from attendo.data.sources.rows import SPLITS, Row, digest


def check_sizes(sizes: dict[str, int]) -> None:
    """Check that every split has at least one example.

    Raises:
        ValueError: naming the split that has not.
    """
    for split, size in sizes.items():
        if size < 1:
            raise ValueError(f"{split}: found {size} examples, expected at least 1")


def belongs(text: str, split: str) -> bool:
    """Return whether the text may stand in the split.

    The text alone decides, so that no two splits share one, whatever their sizes and seeds.
    """
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % len(SPLITS) == SPLITS.index(split)


def rows_digest(rows: Iterable[Row]) -> str:
    """Return a hash of the rows themselves."""
    return digest(*(field for row in rows for field in row.fields))
