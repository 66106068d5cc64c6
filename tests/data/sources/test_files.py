"""Table and parallel files: where rows come from, and what the user hears about mistakes."""

import csv
import gzip
import io
import tracemalloc
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from attendo.data.reading import TextReader
from attendo.data.sources import BadRow, ParallelFiles, Row, TableFiles

NAMES = {"text": "text", "label": "label"}


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, columns: dict[str, str] | dict[str, int] = NAMES) -> list[Row]:
    return good(TextReader(TableFiles(columns, train=path), None, "skip", Path("unused")).rows("train"))


def good(rows: Iterable[Row | BadRow]) -> list[Row]:
    """The rows, up to the first bad one, which is raised."""
    found = []
    for row in rows:
        if isinstance(row, BadRow):
            raise row.error
        found.append(row)
    return found


def test_rows_say_where_they_stand_and_fields_follow_the_roles(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "label\ttext\npos\t good  film \nneg\tbad\n")
    source = TableFiles({"label": "label", "text": "text"}, train=path)
    assert source.roles == ("text", "label")
    assert list(source.rows("train")) == [
        Row(("good  film", "pos"), f"{path}:2"),
        Row(("bad", "neg"), f"{path}:3"),
    ]


def test_a_csv_record_over_several_lines_stands_at_its_first_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'text,label\n"one\n\ntwo",a\nthree,b\n')
    assert [(row.fields[0], row.where.rsplit(":", 1)[1]) for row in read(path)] == [
        ("one\n\ntwo", "2"),
        ("three", "5"),
    ]


def test_several_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    first = written(tmp_path / "a.tsv", "text\tlabel\none\tx\n")
    second = written(tmp_path / "b.jsonl.gz", gzip.compress(b'{"label": true, "text": "two"}\n'))
    source = TableFiles(NAMES, train=[str(first), second], test=first)
    source.check("train")
    assert [row.fields for row in source.rows("train")] == [("one", "x"), ("two", "true")]
    assert [source.has(split) for split in ("train", "validation", "test")] == [True, False, True]


def test_numbers_and_booleans_become_text(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.jsonl",
        '{"text": "a", "label": true}\n{"text": "b", "label": 1}\n{"text": 2.5, "label": false}\n',
    )
    assert [row.fields for row in read(path)] == [("a", "true"), ("b", "1"), ("2.5", "false")]


