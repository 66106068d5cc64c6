"""What other programs write comes back exactly, whatever the text holds."""

import csv
import gzip
import io
import json
import lzma
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendo.data.sources import ParallelFiles, TableFiles

COLUMNS = {"label": "Klasse", "text": "Text"}
ODD = "\r\x0b\x0c\x1c\x85\u2028\u2029\u00a0\u200b\ufeff\0\"',;\\#"
characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from(ODD)
cells = st.text(characters, min_size=1, max_size=20).filter(str.strip)
tables = st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=8)
endings = st.sampled_from(["", ".gz", ".xz"])


def compressed(content: bytes, ending: str) -> bytes:
    return {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending](content)


def rows_of(name: str, content: bytes, columns: dict[str, str] | dict[str, int]) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        source = TableFiles(columns, train=path)
        source.check("train")
        return [row.fields for row in source.rows("train")]


def expected(table: list[tuple[str, str, str]]) -> list[tuple[str, ...]]:
    return [(text.strip(), label.strip()) for text, _, label in table]


@settings(max_examples=40, deadline=None)
@given(tables, endings, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_tsv_file_comes_back(
    table: list[tuple[str, str, str]], ending: str, line_end: str, mark: bool, last_end: bool
) -> None:
    without = [tuple(cell.translate({9: " ", 10: " "}) or " " for cell in row) for row in table]
    without = [row if all(map(str.strip, row)) else ("a", "b", "c") for row in without]
    lines = ["\t".join(row) for row in [("Text", "Nummer", "Klasse"), *without]]
    content = line_end.join(lines) + (line_end if last_end else "")
    encoded = compressed(content.encode("utf-8-sig" if mark else "utf-8"), ending)
    assert rows_of("a.TSV" + ending, encoded, COLUMNS) == expected(without)


@settings(max_examples=40, deadline=None)
@given(tables, endings, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_csv_file_comes_back(
    table: list[tuple[str, str, str]], ending: str, line_end: str, mark: bool, header: bool
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("Text", "Nummer", "Klasse"), *table] if header else table)
    encoded = compressed(buffer.getvalue().encode("utf-8-sig" if mark else "utf-8"), ending)
    columns = COLUMNS if header else {"text": 0, "label": 2}
    assert rows_of("a.csv" + ending.upper(), encoded, columns) == expected(table)


@settings(max_examples=40, deadline=None)
@given(tables, endings, st.booleans(), st.booleans())
def test_a_jsonl_file_comes_back(
    table: list[tuple[str, str, str]], ending: str, ascii_only: bool, nested: bool
) -> None:
    records = [{"Text": text, "Nummer": number, "Klasse": label} for text, number, label in table]
    content = "".join(
        json.dumps({"data": record} if nested else record, ensure_ascii=ascii_only) + "\n"
        for record in records
    )
    columns = {role: f"data.{name}" if nested else name for role, name in COLUMNS.items()}
    assert rows_of("a.jsonl" + ending, compressed(content.encode(), ending), columns) == expected(table)


@settings(max_examples=40, deadline=None)
@given(tables, st.booleans(), st.integers(1, 3))
def test_a_parquet_file_comes_back(
    table: list[tuple[str, str, str]], nested: bool, rows_per_group: int
) -> None:
    records = [{"Text": text, "Nummer": number, "Klasse": label} for text, number, label in table]
    arrow = pa.Table.from_pylist([{"data": record} for record in records] if nested else records)
    buffer = io.BytesIO()
    pa.parquet.write_table(arrow, buffer, row_group_size=rows_per_group)
    columns = {role: f"data.{name}" if nested else name for role, name in COLUMNS.items()}
    assert rows_of("a.parquet", buffer.getvalue(), columns) == expected(table)


@settings(max_examples=40, deadline=None)
@given(tables, endings, st.booleans())
def test_parallel_files_come_back(table: list[tuple[str, str, str]], ending: str, last_end: bool) -> None:
    pairs = [(text.replace("\n", "|"), label.replace("\n", "|")) for text, _, label in table]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, "a.de" + ending), Path(folder, "a.en" + ending)]
        for path, side in zip(paths, zip(*pairs, strict=True), strict=True):
            path.write_bytes(compressed(("\n".join(side) + "\n" * last_end).encode(), ending))
        source = ParallelFiles(train=paths)
        source.check("train")
        assert [row.fields for row in source.rows("train")] == [
            (first.strip(), second.strip()) for first, second in pairs
        ]


@pytest.mark.parametrize("ending", [".gz", ".xz"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_compressed_file_that_ends_early_never_passes_as_complete(
    tmp_path: Path, ending: str, kept: float
) -> None:
    lines = "".join(f"{index * 7919 % 10007} words\tlabel\n" for index in range(3000))
    whole = compressed(lines.encode(), ending)
    path = tmp_path / f"cut.tsv{ending}"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(
        ValueError, match=r"cut\.tsv\.(gz|xz):\d+: the compressed file is damaged or ends early"
    ):
        list(TableFiles({"text": 0, "label": 1}, train=path).rows("train"))


def test_a_field_longer_than_the_csv_librarys_limit_comes_back() -> None:
    book = "word " * 50_000
    assert rows_of("a.csv", f"text,label\n{book},long\n".encode(), {"text": "text", "label": "label"}) == [
        (book.strip(), "long")
    ]
