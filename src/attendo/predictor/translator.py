"""Answers to new source texts, and how probable given answers are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, nan
from typing import NamedTuple, NoReturn, cast, overload

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attendo.checkpoint import Trained
from attendo.data.batches import decoder_inputs
from attendo.data.copying import Copying
from attendo.decoding import Hypothesis
from attendo.models import Ensemble, TransformerSeq2Seq
from attendo.models.ensemble import log_mean
from attendo.predictor.machine import Machine
from attendo.predictor.reader import Ids, as_many, chunks, reader_of
from attendo.tasks.decoding import Decoding
from attendo.tokenization import EOS, PAD, SPECIAL_TOKENS, UNK

TOKENS_AT_ONCE = 4096  # target tokens whose distributions over the vocabulary are held at a time


@dataclass(frozen=True)
class Translation:
    """What the model makes of a source text.

    Attributes:
        text: its answer; "" to an empty source.
        score: mean log-probability of the answer's tokens, EOS included; NaN for an empty source.
        alternatives: the answers that the search ranks behind it, as many as its n_best asks for.
    """

    text: str
    score: float
    alternatives: tuple["Translation", ...] = ()


@dataclass(frozen=True)
class Score:
    """How probable the model finds a target text.

    Attributes:
        log_probability: natural logarithm, summed over the target's tokens, EOS included; NaN where source
            or target is empty.
        token_log_probabilities: of each of them.
        pieces: what these tokens are, EOS as "<eos>".
    """

    log_probability: float
    token_log_probabilities: tuple[float, ...]
    pieces: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Of the target, EOS included."""
        return len(self.token_log_probabilities)

    @property
    def per_token(self) -> float:
        """Mean log-probability."""
        return self.log_probability / max(1, self.tokens)

    @property
    def perplexity(self) -> float:
        """exp(-mean log-probability)."""
        return exp(-self.per_token)


NO_TRANSLATION, NO_SCORE = Translation("", nan), Score(nan, (), ())


class SourceBatch(NamedTuple):
    """Source texts as the model reads them.

    Attributes:
        copy_ids, unknown_words: of a model that copies; else None and ().
    """

    ids: Int[Tensor, "row source"]
    is_padding: Tensor
    copy_ids: Int[Tensor, "row source"] | None
    unknown_words: tuple[str, ...]


