"""Answers to new source texts, and how probable given answers are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import NoReturn, cast, overload

import torch
from jaxtyping import Float
from torch import Tensor

from attendo.checkpoint import Trained
from attendo.data.batches import decoder_inputs
from attendo.models.transformer import TransformerSeq2Seq
from attendo.predictor.machine import Machine
from attendo.predictor.reader import Ids, as_many, chunks, filled, reader_of
from attendo.tokenization import EOS, PAD

Decode = Callable[[TransformerSeq2Seq, Tensor, Tensor], list[Ids]]  # (model, source, is_padding) → ids

TOKENS_AT_ONCE = 4096  # target tokens whose distributions over the vocabulary are held at a time


@dataclass(frozen=True)
class Translation:
    """What the model makes of a source text.

    Attributes:
        text: its answer; "" to an empty source.
        score: mean log-probability of the answer's tokens, EOS included; NaN for an empty source.
    """

    text: str
    score: float


@dataclass(frozen=True)
class Score:
    """How probable the model finds a target text.

    Attributes:
        log_probability: natural logarithm, summed over the target's tokens, EOS included; NaN where source
            or target is empty.
        tokens: of the target, EOS included.
    """

    log_probability: float
    tokens: int

    @property
    def per_token(self) -> float:
        """Mean log-probability."""
        return self.log_probability / max(1, self.tokens)


NO_TRANSLATION, NO_SCORE = Translation("", nan), Score(nan, 0)


class Translator:
    """A trained sequence-to-sequence model, as ``attendo.load`` returns it.

    Attributes:
        trained: the checkpoint it came from.
        reader, target_reader: how it reads sources and targets.
        readers: of what it is asked to translate.
    """

    def __init__(self, trained: Trained, machine: Machine, decoding: Decode) -> None:
        self.trained, self.machine, self.decoding = trained, machine, decoding
        self.model = cast(TransformerSeq2Seq, trained.model.to(machine.device))
        self.reader = reader_of(trained, "source", self.model.longest_target)
        self.readers = [self.reader]
        self.target_reader = reader_of(trained, "target", self.model.longest_target)

    @overload
    def translate(self, texts: str) -> Translation: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, texts: Iterable[str]) -> list[Translation]: ...
    def translate(self, texts: str | Iterable[str]) -> Translation | list[Translation]:
        """The answer to a source text, or to each of several."""
        if isinstance(texts, str):
            return self.translate([texts])[0]
        parts = [filled(self.reader.ids(chunk), self.translated, NO_TRANSLATION) for chunk in chunks(texts)]
        self.reader.warn()
        return [answer for part in parts for answer in part]

    @overload
    def score(self, sources: str, targets: str) -> Score: ...  # type: ignore[overload-overlap]
    @overload
    def score(self, sources: Iterable[str], targets: Iterable[str]) -> list[Score]: ...
    def score(self, sources: str | Iterable[str], targets: str | Iterable[str]) -> Score | list[Score]:
        """How probable a target text is, given its source; or each of several, given its own.

        Raises:
            ValueError: there are not as many targets as sources.
        """
        if isinstance(sources, str) and isinstance(targets, str):
            return self.score([sources], [targets])[0]
        pairs = list(zip(*as_many(sources, targets, "sources", "targets"), strict=True))
        scores = [score for chunk in chunks(pairs) for score in self.scores_of_pairs(chunk)]
        self.reader.warn()
        self.target_reader.warn()
        return scores

    def scores_of_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Score]:
        sources = self.reader.ids([source for source, _ in pairs])
        targets = self.target_reader.ids([target for _, target in pairs])
        real = [row for row in range(len(pairs)) if sources[row] and targets[row]]
        scores = self.scored([sources[row] for row in real], [targets[row] for row in real])
        found = dict(zip(real, scores, strict=True))
        return [found.get(row, NO_SCORE) for row in range(len(pairs))]

    def translated(self, sources: Sequence[Ids]) -> list[Translation]:
        """The answers to sources, none of which is empty."""
        # half of a batch is left to the answers, which tend to be as long
        answers = self.machine.answers(
            [sources, sources], lambda rows: self.decoded(sources[r] for r in rows)
        )
        texts = map(self.target_reader.tokenizer.decode, answers)
        scores = self.scored(sources, answers)
        return [Translation(text, score.per_token) for text, score in zip(texts, scores, strict=True)]

    def decoded(self, sources: Iterable[Ids]) -> list[Ids]:
        source = self.machine.padded([*ids, EOS] for ids in sources)
        return self.decoding(self.model, source, source == PAD)

    def scored(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Score]:
        """Under teacher forcing. A target that fills all of the model's positions has no room for its EOS."""
        places = self.model.longest_target

        def answer(rows: list[int]) -> list[Score]:
            wanted = [[*targets[row], EOS][:places] for row in rows]
            found = self.log_probabilities([[*sources[row], EOS] for row in rows], wanted)
            parts = torch.split(found.double().cpu(), list(map(len, wanted)))
            return [Score(part.sum().item(), len(part)) for part in parts]

        return self.machine.answers([sources, targets], answer)

    def log_probabilities(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> Float[Tensor, " item"]:
        """Of every token of every target; all end with EOS."""
        source, target = self.machine.padded(sources), self.machine.padded(targets)
        is_real = target != PAD
        hidden = self.model(source, source == PAD, decoder_inputs(target))[is_real]
        slices = torch.split(hidden, TOKENS_AT_ONCE), torch.split(target[is_real], TOKENS_AT_ONCE)
        parts = zip(*slices, strict=True)
        return torch.cat([self.model.output(states).gather(1, ids[:, None])[:, 0] for states, ids in parts])

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a translator has no {name!r}: it can .translate(texts) and .score(sources, targets)"
        )

    def __repr__(self) -> str:
        return f"Translator({str(self.trained.path)!r})"
