"""Sentence pairs from two files, line by line; to evaluate on, also with several targets for a source."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TypeAlias

from attendo.data.sources.parting import parting
from attendo.data.sources.rows import BadRow, Row, digest, row_or_bad, shortened
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
REFERENCES = "references"

Side: TypeAlias = Paths | Mapping[str, Sequence[Paths]]


class ParallelFiles:
    """Sentence pairs from parallel text: line i of the source file belongs to line i of the target file.

    Text is UTF-8; files may be compressed (.gz, .xz). In validation and test a source may have several
    targets, the references, of which the first counts as the target. Either the target's side is
    ``{"references": [one, other, …]}``, each as parallel as a single target would be; or its file's name
    ends in .jsonl, and every line is a JSON list of texts.

    Args:
        train, validation, test: (source, target), each a path or a list of paths. With lists, the first
            source file belongs to the first target file, and so on.

    Raises:
        ValueError: when a split is no pair, its sides have different numbers of files, or training is to have
            several references.
    """

    def __init__(
        self,
        train: Sequence[Side] | None,
        validation: Sequence[Side] | None = None,
        test: Sequence[Side] | None = None,
    ) -> None:
        self.roles = ROLES
        named = {"train": train, "validation": validation, "test": test}
        self.files = {split: _files(split, sides) for split, sides in named.items() if sides is not None}

    def check(self, split: str) -> None:
        """Look for the split's files, then at the first line of each."""
        for path in (path for paths in self.files[split] for path in paths):
            check_file(path)
        for paths in self.files[split]:
            next(_read_pairs(paths))

    def has(self, split: str) -> bool:
        """Return whether the split was named."""
        return split in self.files

    def fingerprint(self, split: str) -> str:
        """Return a hash of the files' bytes, and of how they are read."""
        kinds = [[_has_lists(path) for path in paths[1:]] for paths in self.files[split]]
        digests = (file_digest(path) for paths in self.files[split] for path in paths)
        return digest("ParallelFiles", repr(kinds), *digests)

    def rows(self, split: str) -> Iterator[Row | BadRow]:
        """Yield the pairs of the split's files, one pair of files after the other.

        Lines at the end that are blank on all sides, or on some and missing on the others, are no pairs.

        Raises:
            ValueError: at the end, for unequal numbers of lines.
        """
        for paths in self.files[split]:
            yield from _read_pairs(paths)


def _read_pairs(paths: Sequence[Path]) -> Iterator[Row | BadRow]:
    """Args: paths: the source's file, then the targets'."""
    has_lists = [_has_lists(path) for path in paths[1:]]
    places = [str(path) for path in paths]
    blank: list[int] = []
    number = 0
    for number, found in enumerate(zip_longest(*map(text_lines, paths), fillvalue=(0, "")), start=1):
        lines = [line for _, line in found]
        if all(map(_is_blank, lines)):
            blank.append(number)
            continue
        for path, (line_number, _) in zip(paths[1:], found[1:], strict=True):
            if line_number != found[0][0]:
                raise ValueError(_unequal(paths[0], path))
        for earlier in blank:
            yield _row([""] * len(paths), has_lists, [f"{place}:{earlier}" for place in places])
        blank.clear()
        yield _row(lines, has_lists, [f"{place}:{number}" for place in places])
    if number == len(blank):
        raise ValueError(f"{' and '.join(places)}: found nothing but blank lines; expected at least one pair")


def _is_blank(line: str | BadLine) -> bool:
    return isinstance(line, str) and not line.strip()


def _row(lines: Sequence[str | BadLine], has_lists: Sequence[bool], where: Sequence[str]) -> Row | BadRow:
    """Args: lines, where: of the source, then of the targets."""
    texts: list[str] = []
    for line, place in zip(lines, where, strict=True):
        if isinstance(line, BadLine):
            return BadRow(place, line.problem)
        texts.append(line)
    for side, text in enumerate(texts):
        if not text.strip():
            name = "target" if side else "source"
            return BadRow(
                f"{where[0]} and {where[side or 1]}", f"the {name} is empty; expected text on both sides"
            )
    if len(texts) == 2 and not has_lists[0]:
        return row_or_bad(texts, ROLES, where[0])
    targets: list[object] = []
    for text, is_list, place in zip(texts[1:], has_lists, where[1:], strict=True):
        try:
            targets += _listed(text) if is_list else [text]
        except ValueError as error:
            return BadRow(place, str(error))
    return row_or_bad((texts[0], targets), ROLES, f"{where[0]} and {where[1]}")


def _listed(line: str) -> list[object]:
    try:
        texts = json.loads(line)
    except (ValueError, RecursionError):
        texts = None
    if not isinstance(texts, list):
        raise ValueError(f"found {shortened(line.strip())}; expected a JSON list of texts")
    return texts


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


def _has_lists(path: Path) -> bool:
    """Say whether the lines of a target file are lists of references."""
    return path.name.lower().removesuffix(".gz").removesuffix(".xz").endswith(".jsonl")


def _files(split: str, sides: Sequence[Side]) -> list[tuple[Path, ...]]:
    """Return the files that belong together: a source's, and one of each target."""
    if isinstance(sides, str | Mapping) or len(sides) != 2 or isinstance(sides[0], Mapping):
        raise ValueError(
            f"{split}: found {sides!r}; expected two entries, the source's and the target's files"
        )
    files = [as_paths(sides[0]), *_targets(split, sides[1])]
    for targets in files[1:]:
        if len(targets) != len(files[0]):
            raise ValueError(
                f"{split}: found {len(files[0])} source and {len(targets)} target files; expected as many"
            )
    together = list(zip(*files, strict=True))
    if split == "train" and (len(files) > 2 or any(_has_lists(paths[1]) for paths in together)):
        raise ValueError(
            f"train: found several references, {sides[1]!r}; training takes one target for each source, "
            "only validation and test may have several"
        )
    return together


def _targets(split: str, side: Side) -> list[tuple[Path, ...]]:
    if not isinstance(side, Mapping):
        return [as_paths(side)]
    several = side.get(REFERENCES)
    if list(side) != [REFERENCES] or isinstance(several, str) or not several:
        raise ValueError(f"{split}: found {dict(side)}; expected {{references: [file, file, …]}}")
    return [as_paths(paths) for paths in several]
