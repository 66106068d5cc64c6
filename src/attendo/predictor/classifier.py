"""Classes of new texts, and where the model looked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, NoReturn, overload

from jaxtyping import Float
from numpy.typing import NDArray

from attendo.checkpoint import Trained
from attendo.models.self_attentive import ClassifierOutput
from attendo.predictor.machine import Machine
from attendo.predictor.reader import Ids, chunks, filled, reader_of
from attendo.tasks.classification import log_probabilities
from attendo.tokenization import PAD


@dataclass(frozen=True)
class Classification:
    """What a classifier says of a text.

    Attributes:
        label: the most probable class; "" for an empty text.
        probability: of that class; NaN for an empty text.
        probabilities: of every class; none for an empty text.
    """

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True, eq=False)
class Attention:
    """Where a classifier looked.

    Attributes:
        tokens: what the model read of the text.
        weights: each hop's attention to each token; those of a hop sum to 1.
    """

    tokens: list[str]
    weights: Float[NDArray[Any], "hop time"]

    def __repr__(self) -> str:
        """A line for every token, a column for every hop."""
        width = max(map(len, self.tokens))
        head = " ".join(f"{f'hop {hop}':>7}" for hop in range(1, len(self.weights) + 1))
        lines = [
            f"{token:{width}} {' '.join(f'{weight:7.3f}' for weight in weights)}"
            for token, weights in zip(self.tokens, self.weights.T, strict=True)
        ]
        return "\n".join([f"{'':{width}} {head}", *lines])


NOTHING = Classification("", nan, {})


class Classifier:
    """A trained classifier, as ``attendo.load`` returns it.

    Attributes:
        trained: the checkpoint it came from.
        reader: how it reads texts.
        labels: class names.
    """

    def __init__(self, trained: Trained, machine: Machine) -> None:
        self.trained, self.machine = trained, machine
        self.model = trained.model.to(machine.device)
        self.reader = reader_of(trained, "text")
        self.labels = trained.contents.labels

    @overload
    def classify(self, texts: str) -> Classification: ...  # type: ignore[overload-overlap]
    @overload
    def classify(self, texts: Iterable[str]) -> list[Classification]: ...
    def classify(self, texts: str | Iterable[str]) -> Classification | list[Classification]:
        """The class of a text, or of each of several."""
        if isinstance(texts, str):
            return self.classify([texts])[0]
        parts = [filled(self.reader.ids(chunk), self.classified, NOTHING) for chunk in chunks(texts)]
        self.reader.warn()
        return [answer for part in parts for answer in part]

    def classified(self, ids: Sequence[Ids]) -> list[Classification]:
        """The class of every text, none of which is empty."""

        def answer(rows: list[int]) -> list[Classification]:
            logits = self.output([ids[row] for row in rows]).logits
            return list(map(self.classification, log_probabilities(logits).exp().tolist()))

        return self.machine.answers([ids], answer)

    def classification(self, probabilities: Sequence[float]) -> Classification:
        best = max(range(len(self.labels)), key=probabilities.__getitem__)
        named = dict(zip(self.labels, probabilities, strict=True))
        return Classification(self.labels[best], probabilities[best], named)

    def attention(self, text: str) -> Attention:
        """Where the classifier looks in a text.

        Raises:
            ValueError: the text is empty.
        """
        ids = self.reader.ids([text])
        if not ids[0]:
            raise ValueError("the text is empty: there is nothing to look at")
        (weights,) = self.machine.answers([ids], lambda rows: self.output(ids).attention.cpu().numpy())
        self.reader.warn()
        return Attention(self.reader.pieces(text), weights)

    def output(self, ids: Iterable[Ids]) -> ClassifierOutput:
        """What the model says of a batch."""
        tokens = self.machine.padded(ids)
        output: ClassifierOutput = self.model(tokens, tokens == PAD)
        return output

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a classifier has no {name!r}: it can .classify(texts) and show its .attention(text)"
        )

    def __repr__(self) -> str:
        return f"Classifier({str(self.trained.path)!r}: {', '.join(self.labels)})"
