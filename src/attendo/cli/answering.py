"""What the commands share that answer texts line by line."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from attendo.checkpoint import checkpoint_of
from attendo.cli.predict_output import Fields, format_of
from attendo.cli.text_input import Example, check_input
from attendo.data.reading import OnError
from attendo.data.sources.rows import BadRow
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]
ON_ERROR = get_args(OnError)


def as_list(value: object) -> list[str]:
    """What a key names that takes one thing or a list, as ``run=`` and ``input=`` do."""
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def check_runs(runs: Sequence[str], checkpoint: str) -> None:
    if not runs or len(set(runs)) < len(runs):
        raise ValueError(f"run={runs}: expected a run, or a list of different ones")
    for run in runs:
        checkpoint_of(run, checkpoint)


def check_values(config: Settings) -> None:
    """Single values; no class stands behind them that would refuse them."""
    on_error, tokens = config["on_error"], config["batch_tokens"]
    if on_error not in ON_ERROR:
        raise ValueError(
            f"on_error={on_error}: expected {' or '.join(ON_ERROR)}.{did_you_mean(on_error, ON_ERROR)}"
        )
    if config["header"] not in (True, False, None):
        raise ValueError(f"header={config['header']}: expected true, false or null")
    if config["header"] and format_of(config["output"], config["format"]) != "tsv":
        raise ValueError("header=true: only format=tsv has a header")
    if tokens is not None and (not isinstance(tokens, int) or tokens < 1):
        raise ValueError(f"batch_tokens={tokens}: expected 1 or more tokens, or null")


def check_files(config: Settings) -> None:
    """The input is there, the output can be written, and they are not the same."""
    source, target = Path(config["input"]).expanduser(), Path(config["output"]).expanduser()
    from_file, to_file = config["input"] != "-", config["output"] != "-"
    check_input(config["input"], {"column": config["column"]})
    if to_file and target.is_dir():
        raise ValueError(f"output={target}: is a folder; expected a file")
    if to_file and not target.parent.is_dir():
        raise FileNotFoundError(f"output={target}: the folder {target.parent} does not exist")
    if from_file and to_file and target.is_file() and target.samefile(source):
        raise ValueError(f"output={target} is the input, too: name another file")


def usable(chunk: Iterable[Example | BadRow], skips: bool, sides: int) -> tuple[list[Fields], list[BadRow]]:
    """Texts to answer, and bad rows: each of them an empty text, or only the first, where the texts end."""
    texts: list[Fields] = []
    bad = []
    for example in chunk:
        if isinstance(example, BadRow):
            bad.append(example)
            if not skips:
                break
        texts.append(("",) * sides if isinstance(example, BadRow) else example.texts)
    return texts, bad


def has_header(config: Settings) -> bool:
    """Whether a TSV begins with names of its columns; on standard output, line i answers line i."""
    return config["output"] != "-" if config["header"] is None else bool(config["header"])


def is_shown(config: Settings) -> bool:
    """Whether to say how far the work has come: not to whoever sees the answers, nor in a pipe."""
    return config["output"] != "-" or (config["input"] != "-" and not sys.stdout.isatty())


def told(bad_rows: Sequence[BadRow]) -> None:
    """Says how many lines were bad, if any were."""
    if bad_rows:
        count, first = f"{len(bad_rows):,}", bad_rows[0].error
        log.warning("bad lines, answered like empty ones: %s, the first of them %s", count, first)
