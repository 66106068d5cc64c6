"""What every score of generated text takes and gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Texts = Sequence[str]
References = Sequence[Sequence[str]]  # of each row: one text or several, all of them right


@dataclass(frozen=True)
class MetricResult:
    """Scores of a corpus.

    Attributes:
        values: name → score.
        signature: what has to be said beside them for another's to be comparable, as sacrebleu writes it.
    """

    values: dict[str, float]
    signature: str


Metric = Callable[[Texts, References], MetricResult]


def check_rows(hypotheses: Texts, references: References) -> None:
    """Raises ValueError unless there is something to score, and every text has a reference to score it by."""
    if len(hypotheses) != len(references):
        raise ValueError(
            f"{len(hypotheses)} hypotheses cannot be scored against references of {len(references)}"
        )
    if not references:
        raise ValueError("there is nothing to score: no hypotheses and no references")
    for row, texts in enumerate(references):
        if isinstance(texts, str) or not texts:
            raise ValueError(
                f"the references of row {row} are {texts!r}: expected a list of at least one text"
            )


def reference_count(references: References) -> str:
    """How many references the rows have, as a signature says it."""
    counts = {len(texts) for texts in references}
    return str(counts.pop()) if len(counts) == 1 else "var"
