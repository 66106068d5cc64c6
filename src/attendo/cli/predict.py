"""attendo predict"""

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import TextIOBase
from itertools import chain, islice
from pathlib import Path
from typing import Any, get_args

import hydra
from omegaconf import DictConfig

from attendo.checkpoint import checkpoint_of
from attendo.cli.building import given, use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.console import discard_output
from attendo.cli.job import job
from attendo.cli.predict_output import Answer, Fields, Line, format_of, header, line_format, opened
from attendo.cli.predict_progress import AnswerProgress
from attendo.cli.predict_stream import count_texts, what_is_there
from attendo.cli.text_input import (
    Example,
    check_input,
    file_examples,
    is_table,
    piped_examples,
    table_examples,
    text_columns,
)
from attendo.data.reading import OnError
from attendo.data.sources.rows import BadRow
from attendo.predictor import CHUNK, Classifier, Translator, TruncationWarning, chunks, load
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)

Predictor = Classifier | Translator
Settings = Mapping[str, Any]
ON_ERROR = get_args(OnError)


@hydra.main(version_base="1.3", config_path=CONF, config_name="predict")
@job
def main(config: DictConfig) -> None:
    try:
        predict(check(config))
    except BrokenPipeError:  # whoever reads us has seen enough
        discard_output()


def predict(config: Settings) -> None:
    """Answers every text of the input, in its order.

    Args:
        config: of conf/predict.yaml, checked and resolved.
    """
    use_threads(config["threads"])
    config = {**config, **{name: str(config[name]) for name in ("input", "output", "checkpoint")}}
    runs = [str(run) for run in (config["run"] if isinstance(config["run"], list) else [config["run"]])]
    check_runs(runs, config["checkpoint"])
    together = [runs] if config["combine"] else [[run] for run in runs]
    names = [" + ".join(each) for each in together]
    check_values(config)
    check_files(config)
    style = format_of(config["output"], config["format"])
    with opened(config["output"]) as file:
        predictors = [loaded(each, config) for each in together]
        if config["prefix"] and any(isinstance(predictor, Classifier) for predictor in predictors):
            raise ValueError(
                f"prefix={config['prefix']}: a classifier's answers have no beginning to prescribe"
            )
        chunks_of_input = examples_of(config, predictors)
        if style == "tsv" and has_header(config):
            file.write(f"{header(predictors, names)}\n")
        line = line_format(style, names)
        with AnswerProgress(count_texts(config["input"]), is_shown(config)) as progress:
            skips, prefix = config["on_error"] == "skip", str(config["prefix"] or "")
            answer(chunks_of_input, predictors, line, file, skips, prefix, progress)
    for predictor in predictors:
        if cut := sum(reader.cut for reader in predictor.readers):
            log.warning(
                "%s of the texts had more tokens than the %s that %s reads: their ends were left out",
                f"{cut:,}", predictor.reader.longest, predictor.trained.path,
            )  # fmt: skip


# ----------------------------------------------------------------------------------- before models are loaded
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


# ------------------------------------------------------------------------------------------ models and texts
def loaded(runs: Sequence[str], config: Settings) -> Predictor:
    return load(
        runs,
        config["checkpoint"],
        combine=config["combine"],
        trust=config["trust"],
        accelerator=config["accelerator"],
        precision=config["precision"],
        batch_tokens=config["batch_tokens"],
        decoding=given(config["decoding"]),
    )


def examples_of(config: Settings, predictors: Sequence[Predictor]) -> Iterator[list[Example | BadRow]]:
    """The input, as much at a time as is answered together. A file's first example is read at once."""
    sides = sides_of(predictors)
    if config["input"] == "-":
        if sys.stdin is not None and sys.stdin.isatty():
            kind = "text" if sides == 1 else "pair of texts, a tab between them,"
            log.info("one %s a line, please; Ctrl-D ends", kind)
        return what_is_there(piped_examples(sides), CHUNK)
    path = Path(config["input"]).expanduser()
    if is_table(path):
        examples = table_examples(path, text_columns(path, config["column"], predictors, sides))
    else:
        examples = file_examples(path, sides)
    first = list(islice(examples, 1))
    return chunks(chain(first, examples))


def sides_of(predictors: Iterable[Predictor]) -> int:
    """1 if the runs read single texts, 2 if they read pairs."""
    found = {len(predictor.readers) for predictor in predictors}
    if len(found) > 1:
        raise ValueError("run: some of the runs read pairs of texts, others single ones: ask them one by one")
    return found.pop()


# --------------------------------------------------------------------------------------------------- the work
def answer(
    chunks_of_input: Iterator[list[Example | BadRow]],
    predictors: Sequence[Predictor],
    line: Line,
    file: TextIOBase,
    skips: bool,
    prefix: str,
    progress: AnswerProgress,
) -> None:
    """Writes the answers to every chunk as soon as they are known.

    Args:
        prefix: that every translation begins with.

    Raises:
        ValueError: the first bad line, unless it ``skips``; what stands before it is answered.
    """
    bad_rows: list[BadRow] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)  # said once, in the end
        for chunk in chunks_of_input:
            texts, bad = usable(chunk, skips, sides_of(predictors))
            answers = [answers_of(predictor, texts, prefix) for predictor in predictors]
            file.writelines(f"{line(text, row)}\n" for text, *row in zip(texts, *answers, strict=True))
            file.flush()
            progress.add(len(texts))
            if bad and not skips:
                raise bad[0].error
            bad_rows += bad
    if bad_rows:
        count, first = f"{len(bad_rows):,}", bad_rows[0].error
        log.warning("bad lines, answered like empty ones: %s, the first of them %s", count, first)


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


def answers_of(predictor: Predictor, texts: Sequence[Fields], prefix: str) -> Sequence[Answer]:
    if not texts:
        return []
    if isinstance(predictor, Classifier):
        return predictor.classify(*zip(*texts, strict=True))
    return predictor.translate([text for (text,) in texts], [prefix] * len(texts))


def has_header(config: Settings) -> bool:
    """Whether a TSV begins with names of its columns; on standard output, line i answers line i."""
    return config["output"] != "-" if config["header"] is None else bool(config["header"])


def is_shown(config: Settings) -> bool:
    """Whether to say how far the work has come: not to whoever sees the answers, nor in a pipe."""
    return config["output"] != "-" or (config["input"] != "-" and not sys.stdout.isatty())
