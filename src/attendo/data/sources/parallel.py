"""Sentence pairs from two files, line by line."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from attendo.data.sources.parting import parting
from attendo.data.sources.rows import BadRow, Row, digest, row_or_bad
from attendo.data.sources.text_lines import (
    BadLine,
    Paths,
    as_paths,
    check_file,
    file_digest,
    record_lines,
    text_lines,
)

ROLES = ("source", "target")


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
        self.roles = ROLES
        named = {"train": train, "validation": validation, "test": test}
        self.pairs = {split: _pairs(split, sides) for split, sides in named.items() if sides is not None}

    def check(self, split: str) -> None:
        """Look for the split's files, then at the first line of each."""
        for path in (path for pair in self.pairs[split] for path in pair):
            check_file(path)
        for source, target in self.pairs[split]:
            next(_read_pairs(source, target))

    def has(self, split: str) -> bool:
        """Return whether the split was named."""
        return split in self.pairs

    def fingerprint(self, split: str) -> str:
        """Return a hash of the files' bytes."""
        return digest("ParallelFiles", *(file_digest(path) for pair in self.pairs[split] for path in pair))

    def rows(self, split: str) -> Iterator[Row | BadRow]:
        """Yield the pairs of the split's files, one pair of files after the other.

        Lines at the end that are blank on both sides, or on one and missing on the other, are no pairs.

        Raises:
            ValueError: at the end, for unequal numbers of lines.
        """
        for source, target in self.pairs[split]:
            yield from _read_pairs(source, target)


def _read_pairs(source_path: Path, target_path: Path) -> Iterator[Row | BadRow]:
    source_place, target_place = str(source_path), str(target_path)
    blank: list[int] = []
    lines = zip_longest(text_lines(source_path), text_lines(target_path), fillvalue=(0, ""))
    number = 0
    for number, ((source_number, source), (target_number, target)) in enumerate(lines, start=1):
        if _is_blank(source) and _is_blank(target):
            blank.append(number)
            continue
        if source_number != target_number:
            raise ValueError(_unequal(source_path, target_path))
        for earlier in blank:
            yield _pair("", "", f"{source_place}:{earlier}", f"{target_place}:{earlier}")
        blank.clear()
        yield _pair(source, target, f"{source_place}:{number}", f"{target_place}:{number}")
    if number == len(blank):
        raise ValueError(
            f"{source_path} and {target_path}: found nothing but blank lines; expected at least one pair"
        )


def _is_blank(line: str | BadLine) -> bool:
    return isinstance(line, str) and not line.strip()


def _pair(source: str | BadLine, target: str | BadLine, source_where: str, target_where: str) -> Row | BadRow:
    if isinstance(source, BadLine):
        return BadRow(source_where, source.problem)
    if isinstance(target, BadLine):
        return BadRow(target_where, target.problem)
    if not (source.strip() and target.strip()):
        side = "target" if source.strip() else "source"
        return BadRow(
            f"{source_where} and {target_where}", f"the {side} is empty; expected text on both sides"
        )
    return row_or_bad((source, target), ROLES, source_where)


def _unequal(source_path: Path, target_path: Path) -> str:
    sources, targets = _line_lengths(source_path), _line_lengths(target_path)
    message = (
        f"{source_path} has {len(sources)} lines and {target_path} has {len(targets)}; "
        "expected as many, line i of one the translation of line i of the other"
    )
    lines = parting(sources, targets)
    if lines is None:
        return message
    shorter, longer = source_path, target_path
    if len(sources) > len(targets):
        shorter, longer = longer, shorter
    first, last = lines
    return f"{message}. Judging by lengths, {shorter} lacks one of the lines {first} to {last} of {longer}"


def _line_lengths(path: Path) -> list[int]:
    return [len(line if isinstance(line, str) else line.text) for _, line in record_lines(path)]


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
