"""What a mistake looks like to the user, and files with mistakes in them."""

import gzip
import lzma
from pathlib import Path

from command_line import Ended, attendo
from small_corpora import PAIRS, TEXTS, write_table

HINT = "(HYDRA_FULL_ERROR=1 shows where this was found)\n"


def assert_is_one_message(ended: Ended, expected: str, lines: int = 1) -> None:
    """One message on standard error, exit code 2, no traceback, and nothing was trained."""
    assert expected in ended.err, ended.err
    assert ended.code == 2, ended
    assert ended.err.startswith("error: "), ended.err
    assert ended.err.count("error: ") == 1, ended.err
    assert len(ended.err.replace(HINT, "").splitlines()) == lines, ended.err
    assert "Traceback" not in ended.err
    assert "epoch " not in ended.out


def assert_refused(folder: Path, command: str, words: str, expected: str, lines: int = 1) -> None:
    """The same, and no checkpoint was written or changed below the folder."""
    before = checkpoints(folder)
    assert_is_one_message(attendo(command, *words.split()), expected, lines)
    assert checkpoints(folder) == before


def checkpoints(folder: Path) -> dict[Path, tuple[int, int]]:
    found = {path: path.stat() for path in folder.rglob("*.ckpt")}
    return {path: (facts.st_size, facts.st_mtime_ns) for path, facts in found.items()}


def write_mistakes(folder: Path) -> None:
    """Files with one mistake each, and good ones beside them."""
    good = "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in TEXTS)
    content = good.encode()
    write_table(folder / "good.jsonl", ("text", "label"), TEXTS)
    write_table(folder / "reviews.csv", ("review", "label"), TEXTS)
    write_table(folder / "good.parquet", ("text", "label"), TEXTS)
    write_table(folder / "pairs.tsv", ("source", "target"), PAIRS)
    jsonl = (folder / "good.jsonl").read_bytes()
    source, target = (
        ["".join(f"{pair[side]} {'!' * (n % 5)}\n" for n, pair in enumerate(PAIRS))] for side in (0, 1)
    )
    shorter = target[0].splitlines(keepends=True)
    files = {
        "good.tsv": content,
        "few.tsv": content + b"only a text\n",
        "many.tsv": content + b"a text\tpos\tmore\n",
        "blank.tsv": content + b"\nfine\tpos\n",
        "no_text.tsv": content + b"  \tpos\n",
        "no_label.tsv": content + b"fine\t\n",
        "latin.tsv": content + "schön\tpos\n".encode("latin-1"),
        "third.tsv": content + b"so so\tneutral\n",
        "one_class.tsv": b"text\tlabel\n" + b"fine\tpos\n" * 20,
        "one_row.tsv": b"text\tlabel\nfine\tpos\n",
        "twice.tsv": b"text\ttext\tlabel\na\tb\tpos\n",
        "labels.tsv": good.replace("label", "labels", 1).encode(),
        "header.tsv": b"text\tlabel\n",
        "empty.tsv": b"",
        "utf16.tsv": good.encode("utf-16"),
        "semicolons.csv": good.replace(",", "").replace("\t", ";").encode(),
        "quote.csv": good.replace(",", "").replace("\t", ",").encode() + b'"fine,pos\n',
        "broken.jsonl": jsonl + b"{'text': 'fine'}\n",
        "lacking.jsonl": jsonl + b'{"text": "fine", "labl": "pos"}\n',
        "nested.jsonl": jsonl + b'{"text": ["fine"], "label": "pos"}\n',
        "broken.parquet": content,
        "early.tsv.gz": gzip.compress(content)[:-20],
        "early.tsv.xz": lzma.compress(content)[:-20],
        "plain.tsv.gz": content,
        "words.doc": content,
        "a.en": source[0].encode(),
        "a.de": target[0].encode(),
        "short.de": "".join(shorter[:20] + shorter[21:]).encode(),
        "hole.de": "".join([*shorter[:7], "\n", *shorter[8:]]).encode(),
        "latin.de": "Häuser\n".encode("latin-1") * 40,
        "new.txt": b"a good film\nbad\n",
        "latin.txt": "schön\n".encode("latin-1"),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_bytes(text)
    (folder / "folder.tsv").mkdir()
    (folder / "dangling.tsv").symlink_to("gone.tsv")
