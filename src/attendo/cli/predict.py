"""attendo predict"""

import logging
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import TextIOBase
from itertools import chain, islice
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from attendo.cli.answering import (
    as_list,
    check_files,
    check_runs,
    check_values,
    has_header,
    is_shown,
    told,
    usable,
)
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
    file_examples,
    is_table,
    piped_examples,
    table_examples,
    text_columns,
)
from attendo.data.sources.rows import BadRow
from attendo.predictor import CHUNK, Classifier, Translator, TruncationWarning, chunks, load

log = logging.getLogger(__name__)

Predictor = Classifier | Translator
Settings = Mapping[str, Any]


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
    runs = as_list(config["run"])
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
    told(bad_rows)


def answers_of(predictor: Predictor, texts: Sequence[Fields], prefix: str) -> Sequence[Answer]:
    if not texts:
        return []
    if isinstance(predictor, Classifier):
        return predictor.classify(*zip(*texts, strict=True))
    return predictor.translate([text for (text,) in texts], [prefix] * len(texts))
