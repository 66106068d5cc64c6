"""Classes of new texts, and where the model looked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import nan
from typing import NoReturn, overload

import numpy as np
from jaxtyping import Float
from torch import Tensor

from attendo.checkpoint import Trained
from attendo.metrics import calibrated
from attendo.models.self_attentive import ClassifierOutput
from attendo.predictor.machine import Machine
from attendo.predictor.reader import Ids, as_many, chunks, filled, reader_of
from attendo.tokenization import PAD

Weights = Float[np.ndarray, "hop _"]  # the two texts of a pair differ in length


@dataclass(frozen=True)
class Classification:
    """What a classifier says of a text, or of a pair of texts.

    Attributes:
        label: the most probable class. Where a text may have several labels: those that are more probable
            than not, joined by data.label_separator; "" if there is none. "" for an empty text.
        probability: of that class. Where a text may have several labels: that the least certain of the
            decisions is right, from ½ to 1. NaN for an empty text.
        probabilities: of every class or label; none for an empty text.
        labels: the class; or the labels, as many as there are.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Attention:
    """Where a classifier looked.

    Attributes:
        tokens: what the model read of the text.
        weights: each hop's attention to each token; those of a hop sum to 1.
        tokens_b, weights_b: the same of the second text; None where there is one.
    """

    tokens: list[str]
    weights: Float[np.ndarray, "hop time"]
    tokens_b: list[str] | None = None
    weights_b: Float[np.ndarray, "hop time_b"] | None = None

    @property
    def sides(self) -> list[tuple[list[str], Weights]]:
        """Tokens and weights of the text, or of both texts of a pair."""
        first = (self.tokens, self.weights)
        if self.tokens_b is None or self.weights_b is None:
            return [first]
        return [first, (self.tokens_b, self.weights_b)]

    def __repr__(self) -> str:
        """A line for every token, a column for every hop."""
        tokens = [token for tokens, _ in self.sides for token in tokens]
        width = max(map(len, tokens))
        head = " ".join(f"{f'hop {hop}':>7}" for hop in range(1, len(self.weights) + 1))
        columns = chain.from_iterable(weights.T for _, weights in self.sides)
        lines = [
            f"{token:{width}} {' '.join(f'{weight:7.3f}' for weight in weights)}"
            for token, weights in zip(tokens, columns, strict=True)
        ]
        if self.tokens_b is not None:
            lines.insert(len(self.tokens), "")
        return "\n".join([f"{'':{width}} {head}", *lines])


NOTHING = Classification("", nan, {}, ())


