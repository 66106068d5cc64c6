"""How ``attendo predict`` writes its answers."""

import errno
import gzip
import json
import logging
import lzma
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from io import TextIOBase
from math import isfinite
from pathlib import Path
from typing import Any, cast

from attendo.data.sources.tables import READERS
from attendo.data.sources.text_lines import COMPRESSED
from attendo.predictor import Classification, Classifier, Translation, Translator
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)

Answer = Classification | Translation
Fields = tuple[str, ...]  # a text, or both texts of a pair
Line = Callable[[Fields, Sequence[Answer]], str]  # (text, every run's answer) → a line without its end
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OF_NAMES = {".tsv": "tsv", ".jsonl": "jsonl", ".txt": "plain"}


def line_format(style: str, runs: Sequence[str]) -> Line:
    return {"tsv": tsv, "plain": plain, "jsonl": jsonl(runs)}[style]


def tsv(text: Fields, answers: Sequence[Answer]) -> str:
    """Where a search found fewer than n_best answers, the line is as much shorter."""
    return "\t".join(cell for answer in answers for cell in cells(answer)) if all(text) else ""


def plain(text: Fields, answers: Sequence[Answer]) -> str:
    """Of several answers to a text by one run, the best alone."""
    return "\t".join(cells(answer)[0] for answer in answers) if all(text) else ""


def jsonl(runs: Sequence[str]) -> Line:
    """One run's answer lies beside the text, those of several under the runs' names."""

    def line(text: Fields, answers: Sequence[Answer]) -> str:
        # JSON has no NaN, and who reads JSON lines wants an object for an empty text, too
        named = [facts(answer) if all(text) else dict.fromkeys(facts(answer)) for answer in answers]
        together = named[0] if len(named) == 1 else {"answers": dict(zip(runs, named, strict=True))}
        asked = dict(zip(("text", "text_b"), text, strict=False))
        return json.dumps({**asked, **together}, ensure_ascii=False)

    return line


def facts(answer: Answer) -> dict[str, object]:
    if isinstance(answer, Classification):
        return asdict(answer)
    # JSON has no infinity, which is the score where a search found nothing
    score = answer.score if isfinite(answer.score) else None
    found: dict[str, object] = {"translation": answer.text, "score": score}
    if answer.alternatives:
        found["alternatives"] = [facts(other) for other in answer.alternatives]
    return found


def cells(answer: Answer) -> list[str]:
    """The answer on one line, and how sure the model is; then its alternatives."""
    if isinstance(answer, Classification):
        return [on_one_line(answer.label), f"{answer.probability:.6f}"]
    pairs = [(each.text, f"{each.score:.6f}") for each in (answer, *answer.alternatives)]
    return [on_one_line(cell) for pair in pairs for cell in pair]


def header(predictors: Sequence[Classifier | Translator], runs: Sequence[str]) -> str:
    """Names of the columns that ``tsv`` writes; with several runs, each begins with its run's."""
    names = list(map(columns_of, predictors))
    if len(runs) == 1:
        return "\t".join(names[0])
    return "\t".join(on_one_line(f"{run}:{n}") for run, pair in zip(runs, names, strict=True) for n in pair)


def columns_of(predictor: Classifier | Translator) -> list[str]:
    if isinstance(predictor, Classifier):
        return ["labels" if predictor.is_multilabel else "label", "probability"]
    others = [
        f"{name}_{rank}" for rank in range(2, predictor.n_best + 1) for name in ("translation", "score")
    ]
    return ["translation", "score", *others]


def on_one_line(text: str) -> str:
    """A label or a translation may hold what ends a cell or a line; there, it is written as a space."""
    return re.sub(r"[\t\n\r]", " ", text)


def format_of(output: str, wanted: object) -> str:
    """tsv, jsonl or plain.

    Raises:
        ValueError: it is none of these, or the output's name promises something else.
    """
    formats = tuple(OF_NAMES.values())
    if wanted is not None:
        if wanted not in formats:
            hint = did_you_mean(str(wanted), formats)
            raise ValueError(f"format={wanted}: expected {', '.join(formats)}, or null.{hint}")
        return str(wanted)
    name = Path(output)
    suffix = Path(name.stem if name.suffix.lower() in COMPRESSED else name).suffix.lower()
    if suffix in READERS and suffix not in OF_NAMES:
        names = ", ".join(OF_NAMES)
        raise ValueError(
            f"output={output}: answers are not written as {suffix}; expected {names}, or format=…"
        )
    return OF_NAMES.get(suffix, "tsv")


@contextmanager
def opened(output: str) -> Iterator[TextIOBase]:
    """Standard output, or a file that takes the place of the old one when all is written.

    Raises:
        ValueError: the file cannot be written.
    """
    if output == "-":
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        yield cast(TextIOBase, sys.stdout)
        return
    path = Path(output).expanduser()
    try:
        with open_text(path, output) if is_device(path) else replacing(path.resolve(), output) as file:
            yield file
    except OSError as error:
        if error.errno in FULL:
            raise ValueError(f"output={output}: {error.strerror}") from error
        raise


def is_device(path: Path) -> bool:
    """Whether it is something like /dev/null or a named pipe, which no file can take the place of."""
    return path.exists() and not path.is_file()


@contextmanager
def replacing(path: Path, output: str) -> Iterator[TextIOBase]:
    """A file beside ``path`` that takes its place in the end, and stays where it is after a mistake."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with open_text(partial, output) as file:
            yield file
        os.replace(partial, path)
    except BaseException:
        if partial.exists() and partial.stat().st_size:
            log.warning("the answers so far are in %s", f"{output}.partial")
        else:
            partial.unlink(missing_ok=True)
        raise


def open_text(path: Path, output: str) -> TextIOBase:
    opener: Any = {".gz": gzip.open, ".xz": lzma.open}.get(Path(output).suffix.lower(), open)
    try:
        return cast(TextIOBase, opener(path, "wt", encoding="utf-8", newline="\n"))
    except OSError as error:
        raise ValueError(f"output={output}: cannot be written ({error.strerror})") from error
