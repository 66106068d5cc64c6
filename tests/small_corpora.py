"""Small corpora in files, of every kind that is read."""

import gzip
import json
import lzma
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

TEXTS = [(f"a {'good' if n % 2 else 'bad'} film, number {n}", "pos" if n % 2 else "neg") for n in range(40)]
PAIRS = [(f"the house {n}", f"das Haus {n}") for n in range(40)]


def write_table(path: Path, names: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    kind = "".join(path.suffixes)
    if kind.startswith(".parquet"):
        columns = zip(*rows, strict=True)
        pyarrow.parquet.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), path)
        return str(path)
    if kind.startswith(".jsonl"):
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    else:
        separator, quote = ("\t", "") if kind.startswith(".tsv") else (",", '"')
        lines = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in [names, *rows]]
    opened = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opened(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return str(path)


def write_corpora(folder: Path) -> None:
    """Small files under the names that the recipes look for."""
    for name in (
        "sst2/train.tsv",
        "sst2/valid.tsv",
        "sst2/test.tsv",
        "imdb/train.tsv.gz",
        "imdb/test.tsv.gz",
        "r8/train.tsv",
        "r8/test.tsv",
        "mr/all.tsv",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_table(folder / name, ("text", "label"), TEXTS)
    (folder / "glove").mkdir()
    with gzip.open(folder / "glove" / "glove.6B.50d.top60k.txt.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{word}{number * 50}\n" for word, number in (("good", " 1"), ("bad", " -1")))
    for name, sides in {
        "multi30k": (("train", "val", "test_2016_flickr"), ("en", "de")),
        "django": (("train", "valid", "test"), ("anno", "code")),
        "e2e_nlg": (("train", "valid", "test"), ("mr", "txt")),
        **{f"g2p/{name}": (("train", "dev", "test"), ("src", "tgt")) for name in ("fre", "kor", "ady")},
    }.items():
        (folder / name).mkdir(parents=True)
        for split, (side, ending) in product(sides[0], enumerate(sides[1])):
            lines = "".join(f"{pair[side]}\n" for pair in PAIRS)
            (folder / name / f"{split}.{ending}").write_text(lines, encoding="utf-8")
    references = "".join(f"{json.dumps([pair[1], pair[1].lower()])}\n" for pair in PAIRS)
    (folder / "e2e_nlg" / "test.refs.jsonl").write_text(references, encoding="utf-8")