def test_quotes_mean_nothing_in_tsv(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", '"one\t"\ntwo"\t""\n')
    assert [row.fields for row in read(path, {"text": 0, "label": 1})] == [('"one', '"'), ('two"', '""')]


WRONG_FILES = [
    ("a.tsv", "text\tlabel\none\n", r"a\.tsv:2: found 1 column, expected 2 columns as in the first line"),
    ("a.tsv", "text\tlabel\none\tx\tmore\n", r"a\.tsv:2: found 3 columns, expected 2"),
    ("a.tsv", "text\tlabel\n\none\tx\n", r"a\.tsv:2: found an empty line, expected 2"),
    ("a.csv", "text,label\n\none,x\n", r"a\.csv:2: found an empty line, expected 2"),
    ("a.tsv", "Txt\tLabel\none\tx\n", r'a\.tsv:1: no column "text"; .*"Txt", "Label"\. Did you mean "Txt"'),
    ("a.tsv", "text\tlabel\ttext\n1\t2\t3\n", r'a\.tsv:1: found 2 columns "text", expected one'),
    ("a.tsv", "text\tlabel\n", r"a\.tsv: found a header and no rows"),
    ("a.tsv", "", r"a\.tsv: the file is empty"),
    ("a.tsv", "\n \r\n", r"a\.tsv: found nothing but blank lines"),
    ("a.tsv", "text\tlabel\n \u2028\tx\n", r"a\.tsv:2: the text is empty"),
    ("a.tsv", "text\tlabel\none\t \n", r"a\.tsv:2: the label is empty"),
    ("a.tsv", b"text\tlabel\none\tx\nna\xefve\ty\n", r"a\.tsv:3: byte 0xef at offset 19 is no UTF-8"),
    ("a.tsv", "text\tlabel\n".encode("utf-16"), r"a\.tsv:1: byte 0xff at offset 0 is no UTF-8"),
    ("a.csv", 'text,label\none,x\n"two,y\nthree,z\n', r"a\.csv:3: .*expected CSV"),
    ("a.csv", 'text,label\n"one"1,x\n', r"a\.csv:2: .*expected CSV"),
    ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a",\n', r"a\.jsonl:2: invalid JSON: .* at column"),
    ("a.jsonl", '{"text": "a", "label": 1}\n\n{}', r"a\.jsonl:2: invalid JSON: an empty line"),
    ("a.jsonl", '{"text": "a", "label": NaN}\n', r"a\.jsonl:1: invalid JSON: NaN is no JSON number"),
    ("a.jsonl", '["a", 1]\n', r"a\.jsonl:1: found a JSON list, expected an object"),
    ("a.jsonl", '{"text": "a", "Label": 1}\n', r'a\.jsonl:1: no column "label"; .* Did you mean "Label"'),
    ("a.jsonl", '{"text": "a", "label": null}\n', r"a\.jsonl:1: the label is nothing"),
    ("a.jsonl", '{"text": ["a"], "label": 1}\n', r"a\.jsonl:1: the text is list"),
    (
        "a.jsonl",
        '{"text": "a", "label": ["b"]}\n',
        r"a\.jsonl:1: the label is a list of 1; expected text, .*sep",
    ),
    ("a.jsonl", '{"text": "a", "label": ["b", null]}\n', r"a\.jsonl:1: the label is nothing; expected text"),
    ("a.jsonl", '{"text": "a", "label": [["b"]]}\n', r"a\.jsonl:1: the label is list \['b'\]; expected text"),
    ("a.jsonl", '{"text": "\\ud83d", "label": 1}\n', r"a\.jsonl:1: the text has half a surrogate"),
    ("a.jsonl", "[" * 200_000 + "\n", r"a\.jsonl:1: invalid JSON"),
    ("a.tsv.gz", "text\tlabel\none\tx\n", r"a\.tsv\.gz:1: the compressed file is damaged"),
    ("a.tsv.xz", "text\tlabel\none\tx\n", r"a\.tsv\.xz:1: the compressed file is damaged"),
    ("a.parquet", "text\tlabel\n", r"a\.parquet: cannot be read as Parquet"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG_FILES)
def test_a_wrong_file_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(written(tmp_path / name, content))


@pytest.mark.parametrize("name", ["a.txt", "a.parquet.gz", "a.tsv.zip", "a", "a.gz"])
def test_an_unknown_file_type_is_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, "text\tlabel\none\tx\n")
    with pytest.raises(ValueError, match=r'unknown file type; expected a name that ends in "\.tsv"'):
        TableFiles(NAMES, train=path).check("train")


def test_check_finds_a_missing_file_of_any_split_and_names_the_nearest(tmp_path: Path) -> None:
    path = written(tmp_path / "train.tsv", "text\tlabel\none\tx\n")
    with pytest.raises(FileNotFoundError, match=r'tran\.tsv: no such file\. Did you mean "train\.tsv"\?'):
        TableFiles(NAMES, train=path, test=tmp_path / "tran.tsv").check("test")
    with pytest.raises(FileNotFoundError, match=r"the folder .* does not exist either"):
        TableFiles(NAMES, train=tmp_path / "nowhere" / "train.tsv").check("train")
    with pytest.raises(ValueError, match="is a folder; expected a file"):
        TableFiles(NAMES, train=tmp_path).check("train")


def test_check_finds_a_wrong_header_in_the_last_of_several_files(tmp_path: Path) -> None:
    good = written(tmp_path / "a.tsv", "text\tlabel\none\tx\n")
    wrong = written(tmp_path / "b.csv", "text,labels\none,x\n")
    with pytest.raises(ValueError, match=r'b\.csv:1: no column "label"; .* Did you mean "labels"'):
        TableFiles(NAMES, train=good, test=[good, wrong]).check("test")


def test_check_reads_only_the_beginning(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", b"text\tlabel\none\tx\n" + b"\xff" * 10)
    TableFiles(NAMES, train=path).check("train")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": "a", "labels": "b"}, 'found the roles "text", "labels", .* Did you mean "label"'),
        (
            {"text": "a", "target": "b"},
            'expected "text" and "label" .and "text_b" for pairs of texts., or "source"',
        ),
        ({"text": "a", "label": 1}, "expected all names or all positions"),
        ({"text": "a", "label": "a"}, "each once"),
        ({"text": 0, "label": -1}, "positions count from 0"),
    ],
)
def test_wrong_columns_are_refused(columns: dict[str, str | int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TableFiles(columns, train="a.tsv")


def test_a_position_beyond_the_first_line_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "one\tx\n")
    with pytest.raises(ValueError, match=r"a\.tsv:1: found 2 columns, expected at least 3"):
        read(path, {"text": 0, "label": 2})


def test_positions_are_refused_where_columns_have_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found column positions, expected names"):
        read(written(tmp_path / "a.jsonl", "{}\n"), {"text": 0, "label": 1})


def test_parquet_errors_name_column_and_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(pa.table({"text": ["a", None], "label": [1, 2]}), path)
    with pytest.raises(ValueError, match=r"a\.parquet:2: the text is nothing"):
        read(path)
    with pytest.raises(ValueError, match=r'no column "txt"; the columns are "text", "label"\. Did you'):
        TableFiles({"text": "txt", "label": "label"}, train=path).check("train")
    pa.parquet.write_table(
        pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.int8())}), path
    )
    with pytest.raises(ValueError, match="found no rows"):
        read(path)


