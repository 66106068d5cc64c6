"""What ``attendo predict`` and ``attendo explain`` are asked about: tables, text files, standard input."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from attendo.data.labels import label_names, label_text
from attendo.data.reading import UnicodeForm, labels_and_nearest, normalised
from attendo.data.sources.rows import BadRow, row_or_bad, shortened
from attendo.data.sources.tables import READERS, table_format
from attendo.data.sources.text_lines import BadLine, Lines, check_file, decoded_lines, text_lines
from attendo.predictor import Classifier, Translator

Column = str | int

STANDARD_INPUT = "standard input"
NAMES = {1: ("text",), 2: ("first text", "second text")}  # of an example's texts, for messages


@dataclass(frozen=True)
class Example:
    """A text, or a pair of texts.

    Attributes:
        where: its place, such as ``reviews.tsv:17``.
        texts: "" for an empty one.
        truth: the classes that it has, or None if nobody said.
    """

    where: str
    texts: tuple[str, ...]
    truth: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LabelReader:
    """Reads right labels as training read its own.

    Args:
        column: of the table.
        labels: class names of the model.
        unicode: normal form of the run's texts and labels.
        separator: between several labels of one row, or None.
    """

    column: Column
    labels: Sequence[str]
    unicode: UnicodeForm | None
    separator: str | None

    def classes(self, value: object, where: str) -> tuple[str, ...] | None:
        """None where nothing is said; of several labels, an empty text says that there are none.

        Raises:
            ValueError: the value is no label of the model.
        """
        if value is None or (self.separator is None and isinstance(value, str) and not value.strip()):
            return None
        row = row_or_bad((value,), ("label",), where)
        if isinstance(row, BadRow):
            raise ValueError(row.problem)
        separator = None if self.separator is None else normalised(self.separator, self.unicode)
        listed = None if row.labels is None else [normalised(name, self.unicode) for name in row.labels]
        names = label_names(label_text(normalised(row.fields[0], self.unicode), listed, separator), separator)
        for name in names:
            if name not in self.labels:
                hint = labels_and_nearest(name, self.labels)
                raise ValueError(f"label {shortened(name)!r} does not occur in training {hint}")
        return tuple(names)


# ---------------------------------------------------------------------------------------------- what is asked
def check_input(name: str | None, columns: Mapping[str, object]) -> None:
    """The input is there, and only a table has columns.

    Args:
        name: of a file, "-" for standard input, or None for the run's own data.
        columns: key of the configuration → what it says; only "column" may name two.
    """
    path = None if name in (None, "-") else Path(str(name)).expanduser()
    if path is not None:
        check_file(path)
    for key, column in columns.items():
        if column is None:
            continue
        is_list = isinstance(column, list) and key == "column"
        for one in column if is_list and isinstance(column, list) else [column]:
            is_place = isinstance(one, int) and not isinstance(one, bool) and one >= 0
            if not is_place and not isinstance(one, str):
                pairs = ", or for pairs two of them" if key == "column" else ""
                raise ValueError(f"{key}={column}: expected a name or a 0-based position{pairs}")
        if path is None or not is_table(path):
            raise ValueError(f"{key}={column}: input={name or 'null'} is no table, and has no columns")


def is_table(path: Path) -> bool:
    try:
        return bool(table_format(path))
    except ValueError:
        return False


def own_columns(predictors: Sequence[Classifier | Translator]) -> list[Column] | None:
    """What the texts' columns were called in training; None if nobody knows, or if runs differ in it."""
    found: set[tuple[Column | None, ...]] = set()
    for predictor in predictors:
        named = predictor.trained.contents.config["data"].get("columns") or {}  # generated texts have none
        found.add(tuple(named.get(reader.role) for reader in predictor.readers))
    columns = [column for column in found.pop() if column is not None]
    return columns if columns and not found else None


