"""Arrow tables: what goes in comes out, in any order."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attendo.data.tables import ROWS_PER_CHUNK, IdTable, IdTableWriter, TextTable

unhurried = settings(deadline=None)  # the machine may be busy
ids = st.lists(st.integers(0, 2**16 - 1), max_size=7)


def id_table(folder: Path, columns: dict[str, list[list[int]]], sizes: list[int]) -> IdTable:
    count = len(next(iter(columns.values())))
    writer = IdTableWriter(folder, list(columns), sizes)
    for start in range(0, count, 3):  # in several parts
        part = slice(start, start + 3)
        writer.append(np.arange(count)[part] * 10, [column[part] for column in columns.values()])
    writer.finish()
    assert [path.name for path in folder.iterdir()] == ["ids.arrow"]
    return IdTable.open(folder, list(columns))


@unhurried
@given(st.lists(st.tuples(ids, ids)), st.data())
def test_id_tables_return_every_row(pairs: list[tuple[list[int], list[int]]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        columns = {"source": [source for source, _ in pairs], "target": [target for _, target in pairs]}
        table = id_table(Path(folder), columns, [2**16, 2**16])
        assert len(table) == len(pairs)
        assert table.rows.tolist() == [10 * row for row in range(len(pairs))]
        for name, column in columns.items():
            assert len(table.columns[name]) == len(pairs)
            assert table.columns[name].lengths.tolist() == [len(row) for row in column]
        if pairs:
            rows = data.draw(st.lists(st.integers(0, len(pairs) - 1), min_size=1))
            end = data.draw(st.sampled_from([None, 3]))
            padded = table.columns["target"].padded(np.array(rows), padding=9, end=end)
            assert padded.tolist() == naively_padded([columns["target"][row] for row in rows], 9, end)
            assert padded.dtype == np.int64


def naively_padded(rows: list[list[int]], padding: int, end: int | None) -> list[list[int]]:
    complete = [row if end is None else [*row, end] for row in rows]
    width = max([1 + (end is not None), *map(len, complete)])
    return [row + [padding] * (width - len(row)) for row in complete]


@pytest.mark.parametrize(("size", "dtype"), [(2**16, np.uint16), (2**16 + 1, np.uint32)])
def test_ids_take_two_bytes_until_the_vocabulary_needs_four(tmp_path: Path, size: int, dtype: type) -> None:
    column = id_table(tmp_path, {"text": [[0, size - 1], [size - 1]]}, [size]).columns["text"]
    assert column.values.dtype == dtype
    assert column.padded(np.array([1, 0]), 0).tolist() == [[size - 1, 0], [0, size - 1]]


def test_an_id_that_the_vocabulary_does_not_have_room_for_is_an_error_not_another_id(tmp_path: Path) -> None:
    writer = IdTableWriter(tmp_path, ["text"], [100])
    with pytest.raises(OverflowError):
        writer.append(np.arange(1), [[[2**16]]])


def test_id_tables_are_mapped_not_copied(tmp_path: Path) -> None:
    before = pa.total_allocated_bytes()
    table = id_table(tmp_path, {"text": [list(range(100))] * 1000}, [100])
    assert not table.columns["text"].values.flags.owndata
    assert not table.columns["text"].values.flags.writeable
    assert pa.total_allocated_bytes() - before < 10_000


texts = st.text(st.characters(codec="utf-8"), max_size=5)


@unhurried
@given(st.lists(st.tuples(texts, texts)), st.data())
def test_text_tables_return_every_text(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        TextTable.write(Path(folder) / "texts.arrow", ["a", "b"], rows)
        table = TextTable.open(Path(folder) / "texts.arrow")
        assert len(table) == len(rows)
        chosen = data.draw(st.lists(st.integers(0, len(rows) - 1))) if rows else []
        assert table.texts("b", np.array(chosen, np.int64)) == [rows[row][1] for row in chosen]


@pytest.fixture(scope="module")
def long_table(tmp_path_factory: pytest.TempPathFactory) -> TextTable:
    path = tmp_path_factory.mktemp("texts") / "texts.arrow"
    TextTable.write(path, ["text"], ((f"text {row}",) for row in range(2 * ROWS_PER_CHUNK + 5)))
    return TextTable.open(path)


def test_texts_come_from_any_chunk_in_the_order_asked_for(long_table: TextTable) -> None:
    rows = np.random.default_rng(0).permutation(len(long_table))
    assert long_table.texts("text", rows) == [f"text {row}" for row in rows]
    streamed = list(long_table.stream("text", rows))
    assert [len(part) for part in streamed] == [ROWS_PER_CHUNK, ROWS_PER_CHUNK, 5]
    assert [text for part in streamed for text in part] == [f"text {row}" for row in rows]


def test_reading_a_few_texts_copies_no_column(long_table: TextTable) -> None:
    pool = pa.default_memory_pool()
    before = pool.total_bytes_allocated()
    long_table.texts("text", np.array([0, ROWS_PER_CHUNK, 2 * ROWS_PER_CHUNK]))
    assert pool.total_bytes_allocated() - before < 10_000
