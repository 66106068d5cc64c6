"""attendo score"""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import TextIOBase
from itertools import chain, islice, zip_longest
from math import exp, isnan, nan
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
from attendo.cli.building import use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.console import discard_output
from attendo.cli.job import job
from attendo.cli.predict_output import format_of, opened
from attendo.cli.predict_progress import AnswerProgress
from attendo.cli.predict_stream import count_texts, what_is_there
from attendo.cli.score_output import Line, header, line_format
from attendo.cli.text_input import (
    Column,
    Example,
    file_examples,
    is_table,
    piped_examples,
    table_examples,
    text_columns,
)
from attendo.data.sources.rows import BadRow
from attendo.predictor import CHUNK, Score, Translator, TruncationWarning, chunks, load

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]
SIDES = 2  # source and target


@dataclass
class Total:
    """Of all pairs that have a score."""

    pairs: int = 0
    tokens: int = 0
    log_probability: float = 0.0

    def add(self, score: Score) -> None:
        if not isnan(score.log_probability):
            self.pairs += 1
            self.tokens += score.tokens
            self.log_probability += score.log_probability

    @property
    def perplexity(self) -> float:
        """exp(−Σ log p / Σ tokens); NaN where nothing has a score."""
        return exp(-self.log_probability / self.tokens) if self.tokens else nan


@hydra.main(version_base="1.3", config_path=CONF, config_name="score")
@job
def main(config: DictConfig) -> None:
    try:
        score(check(config))
    except BrokenPipeError:  # whoever reads us has seen enough
        discard_output()


def score(config: Settings) -> Total:
    """Scores every pair of the input, in its order.

    Args:
        config: of conf/score.yaml, checked and resolved.
    """
    use_threads(config["threads"])
    config = {**config, **{name: str(config[name]) for name in ("output", "checkpoint")}}
    inputs = as_list(config["input"])
    runs = as_list(config["run"])
    check_runs(runs, config["checkpoint"])
    check_values(config)
    check_inputs(inputs, config)
    style, total = format_of(config["output"], config["format"]), Total()
    with opened(config["output"]) as file:
        translator = loaded(runs, config)
        pairs = pairs_of(inputs, config["column"], translator)
        if style == "tsv" and has_header(config):
            file.write(f"{header(config['per_token'])}\n")
        line = line_format(style, config["per_token"])
        with AnswerProgress(count_texts(inputs[0]), is_shown({**config, "input": inputs[0]})) as progress:
            write_scores(pairs, translator, line, file, config["on_error"] == "skip", progress, total)
    for reader in (translator.reader, translator.target_reader):
        if reader.cut:
            log.warning(
                "%s of the %ss had more than %s tokens: their ends were left out",
                f"{reader.cut:,}", reader.name, reader.longest,
            )  # fmt: skip
    log.info(
        "%s pairs  %s tokens  log-probability %.4f  perplexity %.4f",
        f"{total.pairs:,}", f"{total.tokens:,}", total.log_probability, total.perplexity,
    )  # fmt: skip
    return total


def check_inputs(inputs: list[str], config: Settings) -> None:
    if len(inputs) > SIDES or (len(inputs) == SIDES and "-" in inputs):
        raise ValueError(f"input={inputs}: expected one file of pairs, or two: [SOURCES,TARGETS]")
    if len(inputs) == SIDES and any(is_table(Path(name)) for name in inputs):
        raise ValueError(
            f"input={inputs}: of two files, both are text, one text a line; a table holds both sides"
        )
    for name in inputs:
        check_files({**config, "input": name})


def loaded(runs: list[str], config: Settings) -> Translator:
    names = ("combine", "trust", "accelerator", "precision", "batch_tokens")
    predictor = load(runs, config["checkpoint"], **{name: config[name] for name in names})
    if not isinstance(predictor, Translator):
        raise ValueError(f"run={runs[0]}: is a classifier, which says nothing of pairs of source and target")
    return predictor


# -------------------------------------------------------------------------------------------------- the pairs
def pairs_of(inputs: list[str], column: object, translator: Translator) -> Iterator[list[Example | BadRow]]:
    """The input, as much at a time as is scored together. A file's first pair is read at once."""
    if inputs == ["-"]:
        if sys.stdin is not None and sys.stdin.isatty():
            log.info("one source and its target a line, a tab between them, please; Ctrl-D ends")
        return what_is_there(piped_examples(SIDES), CHUNK)
    path, *others = (Path(name).expanduser() for name in inputs)
    if others:
        examples = parallel_examples(path, others[0])
    elif is_table(path):
        wanted = own_columns(translator) if column is None else column
        examples = table_examples(path, text_columns(path, wanted, [], SIDES))
    else:
        examples = file_examples(path, SIDES)
    first = list(islice(examples, 1))
    return chunks(chain(first, examples))


def own_columns(translator: Translator) -> list[Column]:
    """What source and target were called in training, or else so."""
    named = translator.trained.contents.config["data"].get("columns") or {}
    return [named.get(role) or role for role in ("source", "target")]


def parallel_examples(sources: Path, targets: Path) -> Iterator[Example | BadRow]:
    """Line by line.

    Raises:
        ValueError: one file has more lines than the other.
    """
    for source, target in zip_longest(file_examples(sources, 1), file_examples(targets, 1)):
        if source is None or target is None:
            longer, shorter = (targets, sources) if source is None else (sources, targets)
            raise ValueError(
                f"{longer} has more lines than {shorter}; expected as many, line i of one for line i"
            )
        if isinstance(source, BadRow) or isinstance(target, BadRow):
            yield source if isinstance(source, BadRow) else target
        else:
            yield Example(source.where, source.texts + target.texts)


# --------------------------------------------------------------------------------------------------- the work
def write_scores(
    chunks_of_input: Iterator[list[Example | BadRow]],
    translator: Translator,
    line: Line,
    file: TextIOBase,
    skips: bool,
    progress: AnswerProgress,
    total: Total,
) -> None:
    """Writes the scores of every chunk as soon as they are known, and adds them up.

    Raises:
        ValueError: the first bad line, unless it ``skips``; what stands before it is scored.
    """
    bad_rows: list[BadRow] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncationWarning)  # said once, in the end
        for chunk in chunks_of_input:
            pairs, bad = usable(chunk, skips, SIDES)
            scores = translator.score([source for source, _ in pairs], [target for _, target in pairs])
            for pair, found in zip(pairs, scores, strict=True):
                file.write(f"{line(pair, found)}\n")
                total.add(found)
            file.flush()
            progress.add(len(pairs))
            if bad and not skips:
                raise bad[0].error
            bad_rows += bad
    told(bad_rows)