def text_columns(
    path: Path, wanted: object, predictors: Sequence[Classifier | Translator], sides: int
) -> list[Column]:
    """The table's columns of texts: those that were asked for, or those of training."""
    if wanted is None:
        own = own_columns(predictors)
        if own is None:
            runs = "run does" if len(predictors) == 1 else "runs do"
            raise ValueError(f"input={path}: the {runs} not say which column to read: give column=…")
        return own
    columns: list[Column] = wanted if isinstance(wanted, list) else [wanted]  # type: ignore[list-item]
    if len(columns) != sides:
        expected = (
            "one column: the run reads single texts"
            if sides == 1
            else "two, column=[FIRST,SECOND]: the run reads pairs of texts"
        )
        raise ValueError(f"column={wanted}: expected {expected}")
    return columns


def label_column(
    path: Path, columns: Sequence[Column], wanted: Column | None, own: Column | None
) -> Column | None:
    """The column that was asked for; or that of training, if the table has it."""
    if wanted is not None or own is None or own in columns:
        return wanted
    try:
        first = next(READERS[table_format(path)](path, [*columns, own]), None)
    except ValueError:  # there is no such column, or the whole table is wrong, which is told when it is read
        return None
    return None if isinstance(first, BadRow) else own


# ----------------------------------------------------------------------------------------------- the examples
def table_examples(
    path: Path, columns: Sequence[Column], truth: LabelReader | None = None
) -> Iterator[Example | BadRow]:
    """An example a row: a text in a column, or a pair in two; and its right labels in another one."""
    wanted = [*columns, *([] if truth is None else [truth.column])]
    for record in READERS[table_format(path)](path, wanted):
        if isinstance(record, BadRow):
            yield record
            continue
        number, values = record
        where = f"{path}:{number}"
        try:
            classes = None if truth is None else truth.classes(values[-1], where)
        except ValueError as error:
            yield BadRow(where, str(error))
        else:
            yield example(values[: len(columns)], where, classes)


def file_examples(path: Path, sides: int) -> Iterator[Example | BadRow]:
    """An example a line of a text file.

    Args:
        path: of UTF-8 text, perhaps compressed.
        sides: 1 for texts, 2 for pairs with a tab between.
    """
    return line_examples(text_lines(path), str(path), sides)


def piped_examples(sides: int) -> Iterator[Example | BadRow]:
    """An example a line of standard input, each as soon as it is there.

    Raises:
        ValueError: it is closed.
    """
    return line_examples(decoded_lines(standard_input()), STANDARD_INPUT, sides)


def line_examples(lines: Lines, name: str, sides: int) -> Iterator[Example | BadRow]:
    for number, line in lines:
        where = f"{name}:{number}"
        if isinstance(line, BadLine):
            yield BadRow(where, line.problem)
        elif sides == 1 or not line.strip():
            yield example([line] * sides, where)
        else:
            yield pair(line, where)


def pair(line: str, where: str) -> Example | BadRow:
    fields = line.rstrip("\r\n").split("\t")
    if len(fields) == 2:
        return example(fields, where)
    found = "no tab" if len(fields) == 1 else f"{len(fields) - 1} tabs"
    return BadRow(where, f"found {found}; expected a pair of texts: the first text, a tab, the second text")


def example(values: Sequence[object], where: str, truth: tuple[str, ...] | None = None) -> Example | BadRow:
    """Texts as training would have read them, but for empty ones, which are none of its texts."""
    texts: list[str] = []
    for name, value in zip(NAMES[len(values)], values, strict=True):
        if value is None or (isinstance(value, str) and not value.strip()):
            texts.append("")
            continue
        row = row_or_bad((value,), (name,), where)
        if isinstance(row, BadRow):
            return row
        texts += row.fields
    return Example(where, tuple(texts), truth)


def standard_input() -> BufferedIOBase:
    """Not ``sys.stdin``: a thread that waits for it would hold its lock when the program ends.

    Raises:
        ValueError: it is closed.
    """
    try:
        return open(0, "rb", closefd=False)
    except OSError as error:
        raise ValueError("input=-: standard input is closed; name a file, input=FILE") from error
