"""Small trained classifiers of other things than single texts of one class."""

from pathlib import Path

import pytest

from command_line import SMALL_CLASSIFIER, trained
from small_corpora import write_table

WORDS = ("sun", "moon", "rain", "wind")
MULTILABEL = tuple(
    (f"the {first} and the {second} {number}", "|".join(sorted({first, second} - {"wind"})))
    for number in range(3)
    for first in WORDS
    for second in WORDS
)
PAIRS = tuple(
    (f"the {first} {number}", f"a {second}", "same" if first == second else "other")
    for number in range(4)
    for first in WORDS
    for second in (first, WORDS[number])
)


def trained_in(folder: Path, *words: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return trained("data=labelled_texts", *SMALL_CLASSIFIER, *words).folder.resolve()


def multilabel_run(folder: Path) -> Path:
    """Labels: which of sun, moon and rain are in the text; perhaps none."""
    table = write_table(folder / "labels.tsv", ("text", "label"), list(MULTILABEL))
    return trained_in(folder, f"data.train={table}", "data.label_separator='|'", "model.head=multilabel")


def pair_run(folder: Path) -> Path:
    """Whether two texts speak of the same thing; columns premise, hypothesis, label."""
    table = write_table(folder / "pairs.tsv", ("premise", "hypothesis", "label"), list(PAIRS))
    columns = ("data.columns.text=premise", "data.columns.text_b=hypothesis")
    return trained_in(folder, f"data.train={table}", *columns, "model/pair=features", "data.max_length=8")
