"""``attendo explain`` of a classifier."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich import box, get_console
from rich.table import Table as RichTable
from rich.text import Text

from attendo.analysis import Table
from attendo.analysis.attention_page import attention_page
from attendo.analysis.explained import Explained, Explanations, record
from attendo.analysis.faithfulness import Faithfulness
from attendo.cli.explain_answers import answered, measured, table_of
from attendo.cli.explain_input import cut_off, name_of, own_rows, some_of
from attendo.cli.explain_output import say, write_figures, write_page, write_weights
from attendo.cli.outcome import shown
from attendo.cli.run_folder import write_json
from attendo.cli.text_input import (
    Example,
    LabelReader,
    file_examples,
    is_table,
    label_column,
    piped_examples,
    table_examples,
    text_columns,
)
from attendo.data.sources.rows import BadRow
from attendo.figures import attention_map
from attendo.predictor import Classifier

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]


def explain_classifier(config: Settings, classifier: Classifier, folder: Path) -> Explanations:
    """Writes what a classifier says of texts, and where it looks, into a folder."""
    if config["input"] is None:
        examples, facts = own_rows(config, classifier)
    else:
        examples, facts = some_of(config, examples_of(config, classifier))
    found = answered(classifier, examples)
    facts += cut_off(classifier.readers)
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


def score(found: Sequence[Explained]) -> str:
    decided = [example.is_right for example in found if example.is_right is not None]
    if not decided:
        return "no truth is known"
    return f"right: {sum(decided):,} of {len(decided):,} ({sum(decided) / len(decided):.1%})"


def write(folder: Path, found: Explanations, faithfulness: Faithfulness | None, figures: int) -> None:
    """Page, weights, pictures and table, and on the terminal where they are."""
    for table in found.tables:
        show(table)
    say("texts", f"{len(found.examples):,}; {found.facts[-1]}")
    write_weights(folder, (record(example, found.is_multilabel) for example in found.examples))
    write_figures(folder / "heatmaps", drawn(found.examples[:figures]))
    if faithfulness is not None:
        write_json(folder / "faithfulness.json", faithfulness.to_dict())
        say("faithfulness", os.path.relpath(folder / "faithfulness.json"))
    else:
        (folder / "faithfulness.json").unlink(missing_ok=True)  # of an earlier time
    write_page(folder, attention_page(found))


def show(table: Table) -> None:
    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    get_console().print(drawn, Text(table.note, style="dim"), sep="\n")
    get_console().print()


def drawn(examples: Sequence[Explained]) -> Iterator[tuple[str, Figure]]:
    """Hops × tokens of every text that has some."""
    for number, example in enumerate(examples, start=1):
        for suffix, look in zip(("", "_b"), example.looks, strict=False):
            if look.tokens:
                title = f"{example.where}: {', '.join(example.predicted)}"
                yield f"{number:04}{suffix}", attention_map(look.weights, look.tokens, title)
