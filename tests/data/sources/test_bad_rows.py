"""Bad rows: each has its place and its problem, and those after it are read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from attendo.data.reading import TextReader
from attendo.data.sources import BadRow, ParallelFiles, Row, TableFiles

NAMES = {"text": "text", "label": "label"}
PLACES = {"text": 0, "label": 1}

BAD_ROWS = {  # kind → (file name's end, the bad row, its problem); {} stands for the offset of the wrong byte
    "too few columns": (".tsv", b"one", "found 1 column, expected 2 columns as in the first line"),
    "too many columns": (".tsv", b"one\tx\ty", "found 3 columns, expected 2 columns as in the first line"),
    "a blank line": (".tsv", b"", "found an empty line, expected 2 columns as in the first line"),
    "a blank record": (".csv", b"\r", "found an empty line, expected 2 columns as in the first line"),
    "an empty text": (".tsv", b" \xe2\x80\xa8\tx", "the text is empty; expected something other than white"),
    "an empty label": (".csv", b"one,", "the label is empty; expected something other than white space"),
    "bytes in a text": (
        ".tsv",
        b"na\xefve\tx",
        "byte 0xef at offset {} is no UTF-8 (invalid continuation by",
    ),
    "bytes elsewhere": (
        ".csv",
        b'"one\n\xff",x',
        "byte 0xff at offset {} is no UTF-8 (invalid start byte); ex",
    ),
    "bytes in JSON": (".jsonl", b'{"text": "\xc3"}', "byte 0xc3 at offset {} is no UTF-8"),
    "text after a quote": (".csv", b'"one"1,x', "',' expected after '\"'; expected CSV, where a field with"),
    "an open quote": (".csv", b'"one,x', "',' expected after '\"'; expected CSV, where a field with"),
    "a lone carriage return": (".csv", b"one\rtwo,x", "new-line character seen in unquoted field"),
    "half a record": (
        ".jsonl",
        b'{"text": "a",',
        "invalid JSON: Expecting property name enclosed in double qu",
    ),
    "an empty record": (".jsonl", b"", "invalid JSON: an empty line; expected one object a line"),
    "a list": (".jsonl", b'["a", 1]', "found a JSON list, expected an object {…}"),
    "a missing name": (
        ".jsonl",
        b'{"text": "a", "labl": 1}',
        'no column "label"; the columns are "text", "labl".',
    ),
    "nothing": (
        ".jsonl",
        b'{"text": "a", "label": null}',
        "the label is nothing; expected text, a number or a",
    ),
    "NaN": (
        ".jsonl",
        b'{"text": "a", "label": NaN}',
        "invalid JSON: NaN is no JSON number; expected one obj",
    ),
    "infinity": (
        ".jsonl",
        b'{"text": "a", "label": 1e999}',
        "the label is float inf; expected text, a number or",
    ),
    "half a letter": (
        ".jsonl",
        b'{"text": "\\ud83d", "label": 1}',
        "the text has half a surrogate pair, '\\ud8",
    ),
    "a huge number": (
        ".jsonl",
        b'{"text": 1%s, "label": 1}' % (b"0" * 5000),
        "invalid JSON: Exceeds the limit",
    ),
    "depth": (".jsonl", b"[" * 100_000, "invalid JSON: maximum recursion depth exceeded"),
}
SURROUNDINGS = {
    ".tsv": (b"text\tlabel\ngood\tx\n", b"\nfine\ty\n"),
    ".csv": (b'text,label\n"good",x\n', b'\n"fine",y\n'),
    ".jsonl": (b'{"text": "good", "label": "x"}\n', b'\n{"text": "fine", "label": "y"}\n'),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_reported_with_its_place_and_the_next_is_read(tmp_path: Path, kind: str) -> None:
    ending, content, problem = BAD_ROWS[kind]
    before, after = SURROUNDINGS[ending]
    path = tmp_path / f"a{ending}"
    path.write_bytes(before + content + after)
    good, bad, fine = TextReader(TableFiles(NAMES, train=path), None, "skip", tmp_path).rows("train")
    first = before.count(b"\n")
    assert good == Row(("good", "x"), f"{path}:{first}")
    assert isinstance(bad, BadRow) and bad.where == f"{path}:{first + 1}"
    wrong_byte = next((byte for byte in (0xEF, 0xFF, 0xC3) if byte in content), 0)
    offset = (before + content + bytes(1)).index(wrong_byte)
    assert bad.problem.startswith(problem.replace("{}", str(offset)))
    assert str(bad.error) == f"{bad.where}: {bad.problem}"
    assert fine == Row(("fine", "y"), f"{path}:{first + 2 + content.count(bytes([10]))}")


def test_an_open_quote_costs_one_line_however_far_it_reaches(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = ["good,x", '"open,x', *(f"line {n},x" for n in range(1000)), '"two\nlines",y', "last,x", "5,x"]
    path.write_text("".join(f"{line}\n" for line in lines))
    rows = list(TableFiles(PLACES, train=path).rows("train"))
    assert [row.where for row in rows if isinstance(row, BadRow)] == [f"{path}:2"]
    assert [row.fields for row in rows if isinstance(row, Row)] == [
        ("good", "x"),
        *((f"line {n}", "x") for n in range(1000)),
        ("two\nlines", "y"),
        ("last", "x"),
        ("5", "x"),
    ]


def test_quotes_that_reach_across_every_line_take_no_more_than_twice_as_long(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,x\n" + 'x","y\n' * 20_000)  # read again from every line it would take minutes
    rows = list(TableFiles(PLACES, train=path).rows("train"))
    assert sum(isinstance(row, BadRow) for row in rows) == 20_000


def test_the_first_lines_of_a_file_without_a_header_may_be_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"\n\xff\tx\none\tx\ntwo\n")
    blank, bytes_, one, two = TableFiles(PLACES, train=path).rows("train")
    assert blank == BadRow(f"{path}:1", "found an empty line, expected columns")
    assert isinstance(bytes_, BadRow) and "byte 0xff at offset 1" in bytes_.problem
    assert one == Row(("one", "x"), f"{path}:3")
    assert two == BadRow(f"{path}:4", "found 1 column, expected 2 columns as in the first line")


@pytest.mark.parametrize("ending", SURROUNDINGS)
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n\n", b"\r\n \n", b" "])
def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path, ending: str, end: bytes) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"".join(SURROUNDINGS[ending]).replace(b"\n\n", b"\n") + end)
    assert [type(row) for row in TableFiles(NAMES, train=path).rows("train")] == [Row, Row]


def test_a_header_that_cannot_be_read_is_no_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content, message in ((b"text\xff,label\none,x\n", "byte 0xff"), (b'"text"s,label\none,x\n', "CSV")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"a\.csv:1: .*{message}"):
            TableFiles(NAMES, train=path).check("train")


def test_bad_rows_of_parquet_are_told_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    records = [{"text": "a", "label": [1]}, {"text": None, "label": [2]}, None, {"text": "b", "label": [3]}]
    pa.parquet.write_table(pa.table({"data": records, "label": [1, 2, 3, 4]}), path)
    rows = list(TableFiles({"text": "data.text", "label": "label"}, train=path).rows("train"))
    assert rows == [
        Row(("a", "1"), f"{path}:1"),
        BadRow(f"{path}:2", "the text is nothing; expected text, a number or a boolean"),
        BadRow(f"{path}:3", "the text is nothing; expected text, a number or a boolean"),
        Row(("b", "4"), f"{path}:4"),
    ]


def test_a_bad_pair_counts_once_and_names_the_side(tmp_path: Path) -> None:
    source, target = tmp_path / "a.de", tmp_path / "a.en"
    source.write_bytes(b"ein Hund\n\xff\n \n\nzwei\ndrei\n\n")
    target.write_bytes(b"a dog\n\xff\ncat\n\n\xc3\nthree\n\n\n")
    utf8 = "is no UTF-8 ({}); expected UTF-8 text (iconv or recode can convert other encodings)"
    assert list(ParallelFiles(train=(source, target)).rows("train")) == [
        Row(("ein Hund", "a dog"), f"{source}:1"),
        BadRow(f"{source}:2", f"byte 0xff at offset 9 {utf8.format('invalid start byte')}"),
        BadRow(f"{source}:3 and {target}:3", "the source is empty; expected text on both sides"),
        BadRow(f"{source}:4 and {target}:4", "the source is empty; expected text on both sides"),
        BadRow(f"{target}:5", f"byte 0xc3 at offset 13 {utf8.format('invalid continuation byte')}"),
        Row(("drei", "three"), f"{source}:6"),
    ]


def test_parallel_files_of_blank_lines_are_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "a.de", tmp_path / "a.en"
    source.write_bytes(b"\n\n")
    target.write_bytes(b"\n")
    with pytest.raises(ValueError, match=r"a\.de and .*a\.en: found nothing but blank lines"):
        ParallelFiles(train=(source, target)).check("train")