class Classifier:
    """A trained classifier, as ``attendo.load`` returns it.

    Attributes:
        trained: the checkpoint it came from.
        readers: how it reads texts; of a classifier of pairs, first and second texts.
        reader: the first of them.
        labels: class names.
        is_multilabel: whether a text may have several of them.
    """

    def __init__(self, trained: Trained, machine: Machine) -> None:
        self.trained, self.machine = trained, machine
        self.model = trained.model.to(machine.device)
        roles = [role for role in ("text", "text_b") if role in trained.contents.tokenizers]
        self.readers = [reader_of(trained, role) for role in roles]
        self.reader = self.readers[0]
        self.labels = trained.contents.labels
        config = trained.contents.config
        self.is_multilabel = config["model"].get("head") == "multilabel"  # models of one's own need not say
        self.separator = config["data"]["label_separator"] if self.is_multilabel else ""

    @overload
    def classify(self, texts: str, texts_b: str | None = None) -> Classification: ...  # type: ignore[overload-overlap]
    @overload
    def classify(
        self, texts: Iterable[str], texts_b: Iterable[str] | None = None
    ) -> list[Classification]: ...
    def classify(
        self, texts: str | Iterable[str], texts_b: str | Iterable[str] | None = None
    ) -> Classification | list[Classification]:
        """The class of a text, or of each of several.

        Args:
            texts: one or several.
            texts_b: of a classifier of pairs, as many second texts.

        Raises:
            ValueError: second texts are missing, or are too many or too few.
        """
        self.check_sides(texts_b is not None)
        if isinstance(texts, str) and (texts_b is None or isinstance(texts_b, str)):
            return self.classify([texts], None if texts_b is None else [texts_b])[0]
        sides = [texts] if texts_b is None else as_many(texts, texts_b, "first texts", "second texts")
        answers = [one for chunk in chunks(zip(*sides, strict=True)) for one in self.classified(chunk)]
        for reader in self.readers:
            reader.warn()
        return answers

    def classified(self, rows: Sequence[tuple[str, ...]]) -> list[Classification]:
        """The class of every text or pair: none where a text is empty."""

        def answer(real: Sequence[tuple[Ids, ...]]) -> list[Classification]:
            found = self.probabilities(*map(list, zip(*real, strict=True))) if real else np.empty((0, 0))
            return list(map(self.classification, found.tolist()))

        return filled(self.ids(rows), answer, NOTHING)

    def explained(self, rows: Sequence[tuple[str, ...]]) -> list[tuple[Classification, Attention | None]]:
        """The class of every text or pair and where the classifier looks, in one pass.

        Where a text is empty there is no class, and no attention: None.
        """
        ids = self.ids(rows)
        full = [row for row, texts in enumerate(ids) if texts]
        sides = list(zip(*(ids[row] for row in full), strict=True)) or [()]

        def answer(places: list[int]) -> Iterable[tuple[Classification, Attention]]:
            batch = [[side[place] for place in places] for side in sides]
            output = self.output(*batch)
            classes = map(self.classification, self.calibrated(output.logits).tolist())
            texts = [rows[full[place]] for place in places]
            return zip(classes, self.attentions(output, batch, texts), strict=True)

        found = dict(zip(full, self.machine.answers(sides, answer), strict=True))
        return [found.get(row, (NOTHING, None)) for row in range(len(rows))]

    def attentions(
        self, output: ClassifierOutput, ids: Sequence[Sequence[Ids]], texts: Sequence[tuple[str, ...]]
    ) -> Iterable[Attention]:
        """Where the model looked in each text of a batch, padding left out.

        Args:
            output: what it said.
            ids: side → ids of every text.
            texts: what they are ids of.
        """
        both = (output.attention, output.attention_b)
        weights = [attention.cpu().numpy() for attention in both if attention is not None]
        for row, sides in enumerate(texts):
            tokens = [reader.pieces(text) for reader, text in zip(self.readers, sides, strict=True)]
            kept = [whole[row, :, : len(side[row])] for whole, side in zip(weights, ids, strict=True)]
            second = (tokens[1], kept[1]) if len(sides) > 1 else (None, None)
            yield Attention(tokens[0], kept[0], *second)

    def ids(self, rows: Sequence[tuple[str, ...]]) -> list[tuple[Ids, ...]]:
        """Of every text or pair; none where a text is empty."""
        texts = zip(*rows, strict=True)
        sides = [reader.ids(side) for reader, side in zip(self.readers, texts, strict=True)] if rows else []
        return [ids if all(ids) else () for ids in zip(*sides, strict=True)]

    def classification(self, probabilities: Sequence[float]) -> Classification:
        named = dict(zip(self.labels, probabilities, strict=True))
        if self.is_multilabel:
            labels = tuple(name for name, probability in named.items() if probability > 0.5)
            least_certain = min(max(probability, 1 - probability) for probability in probabilities)
            return Classification(self.separator.join(labels), least_certain, named, labels)
        best = max(named, key=named.__getitem__)
        return Classification(best, named[best], named, (best,))

    def attention(self, text: str, text_b: str | None = None) -> Attention:
        """Where the classifier looks in a text, or in both texts of a pair.

        Raises:
            ValueError: a text is empty; or the second one is missing, or one too many.
        """
        self.check_sides(text_b is not None)
        ((_, attention),) = self.explained([(text,) if text_b is None else (text, text_b)])
        if attention is None:
            raise ValueError("the text is empty: there is nothing to look at")
        for reader in self.readers:
            reader.warn()
        return attention

    def probabilities(
        self, ids: Sequence[Ids], ids_b: Sequence[Ids] | None = None
    ) -> Float[np.ndarray, "row label"]:
        """Of every label, with the temperature that training fitted, of any number of texts, none empty."""
        sides = [ids] if ids_b is None else [ids, ids_b]

        def answer(rows: list[int]) -> Iterable[np.ndarray]:
            return self.calibrated(self.output(*([side[row] for row in rows] for side in sides)).logits)

        return np.array(self.machine.answers(sides, answer)).reshape(-1, len(self.labels))

    def calibrated(self, logits: Float[Tensor, "row label"]) -> Float[np.ndarray, "row label"]:
        found = calibrated(logits, self.model.get_buffer("temperature"), self.is_multilabel)
        return found.numpy()

    def output(self, ids: Iterable[Ids], ids_b: Iterable[Ids] | None = None) -> ClassifierOutput:
        """What the model says of a batch."""
        sides = [self.machine.padded(side) for side in (ids, ids_b) if side is not None]
        output: ClassifierOutput = self.model(*(part for tokens in sides for part in (tokens, tokens == PAD)))
        return output

    def check_sides(self, has_second: bool) -> None:
        if has_second and len(self.readers) == 1:
            raise ValueError("this classifier reads single texts; found second texts, too")
        if not has_second and len(self.readers) == 2:
            raise ValueError("this classifier reads pairs of texts: give the second texts, too")

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a classifier has no {name!r}: it can .classify(texts) and show its .attention(text)"
        )

    def __repr__(self) -> str:
        return f"Classifier({str(self.trained.path)!r}: {', '.join(self.labels)})"
