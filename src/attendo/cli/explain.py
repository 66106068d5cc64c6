"""attendo explain"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import hydra
from omegaconf import DictConfig
from rich import box, get_console
from rich.table import Table as RichTable
from rich.text import Text

from attendo.analysis import Table
from attendo.analysis.attention_page import attention_page
from attendo.analysis.explained import Explained, Explanations, record
from attendo.analysis.faithfulness import Faithfulness
from attendo.checkpoint import checkpoint_of
from attendo.cli.building import use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.evaluate import run_folder_of
from attendo.cli.explain_answers import answered, measured, table_of
from attendo.cli.explain_rows import evenly_spaced, own_examples
from attendo.cli.job import job
from attendo.cli.outcome import shown
from attendo.cli.run_folder import probe, write_json, write_records, write_text
from attendo.cli.text_input import (
    STANDARD_INPUT,
    Example,
    LabelReader,
    check_input,
    file_examples,
    is_table,
    label_column,
    piped_examples,
    table_examples,
    text_columns,
)
from attendo.data.reading import OnError
from attendo.data.sources import SPLITS
from attendo.data.sources.rows import BadRow
from attendo.figures import attention_map
from attendo.predictor import Classifier, load
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]

OWN_ROWS = 200
LARGE_PAGE = 50  # megabytes, from which on browsers become slow
LEAST = {"figures": 0, "faithfulness": 0, "limit": 1, "batch_tokens": 1}


@hydra.main(version_base="1.3", config_path=CONF, config_name="explain")
@job
def main(config: DictConfig) -> None:
    explain(check(config))


def explain(config: Settings) -> Explanations:
    """Writes what a classifier says of texts, and where it looks, into a folder.

    Args:
        config: of conf/explain.yaml, checked and resolved.
    """
    use_threads(config["threads"])
    config = {**config, "input": None if config["input"] is None else str(config["input"])}
    check_values(config)
    check_input(config["input"], {key: config[key] for key in ("column", "label_column")})
    folder = folder_of(config)
    probe(folder, "the folder of explanations")
    classifier = loaded(config)
    examples, facts = chosen(config, classifier)
    found = answered(classifier, examples)
    if cut := sum(reader.cut for reader in classifier.readers):
        facts.append(f"{cut:,} texts had more tokens than the model reads: their ends were left out")
        log.warning("%s", facts[-1])
    if config["faithfulness"]:
        log.info("measuring whether attention means anything (faithfulness=0 leaves it out)")
    faithfulness = measured(classifier, examples, config["faithfulness"])
    explanations = Explanations(
        title=f"{classifier.trained.contents.config['data']['name']}: {name_of(config)}",
        facts=[f"{type(classifier.model).__name__}, {shown(classifier.trained.path)}", *facts, score(found)],
        labels=classifier.labels,
        is_multilabel=classifier.is_multilabel,
        examples=found,
        tables=[] if faithfulness is None else [table_of(faithfulness)],
    )
    write(folder, explanations, faithfulness, config["figures"])
    return explanations


# --------------------------------------------------------------------------------- before the model is loaded
def check_values(config: Settings) -> None:
    """Single values; no class stands behind them that would refuse them."""
    choices = {"split": SPLITS, "on_error": (*get_args(OnError), None)}
    for name, allowed in choices.items():
        if config[name] not in allowed:
            known = ["null" if choice is None else choice for choice in allowed]
            hint = did_you_mean(str(config[name]), known)
            raise ValueError(f"{name}={config[name]}: expected {', '.join(known)}.{hint}")
    for name, least in LEAST.items():
        value = config[name]
        is_missing = value is None and name in ("limit", "batch_tokens")
        if not is_missing and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ValueError(f"{name}={value}: expected a whole number, {least} or more")


def folder_of(config: Settings) -> Path:
    """Where to write; the run has to be there."""
    run = run_folder_of(checkpoint_of(config["run"], config["checkpoint"]))
    if config["output"] is not None:
        return Path(str(config["output"])).expanduser()
    which = "" if config["checkpoint"] == "best" else f"_{config['checkpoint']}"
    return run / "explanations" / f"{name_of(config).replace(' ', '_')}{which}"


def name_of(config: Settings) -> str:
    """What is explained: the name of a file, or that of a split."""
    if config["input"] is None:
        return str(config["split"])
    return STANDARD_INPUT if config["input"] == "-" else Path(config["input"]).name


# ----------------------------------------------------------------------------------------- model and examples
def loaded(config: Settings) -> Classifier:
    found = load(
        config["run"],
        config["checkpoint"],
        trust=config["trust"],
        accelerator=config["accelerator"],
        precision=config["precision"],
        batch_tokens=config["batch_tokens"],
    )
    if not isinstance(found, Classifier):
        raise ValueError(
            f"run={config['run']}: is a translator; attendo explain shows the attention of classifiers"
        )
    return found


def chosen(config: Settings, classifier: Classifier) -> tuple[list[Example], list[str]]:
    """The examples, and what to know about the choice."""
    if config["input"] is None:
        limit = OWN_ROWS if config["limit"] is None else config["limit"]
        examples, total = own_examples(config, classifier, limit)
        what = f"{config['split']} rows"
    else:
        good, bad = good_and_bad(examples_of(config, classifier), config["on_error"] == "skip")
        if bad:
            log.warning("bad lines, left out: %s, the first of them %s", f"{len(bad):,}", bad[0].error)
        if not good:
            raise ValueError(f"input={config['input']}: has no texts")
        examples, total = [good[place] for place in evenly_spaced(len(good), config["limit"])], len(good)
        what = f"texts of {name_of(config)}"
    if len(examples) == total:
        return examples, [f"all {total:,} {what}"]
    left_out = f"{len(examples):,} of the {total:,} {what}, evenly spread"
    log.info("%s; limit=%s explains all", left_out, total)
    return examples, [left_out]


def examples_of(config: Settings, classifier: Classifier) -> Iterator[Example | BadRow]:
    """All of the input, with truth where a table has it."""
    sides, contents = len(classifier.readers), classifier.trained.contents
    if config["input"] == "-":
        return piped_examples(sides)
    path = Path(config["input"]).expanduser()
    if not is_table(path):
        return file_examples(path, sides)
    data = contents.config["data"]
    own = (data.get("columns") or {}).get("label")  # generated texts have none
    columns = text_columns(path, config["column"], [classifier], sides)
    label = label_column(path, columns, config["label_column"], own)
    if label is None:
        return table_examples(path, columns)
    truth = LabelReader(label, contents.labels, data["unicode"], data.get("label_separator"))
    return table_examples(path, columns, truth)


def good_and_bad(rows: Iterable[Example | BadRow], skips: bool) -> tuple[list[Example], list[BadRow]]:
    """Raises ValueError at the first bad row, unless it ``skips``."""
    good, bad = [], []
    for row in rows:
        if isinstance(row, Example):
            good.append(row)
        elif skips:
            bad.append(row)
        else:
            raise row.error
    return good, bad


def score(found: Sequence[Explained]) -> str:
    decided = [example.is_right for example in found if example.is_right is not None]
    if not decided:
        return "no truth is known"
    return f"right: {sum(decided):,} of {len(decided):,} ({sum(decided) / len(decided):.1%})"


# -------------------------------------------------------------------------------------------------- the files
def write(folder: Path, found: Explanations, faithfulness: Faithfulness | None, figures: int) -> None:
    """Page, weights, pictures and table, and on the terminal where they are."""
    write_records(
        folder / "attention.jsonl", (record(example, found.is_multilabel) for example in found.examples)
    )
    page = attention_page(found)
    write_text(folder / "index.html", page)
    drawn = draw(folder / "heatmaps", found.examples[:figures])
    if faithfulness is not None:
        write_json(folder / "faithfulness.json", faithfulness.to_dict())
    else:
        (folder / "faithfulness.json").unlink(missing_ok=True)  # of an earlier time
    for table in found.tables:
        show(table)
    say("texts", f"{len(found.examples):,}; {found.facts[-1]}")
    say("weights", os.path.relpath(folder / "attention.jsonl"))
    if drawn:
        say("heat maps", f"{os.path.relpath(folder / 'heatmaps')} ({drawn})")
    if faithfulness is not None:
        say("faithfulness", os.path.relpath(folder / "faithfulness.json"))
    say("page", os.path.relpath(folder / "index.html"))
    say("open it", (folder / "index.html").resolve().as_uri())
    if len(page) > LARGE_PAGE * 1e6:
        log.warning(
            "the page has %.0f MB, which takes a browser a while: limit=… makes a smaller one",
            len(page) / 1e6,
        )


def show(table: Table) -> None:
    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    get_console().print(drawn, Text(table.note, style="dim"), sep="\n")
    get_console().print()


def say(what: str, value: str) -> None:
    get_console().print(f"{what:13}{value}", markup=False, highlight=False, soft_wrap=True)


def draw(folder: Path, examples: Sequence[Explained]) -> int:
    """Hops × tokens of every text that has some; how many pictures there are now."""
    for old in folder.glob("[0-9]*.png"):  # of an earlier time, which may have drawn more
        old.unlink()
    folder.mkdir(exist_ok=True)
    drawn = 0
    for number, example in enumerate(examples, start=1):
        for suffix, look in zip(("", "_b"), example.looks, strict=False):
            if look.tokens:
                title = f"{example.where}: {', '.join(example.predicted)}"
                attention_map(look.weights, look.tokens, title).savefig(folder / f"{number:04}{suffix}.png")
                drawn += 1
    return drawn
