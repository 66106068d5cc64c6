"""``attendo explain`` of a translator."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from attendo.analysis.alignment import pharaoh
from attendo.analysis.alignment_page import alignment_page
from attendo.analysis.explained_pairs import KINDS, ExplainedPair, PairExplanations, View, record
from attendo.cli.explain_input import cut_off, name_of, own_rows, some_of
from attendo.cli.explain_output import say, write_figures, write_page, write_weights
from attendo.cli.explain_pairs import PairAsker, Shapes, explained_pairs
from attendo.cli.outcome import shown
from attendo.cli.run_folder import write_text
from attendo.cli.text_input import (
    STANDARD_INPUT,
    Example,
    is_table,
    label_column,
    line_examples,
    standard_input,
    table_examples,
    text_columns,
)
from attendo.data.sources.rows import BadRow
from attendo.data.sources.text_lines import decoded_lines, text_lines
from attendo.figures import head_grid, token_matrix
from attendo.models.transformer.attention_maps import map_size
from attendo.models.transformer.head_entropy import head_entropy
from attendo.predictor import Translator

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]

MOST_WEIGHTS = 50_000_000  # that are kept: a gigabyte of attention.jsonl


def explain_translator(config: Settings, translator: Translator, folder: Path) -> PairExplanations:
    """Writes where a translator looks in texts, and which words it aligns, into a folder."""
    asker = PairAsker(translator)
    aligned_by = view_of(config["alignment"], asker.shapes)
    kinds = kinds_of(config["attention"], asker.shapes, aligned_by)
    if config["input"] is None:
        examples, facts = own_rows(config, translator)
    else:
        examples, facts = some_of(config, examples_of(config, translator))
    is_given = explains_given(config, examples)

    def check_size(lengths: Sequence[tuple[int, int]]) -> None:
        weights = sum(weights_of(asker.shapes, kinds, *both) for both in lengths)
        if weights > MOST_WEIGHTS:
            fits = max(1, len(lengths) * MOST_WEIGHTS // weights)
            raise ValueError(
                f"the heads have {weights / 1e6:,.0f} million weights over these texts, more than "
                f"{MOST_WEIGHTS / 1e6:,.0f} million: give limit={fits}, or fewer kinds, as attention=[cross]"
            )

    found = explained_pairs(asker, examples, is_given, aligned_by, kinds, check_size)
    facts += cut_off([translator.reader, translator.target_reader])
    explanations = PairExplanations(
        title=f"{translator.trained.contents.config['data']['name']}: {name_of(config)}",
        facts=[
            f"{type(translator.model).__name__}, {shown(translator.trained.path)}",
            *facts,
            what_targets_are(is_given, translator, found),
            f"words are aligned by {aligned_by}",
        ],
        examples=found,
        entropy={
            kind: head_entropy([pair.maps[kind] for pair in found if pair.maps], kind == "decoder")
            for kind in kinds
        },
        aligned_by=aligned_by,
    )
    write(folder, explanations, config["figures"])
    return explanations


# ---------------------------------------------------------------------------------------------- what is asked
def view_of(wanted: Mapping[str, Any], shapes: Shapes) -> View:
    """The attention that words are aligned by: of copying, or else the mean over the heads of a cross layer.

    The usual layer is the last but one, which aligns best (Garg et al. 2019).

    Raises:
        ValueError: the model has no such attention.
    """
    there = [kind for kind in ("copy", "cross") if kind in shapes]
    if not there:
        raise ValueError(
            "run: its decoder has no attention to the source, which is what there would be to show"
        )
    kind = wanted["kind"] or there[0]
    if kind not in there:
        raise ValueError(f"alignment.kind={kind}: the model has none; it has {' and '.join(there)}")
    layers, heads = shapes[kind]
    for name, most in (("layer", layers), ("head", heads)):
        if wanted[name] is not None and wanted[name] > most:
            raise ValueError(f"alignment.{name}={wanted[name]}: the model's {KINDS[kind][0]} has {most}")
    return View(kind, wanted["layer"] or max(1, layers - 1), wanted["head"])


def kinds_of(wanted: Sequence[str] | None, shapes: Shapes, aligned_by: View) -> list[str]:
    """The kinds of attention that are kept; what is needed for alignment and copying is always there.

    Raises:
        ValueError: the model has no such kind.
    """
    for kind in wanted or ():
        if kind not in shapes:
            raise ValueError(f"attention={kind}: the model has none; it has {', '.join(shapes)}")
    needed = {aligned_by.kind, "copy"}
    return [kind for kind in shapes if wanted is None or kind in wanted or kind in needed]


def weights_of(shapes: Shapes, kinds: Sequence[str], source: int, target: int) -> int:
    """How many there are over a pair of these lengths."""
    return sum(prod(shapes[kind]) * prod(map_size(kind, source, target)) for kind in kinds)


def explains_given(config: Settings, examples: Sequence[Example]) -> bool:
    """Whether given targets are explained rather than the model's own.

    Raises:
        ValueError: given ones are wanted, and there are none.
    """
    has_targets = all(len(example.texts) == 2 for example in examples)
    if config["targets"] is None:
        return has_targets and config["input"] is not None
    if config["targets"] == "given" and not has_targets:
        raise ValueError(
            f"targets=given: input={config['input']} has none; expected lines with source, tab, target, or a "
            "table with column=[SOURCE,TARGET]"
        )
    return bool(config["targets"] == "given")


def examples_of(config: Settings, translator: Translator) -> Iterator[Example | BadRow]:
    """All of the input: sources, or sources with targets where the first line, or the table, has both."""
    if config["input"] == "-":
        lines, name = decoded_lines(standard_input()), STANDARD_INPUT
    else:
        path = Path(config["input"]).expanduser()
        if is_table(path):
            return table_examples(path, columns_of(config, path, translator))
        lines, name = text_lines(path), str(path)
    blank = []
    for first in lines:
        blank.append(first)
        if isinstance(first[1], str) and first[1].strip():
            sides = 1 + ("\t" in first[1].strip())
            return line_examples(chain(blank, lines), name, sides)
    return line_examples(iter(blank), name, 1)


def columns_of(config: Settings, path: Path, translator: Translator) -> list[str | int]:
    """Of sources, or of sources and targets: as asked for, or those of training that are there."""
    wanted = config["column"]
    if isinstance(wanted, list):
        return text_columns(path, wanted, [translator], sides=2)
    source = text_columns(path, wanted, [translator], sides=1)
    own = (translator.trained.contents.config["data"].get("columns") or {}).get("target")
    target = None if wanted is not None else label_column(path, source, None, own)
    return source if target is None else [*source, target]


# -------------------------------------------------------------------------------------------------- the files
def what_targets_are(is_given: bool, translator: Translator, found: Sequence[ExplainedPair]) -> str:
    if is_given:
        return "targets: as given"
    told = f"targets: the model's own ({translator.decoding.name})"
    right = [pair.target.text == pair.reference for pair in found if pair.reference is not None]
    if not right:
        return told
    return f"{told}; {sum(right):,} of {len(right):,} are exactly the reference"


def write(folder: Path, found: PairExplanations, figures: int) -> None:
    """Page, weights, alignments and pictures, and on the terminal where they are."""
    say("texts", f"{len(found.examples):,}; {found.facts[-1]}")
    write_weights(folder, map(record, found.examples))
    write_text(folder / "alignments.txt", "".join(f"{pharaoh(pair.links)}\n" for pair in found.examples))
    say("alignments", os.path.relpath(folder / "alignments.txt"))
    write_figures(folder / "heatmaps", drawn(found, figures))
    write_page(folder, alignment_page(found))


def drawn(found: PairExplanations, figures: int) -> Iterator[tuple[str, Figure]]:
    """Of the first texts: the attention that words are aligned by, and every head of cross-attention."""
    for number, pair in enumerate(found.examples[:figures], start=1):
        if pair.maps:
            weights = found.aligned_by.of(pair.maps)
            title = f"{pair.where}: {found.aligned_by}"
            yield f"{number:04}", token_matrix(weights, pair.target.tokens, pair.source.tokens, title)
        if "cross" in pair.maps:
            title = f"{pair.where}: every head of {KINDS['cross'][0]}"
            yield f"{number:04}_heads", head_grid(pair.maps["cross"], title)