def test_the_fingerprint_follows_bytes_columns_and_order(tmp_path: Path) -> None:
    content = "text\tlabel\tother\none\tx\ty\n"
    a, b = written(tmp_path / "a.tsv", content), written(tmp_path / "b.tsv", content + "two\tx\ty\n")
    moved = written(tmp_path / "moved.tsv", content)
    other = TableFiles({"text": "text", "label": "other"}, train=a)
    as_csv = TableFiles(NAMES, train=written(tmp_path / "a.csv", content))
    prints = [TableFiles(NAMES, train=paths).fingerprint("train") for paths in (a, b, [a, b], [b, a])]
    prints += [other.fingerprint("train"), as_csv.fingerprint("train")]
    assert len(set(prints)) == len(prints)
    assert TableFiles(NAMES, train=moved).fingerprint("train") == prints[0]
    written(a, content.replace("one", "eno"))
    assert TableFiles(NAMES, train=a).fingerprint("train") != prints[0]


@pytest.mark.parametrize("ending", ["tsv", "csv", "jsonl", "parquet"])
def test_reading_takes_constant_memory(tmp_path: Path, ending: str) -> None:
    path, words, count = tmp_path / f"a.{ending}", "many words " * 100, 6_000
    if ending == "parquet":
        arrow = pa.table({"text": [f"{words}{index}" for index in range(count)], "label": ["x"] * count})
        pa.parquet.write_table(arrow, path, row_group_size=1000)
    else:
        line = {
            "tsv": f"{words}\tx\n",
            "csv": f"{words},x\n",
            "jsonl": f'{{"text": "{words}", "label": 1}}\n',
        }
        header = {"tsv": "text\tlabel\n", "csv": "text,label\n", "jsonl": ""}
        written(path, header[ending] + line[ending] * count)
    tracemalloc.start()
    assert sum(1 for _ in TableFiles(NAMES, train=path).rows("train")) == count
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000 < count * len(words)


def test_parallel_lines_belong_together(tmp_path: Path) -> None:
    source = written(tmp_path / "train.de", "ein Hund\r\nzwei\u2028Hunde\n")
    target = written(tmp_path / "train.en", "a dog\ntwo dogs")
    files = ParallelFiles(train=(source, target), test=([source, source], [target, target]))
    files.check("train")
    assert list(files.rows("train")) == [
        Row(("ein Hund", "a dog"), f"{source}:1"),
        Row(("zwei\u2028Hunde", "two dogs"), f"{source}:2"),
    ]
    assert len(list(files.rows("test"))) == 4
    assert files.has("test") and not files.has("validation")
    assert files.fingerprint("train") != files.fingerprint("test")
    assert files.fingerprint("train") != ParallelFiles(train=(target, source)).fingerprint("train")


@pytest.mark.parametrize(("german", "english"), [(3, 5), (5, 3), (1, 4)])
def test_unequal_numbers_of_lines_are_refused_with_both_counts(
    tmp_path: Path, german: int, english: int
) -> None:
    source = written(tmp_path / "a.de", "Hund\n" * german)
    target = written(tmp_path / "a.en", "dog\n" * english)
    with pytest.raises(ValueError, match=rf"a\.de has {german} lines and .*a\.en has {english}"):
        list(ParallelFiles(train=(source, target)).rows("train"))


@pytest.mark.parametrize(
    ("german", "english", "side"), [(" \n", "dog\n", "source"), ("Hund\n", "\n", "target")]
)
def test_an_empty_line_is_refused_with_both_places(
    tmp_path: Path, german: str, english: str, side: str
) -> None:
    source = written(tmp_path / "a.de", f"Hund\n{german}Hund")
    target = written(tmp_path / "a.en", f"dog\n{english}dog")
    with pytest.raises(ValueError, match=rf"a\.de:2 and .*a\.en:2: the {side} is empty"):
        good(ParallelFiles(train=(source, target)).rows("train"))


def test_parallel_mistakes_are_found_early(tmp_path: Path) -> None:
    source = written(tmp_path / "a.de", "Hund\n")
    with pytest.raises(FileNotFoundError, match=r'a\.dee: no such file\. Did you mean "a\.de"'):
        ParallelFiles(train=(source, tmp_path / "a.dee")).check("train")
    with pytest.raises(ValueError, match=r"train: found .*expected two entries"):
        ParallelFiles(train=[source])
    with pytest.raises(ValueError, match="found 2 source and 1 target files"):
        ParallelFiles(train=([source, source], source))
    with pytest.raises(ValueError, match="empty list of files"):
        ParallelFiles(train=([], []))


def test_rows_are_streamed_not_collected(tmp_path: Path) -> None:
    content = io.StringIO(newline="")
    csv.writer(content).writerows([("text", "label"), ("one", "x"), ("two", "")])
    path = written(tmp_path / "a.csv", content.getvalue())
    assert [row.fields for row in islice(TableFiles(NAMES, train=path).rows("train"), 1)] == [("one", "x")]