class Translator:
    """A trained sequence-to-sequence model, or an ensemble of them, as ``attendo.load`` returns it.

    Attributes:
        trained: the checkpoint it came from; of an ensemble the first.
        reader, target_reader: how it reads sources and targets.
        readers: of what it is asked to translate.
    """

    def __init__(
        self, trained: Trained, machine: Machine, decoding: Decoding, others: Sequence[Trained] = ()
    ) -> None:
        self.trained, self.machine, self.decoding = trained, machine, decoding
        members = [each.model.to(machine.device) for each in (trained, *others)]
        self.members = cast("list[TransformerSeq2Seq]", members)
        self.model = Ensemble(self.members) if others else self.members[0]
        self.reader = reader_of(trained, "source", self.model.longest_target)
        self.readers = [self.reader]
        self.target_reader = reader_of(trained, "target", self.model.longest_target)
        copies = any(member.copy is not None for member in self.members)
        self.copying = Copying(self.reader.tokenizer, self.target_reader.tokenizer) if copies else None

    @property
    def n_best(self) -> int:
        """Answers to a text, at most."""
        return self.decoding.n_best

    # ---------------------------------------------------------------------------------------- translating
    @overload
    def translate(self, texts: str, prefixes: str | None = None) -> Translation: ...  # type: ignore[overload-overlap]
    @overload
    def translate(self, texts: Iterable[str], prefixes: Iterable[str] | None = None) -> list[Translation]: ...
    def translate(
        self, texts: str | Iterable[str], prefixes: str | Iterable[str] | None = None
    ) -> Translation | list[Translation]:
        """The answer to a source text, or to each of several.

        Args:
            texts: the sources.
            prefixes: what the answer to each of them begins with; None: nothing is prescribed.

        Raises:
            ValueError: there are not as many prefixes as texts.
        """
        if isinstance(texts, str):
            return self.translate([texts], None if prefixes is None else [str(prefixes)])[0]
        texts = list(texts)
        beginnings = [""] * len(texts) if prefixes is None else prefixes
        asked = zip(*as_many(texts, beginnings, "texts", "prefixes"), strict=True)
        parts = [self.translations(chunk) for chunk in chunks(asked)]
        self.reader.warn()
        return [answer for part in parts for answer in part]

    def translations(self, asked: Sequence[tuple[str, str]]) -> list[Translation]:
        """Of texts, some of which may be empty, with the beginnings of their answers."""
        ids = self.reader.ids([text for text, _ in asked])
        real = [row for row, of_row in enumerate(ids) if of_row]
        found = iter(self.translated([ids[row] for row in real], [asked[row] for row in real]))
        return [next(found) if of_row else NO_TRANSLATION for of_row in ids]

    def translated(self, sources: Sequence[Ids], asked: Sequence[tuple[str, str]]) -> list[Translation]:
        """The answers to sources, none of which is empty."""
        return [self.translation(*found) for found in self.hypotheses(sources, asked)]

    def hypotheses(
        self, sources: Sequence[Ids], asked: Sequence[tuple[str, str]]
    ) -> list[tuple[list[Hypothesis], tuple[str, ...]]]:
        """What the search finds for sources, none of which is empty, and the unknown words of their batches.

        Args:
            asked: the same sources as texts, and the beginnings of their answers.
        """
        prefixes = self.target_reader.ids([prefix for _, prefix in asked])

        def answer(rows: list[int]) -> list[tuple[list[Hypothesis], tuple[str, ...]]]:
            read = self.sources([sources[row] for row in rows], [asked[row][0] for row in rows])
            found = self.decoding(
                self.model,
                read.ids,
                read.is_padding,
                read.copy_ids,
                len(read.unknown_words),
                self.begun([prefixes[row] for row in rows], [asked[row] for row in rows], read),
            )
            return [(hypotheses, read.unknown_words) for hypotheses in found]

        # half of a batch is left to the answers, which tend to be as long
        return self.machine.answers([sources, sources], answer)

    def begun(
        self, prefixes: Sequence[Ids], asked: Sequence[tuple[str, str]], read: SourceBatch
    ) -> list[Ids]:
        """The beginnings of answers in ids.

        Args:
            asked: sources and beginnings.

        Raises:
            ValueError: one has words that the model cannot write.
        """
        found = [list(ids) for ids in prefixes]
        if self.copying is not None and any(found):
            padded = self.machine.padded([*ids, EOS] for ids in found)
            copied = self.with_copied(padded, read, [prefix for _, prefix in asked]).tolist()
            found = [row[: len(ids)] for row, ids in zip(copied, found, strict=True)]
        for ids, (source, prefix) in zip(found, asked, strict=True):
            if UNK in ids:
                lacking = (
                    f"neither the vocabulary nor the source {source!r}" if self.copying else "no vocabulary"
                )
                raise ValueError(f"prefix {prefix!r}: has words that {lacking} has")
        return found

    def translation(self, hypotheses: Sequence[Hypothesis], unknown_words: Sequence[str]) -> Translation:
        """What the search found for one source."""
        decode = self.target_reader.tokenizer.decode
        best, *others = (Translation(decode(h.ids, unknown_words), h.log_prob / h.length) for h in hypotheses)
        return Translation(best.text, best.score, tuple(others))

    def sources(self, sources: Sequence[Ids], texts: Sequence[str]) -> SourceBatch:
        """A batch of source texts."""
        rows = [[*ids, EOS] for ids in sources]
        ids = self.machine.padded(rows)
        if self.copying is None:
            return SourceBatch(ids, ids == PAD, None, ())
        cleaned = [self.reader.clean(text, self.reader.name) for text in texts]
        copy_ids, unknown_words = self.copying.copy_source(rows, cleaned)
        return SourceBatch(ids, ids == PAD, copy_ids.to(ids.device), unknown_words)

    # -------------------------------------------------------------------------------------------- scoring
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
        scores = self.scored(
            [sources[row] for row in real], [targets[row] for row in real], [pairs[row] for row in real]
        )
        found = dict(zip(real, scores, strict=True))
        return [found.get(row, NO_SCORE) for row in range(len(pairs))]

    def scored(
        self, sources: Sequence[Ids], targets: Sequence[Ids], pairs: Sequence[tuple[str, str]]
    ) -> list[Score]:
        """Under teacher forcing. A target that fills all of the model's positions has no room for its EOS."""
        places = self.model.longest_target

        def answer(rows: list[int]) -> list[Score]:
            asked = self.sources([sources[row] for row in rows], [pairs[row][0] for row in rows])
            wanted = [[*targets[row], EOS][:places] for row in rows]
            ids = self.machine.padded(wanted)
            if self.copying is not None:
                cleaned = [self.target_reader.clean(pairs[row][1], self.target_reader.name) for row in rows]
                ids = self.with_copied(ids, asked, cleaned)
            found = self.log_probabilities(asked, ids)
            lengths = list(map(len, wanted))
            parts = zip(wanted, rows, torch.split(found.double().cpu(), lengths), strict=True)
            return [self.score_of(tokens, pairs[row][1], part) for tokens, row, part in parts]

        return self.machine.answers([sources, targets], answer)

    def with_copied(
        self, targets: Int[Tensor, "row target"], asked: SourceBatch, texts: Sequence[str]
    ) -> Int[Tensor, "row target"]:
        """Targets whose unknown words are those of their own source, where it has them."""
        assert self.copying is not None and asked.copy_ids is not None
        copied = self.copying.copied_targets(
            targets.cpu().numpy(),
            asked.copy_ids.cpu().numpy(),
            asked.unknown_words,
            lambda rows: [texts[row] for row in rows],
        )
        return torch.from_numpy(copied).to(targets.device)

    def score_of(self, ids: Ids, text: str, log_probs: Float[Tensor, " target"]) -> Score:
        """Of one target with EOS (unless it was cut off)."""
        pieces = [*self.target_reader.pieces(text), SPECIAL_TOKENS[EOS]][: len(ids)]
        return Score(log_probs.sum().item(), tuple(log_probs.tolist()), tuple(pieces))

    def log_probabilities(
        self, asked: SourceBatch, targets: Int[Tensor, "row target"]
    ) -> Float[Tensor, " item"]:
        """Of every token of every target, which end with EOS; of an ensemble by its mean probabilities."""
        return log_mean([self.of_member(member, asked, targets) for member in self.members])

    def of_member(
        self, model: TransformerSeq2Seq, asked: SourceBatch, targets: Int[Tensor, "row target"]
    ) -> Float[Tensor, " item"]:
        memory = model.encode(asked.ids, asked.is_padding, asked.copy_ids, len(asked.unknown_words))
        hidden = model.decode(model.embedded(decoder_inputs(targets)), memory)
        copied, is_real = model.copied(hidden, memory), targets != PAD
        places = is_real.flatten().nonzero()[:, 0]
        parts = []
        for chosen in torch.split(places, TOKENS_AT_ONCE):
            where = torch.zeros_like(is_real).flatten().index_fill(0, chosen, True).view_as(is_real)
            parts.append(model.output(hidden, copied, where).gather(1, targets[where][:, None])[:, 0])
        return torch.cat(parts)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"a translator has no {name!r}: it can .translate(texts) and .score(sources, targets)"
        )

    def __repr__(self) -> str:
        return f"Translator({str(self.trained.path)!r})"
