"""Sentence pairs from two files, line by line."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from attendo.data.sources.rows import Row, digest, make_row
from attendo.data.sources.text_lines import Paths, as_paths, check_file, file_digest, text_lines


class ParallelFiles:
    """Sentence pairs from parallel text: line i of the source file belongs to line i of the target file.

    Text is UTF-8; files may be compressed (.gz, .xz).

    Args:
        train, validation, test: (source, target), each a path or a list of paths. With lists, the first
            source file belongs to the first target file, and so on.

    Raises:
        ValueError: when a split is no pair, or its sides have different numbers of files.
    """

    def __init__(
        self,
        train: Sequence[Paths],
        validation: Sequence[Paths] | None = None,
        test: Sequence[Paths] | None = None,
    ) -> None:
        self.roles = ("source", "target")
        named = {"train": train, "validation": validation, "test": test}
        self.pairs = {split: _pairs(split, sides) for split, sides in named.items() if sides is not None}

    def check(self, split: str) -> None:
        """Look for the split's files, then at the first line of each."""
        for path in (path for pair in self.pairs[split] for path in pair):
            check_file(path)
        for source, target in self.pairs[split]:
            next(self._paired_lines(source, target))

    def has(self, split: str) -> bool:
        """Return whether the split was named."""
        return split in self.pairs

    def fingerprint(self, split: str) -> str:
        """Return a hash of the files' bytes."""
        return digest("ParallelFiles", *(file_digest(path) for pair in self.pairs[split] for path in pair))

    def rows(self, split: str) -> Iterator[Row]:
        """Yield the pairs of the split's files, one pair of files after the other.

        Raises:
            ValueError: for an empty line, and at the end for unequal numbers of lines.
        """
        for source, target in self.pairs[split]:
            yield from self._paired_lines(source, target)

    def _paired_lines(self, source_path: Path, target_path: Path) -> Iterator[Row]:
        source_lines, target_lines = text_lines(source_path), text_lines(target_path)
        for number, (source, target) in enumerate(zip_longest(source_lines, target_lines), start=1):
            if source is None or target is None:
                source_count = number - (source is None) + sum(1 for _ in source_lines)
                target_count = number - (target is None) + sum(1 for _ in target_lines)
                raise ValueError(
                    f"{source_path} has {source_count} lines and {target_path} has {target_count}; "
                    "expected as many, line i of one the translation of line i of the other"
                )
            sides = source[1], target[1]
            if not all(side.strip() for side in sides):
                raise ValueError(
                    f"{source_path}:{number} and {target_path}:{number}: "
                    f"the {'target' if source[1].strip() else 'source'} is empty; expected text on both sides"
                )
            yield make_row(sides, self.roles, f"{source_path}:{number}")


def _pairs(split: str, sides: Sequence[Paths]) -> list[tuple[Path, Path]]:
    if isinstance(sides, str) or len(sides) != 2:
        raise ValueError(
            f"{split}: found {sides!r}; expected two entries, the source's and the target's files"
        )
    sources, targets = as_paths(sides[0]), as_paths(sides[1])
    if len(sources) != len(targets):
        raise ValueError(
            f"{split}: found {len(sources)} source and {len(targets)} target files; expected as many"
        )
    return list(zip(sources, targets, strict=True))
