"""Whatever a file holds: no crash without a message, and every row is used or reported, never lost."""

import gzip
import io
import lzma
import os
import tempfile
from itertools import pairwise, zip_longest
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet
from broken_files import (
    GOOD_LINES,
    JSON_PIECES,
    Outcome,
    as_json,
    as_tsv,
    contents,
    csv_records,
    decoded,
    expected,
    files,
    filled,
    lines_of,
    read,
    sentence,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attendo.data.reading import OnError, TextReader
from attendo.data.sources import HubDataset, ParallelFiles, Source, TableFiles

NAMES = {"text": "text", "label": "label"}
PLACES = {"text": 0, "label": 1}
budget = settings(max_examples=int(os.environ.get("EXAMPLES", "80")), deadline=None)


@budget
@given(contents(*GOOD_LINES))
@example(b"")
@example(b"one\tx\n\n \r\n\n")
@example(b"\n\none\tx\n\ntwo\ty")
def test_a_tsv_file(content: bytes) -> None:
    with files(a_tsv=b"text\tlabel\n" + content) as paths:
        found = read(TableFiles(NAMES, train=paths["a_tsv"]), paths["a_tsv"])
    wanted = expected(b"text\tlabel\n" + content, as_tsv, header=1)
    assert found.rows == wanted
    assert found.error is None if wanted else found.error.endswith("expected at least one row")


@budget
@given(contents(*GOOD_LINES))
def test_a_tsv_file_without_a_header(content: bytes) -> None:
    content = b"\xef\xbb\xbfone\tx\n" + content
    with files(a_tsv=content) as paths:
        found = read(TableFiles(PLACES, train=paths["a_tsv"]), paths["a_tsv"])
    assert found == Outcome(expected(content, as_tsv, header=0), found.problems, None)


@budget
@given(contents(*JSON_PIECES))
@example(b"{" * 100_000)
@example(b'{"text": 1' + b"0" * 5000 + b', "label": 1}')
def test_a_json_lines_file(content: bytes) -> None:
    content = b'{"text": 1, "label": 2}\n' + content
    with files(a_jsonl=content) as paths:
        found = read(TableFiles(NAMES, train=paths["a_jsonl"]), paths["a_jsonl"])
    assert found == Outcome(expected(content, as_json, header=0), found.problems, None)


@budget
@given(contents(*GOOD_LINES, b'",', b',"'))
@example(b'a,b\n"open,x\ngood,y\n"two\nlines",z\nlast,x\n')
@example(b'"open\n' + b'x","y\n' * 30)
@example(b'one,"\xff\n",x\ntwo,y\n')
def test_every_line_of_a_csv_file_belongs_to_one_record(content: bytes) -> None:
    content = b"text,label\n" + content
    with files(a_csv=content) as paths:
        found = read(TableFiles(NAMES, train=paths["a_csv"]), paths["a_csv"])
    lines = [line + b"\n" for line in lines_of(content)]
    if len(lines) == 1:
        assert not found.rows and found.error is not None
        return
    starts = [*found.rows, len(lines) + 1]
    assert found.error is None and starts[0] == 2 and starts == sorted(starts)
    for start, end in pairwise(starts):
        records = csv_records(b"".join(lines[start - 1 : end - 1]))
        if found.rows[start] is not None:  # used: another reader sees just this record there
            assert records is not None and [filled(record) for record in records] == [found.rows[start]]
        elif records is not None:  # reported: it can be read, but not be used
            assert len(records) == 1 and (len(records[0]) != 2 or filled(records[0]) is None)
        else:  # reported: one line of broken quoting, or a record with bytes that are no UTF-8
            assert end == start + 1 or decoded(b"".join(lines[start - 1 : end - 1])) is None
    whole = csv_records(b"".join(lines))
    assert whole is None or len(whole) - 1 == len(found.rows)


@budget
@given(contents(b"a\n", b"b c\n"), contents(b"A\n", b"B C\n"), st.booleans())
@example(b"a\n\n", b"A\n", False)
@example(b"a\n\n\nb", b"A\n\n\nB", False)
def test_parallel_files(source: bytes, target: bytes, are_equal: bool) -> None:
    sides = [source, target]
    if are_equal:
        most = max(side.count(b"\n") for side in sides)
        sides = [side + b"\n" * (most - side.count(b"\n")) + b"end\n" for side in sides]
    sides = [b"one\n" + side for side in sides]
    with files(a_de=sides[0], a_en=sides[1]) as paths:
        found = read(ParallelFiles(train=(paths["a_de"], paths["a_en"])), *paths.values())
    texts = [list(map(sentence, side.removesuffix(b"\n").split(b"\n"))) for side in sides]
    pairs = list(zip_longest(*texts, fillvalue=""))
    while pairs[-1] == ("", ""):
        pairs.pop()
    wanted = {number: pair if all(pair) else None for number, pair in enumerate(pairs, start=1)}
    if len(pairs) > min(map(len, texts)):
        assert found.error is not None and "expected as many, line i of one" in found.error
        assert found.rows.items() <= wanted.items()
    else:
        assert (found.rows, found.error) == (wanted, None)


columns = st.sampled_from([pa.string(), pa.binary(), pa.float64(), pa.int8(), pa.list_(pa.string())])


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A column of texts and one of any type, with nulls."""
    texts = draw(st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=8))
    kind = draw(columns)
    one = {
        pa.string(): st.text(max_size=3),
        pa.binary(): st.binary(max_size=3),
        pa.int8(): st.integers(-9, 9),
    }
    value = one.get(kind, st.floats(width=16) if kind == pa.float64() else st.just(["a"]))
    size = len(texts)
    labels = draw(st.lists(st.none() | value, min_size=size, max_size=size))
    return pa.table({"text": pa.array(texts, pa.string()), "label": pa.array(labels, kind)})


def expected_of(table: pa.Table) -> dict[int, tuple[str, ...] | None]:
    return {
        number: filled([record["text"], record["label"]])
        for number, record in enumerate(table.to_pylist(), start=1)
    }


@budget
@given(tables(), st.booleans())
def test_a_parquet_file(table: pa.Table, is_nested: bool) -> None:
    buffer = io.BytesIO()
    stored = pa.table({"data": table.to_struct_array()}) if is_nested else table
    pa.parquet.write_table(stored, buffer, row_group_size=3)
    names = {role: f"data.{name}" if is_nested else name for role, name in NAMES.items()}
    with files(a_parquet=buffer.getvalue()) as paths:
        found = read(TableFiles(names, train=paths["a_parquet"]), paths["a_parquet"])
    assert (found.rows, found.error) == (expected_of(table), None)


@settings(budget, max_examples=budget.max_examples // 4)
@given(tables())
def test_a_hub_dataset(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        datasets.Dataset(table).save_to_disk(folder)
        found = read(HubDataset(folder, NAMES, {"train": "train"}), Path(f"{folder}, split train"))
    assert (found.rows, found.error) == (expected_of(table), None)


# ------------------------------------------------------------------------------------------- damaged files
LINES = b"".join(b"%d words\tlabel\n" % (index * 7919 % 10007) for index in range(200))
WHOLE = {".gz": gzip.compress(LINES), ".xz": lzma.compress(LINES)}


@budget
@given(st.sampled_from(list(WHOLE)), st.data())
def test_a_damaged_compressed_file_ends_in_an_error_or_is_whole(ending: str, data: st.DataObject) -> None:
    whole = WHOLE[ending]
    place = data.draw(st.integers(0, len(whole) - 1))
    is_cut = data.draw(st.booleans())
    damaged = whole[:place] if is_cut else whole[:place] + b"\xa5\x5a" + whole[place + 2 :]
    with files(**{f"a_tsv{ending.replace('.', '_')}": damaged}) as paths:
        (path,) = paths.values()
        found = read(TableFiles(PLACES, train=path), path)
    wanted = expected(LINES, as_tsv, header=0)
    assert found.error is not None or (found.rows == wanted and not is_cut)
    assert not is_cut or list(found.rows.items()) == list(wanted.items())[: len(found.rows)]


@budget
@given(st.data())
def test_a_damaged_parquet_file_ends_in_a_message(data: st.DataObject) -> None:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.table({"text": ["a b"] * 50, "label": ["x", "y"] * 25}), buffer)
    whole = buffer.getvalue()
    with files(a_parquet=whole[: data.draw(st.integers(0, len(whole) - 1))]) as paths:
        found = read(TableFiles(NAMES, train=paths["a_parquet"]), paths["a_parquet"])
    assert found.error is not None and "cannot be read as Parquet" in found.error


# --------------------------------------------------------------------------------------- what is done with it
def result(source: Source, on_error: OnError, cache: Path) -> tuple[int, list[str], str | None]:
    """Rows used, rows reported, and the error."""
    try:
        raw = TextReader(source, None, on_error, cache).read("train")
    except ValueError as error:
        return 0, [], str(error)
    return len(raw.texts), [f"{row.where}: {row.problem}" for row in raw.skipped], None


@budget
@given(contents(*GOOD_LINES), st.sampled_from(["a_tsv", "a_csv", "a_jsonl"]))
def test_what_is_skipped_first_is_what_would_have_been_refused(content: bytes, name: str) -> None:
    with files(**{name: b"text\tlabel\n" + content, "b": b""}) as paths:
        source = TableFiles(PLACES if name != "a_jsonl" else NAMES, train=paths[name])
        found = read(source, paths[name])
        cache = paths["b"].with_name("cache")
        skipping = [result(source, "skip", cache) for _ in range(2)]  # built, then from the cache
        refusing = result(source, "error", cache)
    used = sum(fields is not None for fields in found.rows.values())
    assert skipping[0] == skipping[1]
    assert refusing[2] == (found.problems[0] if found.problems else found.error)
    if found.error is not None:
        assert skipping[0][2] == found.error
    elif used == 0:
        assert skipping[0][2].startswith(found.problems[0])
    else:
        assert skipping[0] == (used, found.problems, None)
        assert used + len(skipping[0][1]) == len(found.rows)
