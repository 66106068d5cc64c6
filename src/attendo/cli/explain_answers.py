"""What ``attendo explain`` asks a classifier."""

from collections.abc import Sequence

import numpy as np

from attendo.analysis import Table
from attendo.analysis.explained import Explained, Look
from attendo.analysis.faithfulness import Faithfulness, faithfulness
from attendo.cli.explain_rows import evenly_spaced
from attendo.cli.predict_progress import AnswerProgress
from attendo.cli.text_input import Example
from attendo.predictor import Attention, Classification, Classifier, chunks

TEXTS_AT_ONCE = 256


def answered(classifier: Classifier, examples: Sequence[Example]) -> list[Explained]:
    """Every example with what the classifier says of it, and where it looks."""
    found: list[Explained] = []
    with AnswerProgress(len(examples), is_shown=True) as progress:
        for chunk in chunks(examples, TEXTS_AT_ONCE):
            answers = classifier.explained([example.texts for example in chunk])
            found += [explained(example, *answer) for example, answer in zip(chunk, answers, strict=True)]
            progress.add(len(chunk))
    return found


def explained(example: Example, answer: Classification, attention: Attention | None) -> Explained:
    """An example of which nothing could be said has neither tokens nor a prediction."""
    sides = [([], np.empty((0, 0)))] * len(example.texts) if attention is None else attention.sides
    return Explained(
        where=example.where,
        looks=[Look(text, *side) for text, side in zip(example.texts, sides, strict=True)],
        predicted=answer.labels,
        confidence=None if attention is None else answer.probability,
        probabilities=answer.probabilities,
        truth=example.truth,
    )


def measured(classifier: Classifier, examples: Sequence[Example], most: int) -> Faithfulness | None:
    """Whether attention means anything, on examples that are evenly spaced; None if there are none."""
    full = [example.texts for example in examples if all(example.texts)]
    texts = [full[place] for place in evenly_spaced(len(full), most)]
    if not texts:
        return None
    with classifier.machine.autocast():
        return faithfulness(
            classifier.model,
            *map(list, zip(*classifier.ids(texts), strict=True)),
            is_multilabel=classifier.is_multilabel,
            batch_tokens=classifier.machine.batch_tokens,
        )


def table_of(found: Faithfulness) -> Table:
    rows = [[f"{each.name}: {each.of}", each.value, f"{each.texts:,}"] for each in found.measures]
    readings = [f"{name}: {reading}." for name, reading in found.readings.items()]
    note = "\n".join([*readings, *(f"{note}." for note in found.notes)])
    return Table(
        "Whether attention tells what the predictions rest on", ["", "mean ± se", "texts"], rows, note
    )
