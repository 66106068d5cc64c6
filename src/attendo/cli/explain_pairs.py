"""What ``attendo explain`` asks a translator: answers, and where every head looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from attendo.analysis.alignment import Origin, alignment, has_spaces, origins, words_of
from attendo.analysis.explained_pairs import ExplainedPair, Maps, Side, View
from attendo.cli.predict_progress import AnswerProgress
from attendo.cli.text_input import Example
from attendo.data.batches import decoder_inputs
from attendo.decoding import Hypothesis
from attendo.models.transformer.attention_maps import AttentionMaps, attention_maps
from attendo.predictor import Translator, chunks
from attendo.predictor.reader import Ids
from attendo.tokenization import BOS, EOS, PAD, SPECIAL_TOKENS

Shapes = dict[str, tuple[int, int]]  # kind of attention → layers and heads

TEXTS_AT_ONCE = 256
END = SPECIAL_TOKENS[EOS]


@dataclass(frozen=True)
class Target:
    """What is to be explained.

    Attributes:
        ids: without EOS; those that the vocabulary lacks may be any number beyond it.
        tokens: the same as text.
        log_probability: mean over the tokens and EOS.
    """

    text: str
    ids: Ids
    tokens: list[str]
    log_probability: float


@dataclass(frozen=True, eq=False)
class Looked:
    """What the model's heads do over one pair.

    Attributes:
        generate: p_gen of every target token, where the model copies.
        is_unknown: of each source token, whether the target vocabulary lacks it, where the model copies.
    """

    maps: Maps
    generate: Float[np.ndarray, " target"] | None
    is_unknown: Sequence[bool]


class PairAsker:
    """Asks a translator about pairs of texts.

    Args:
        translator: the model and how it reads and answers.

    Attributes:
        shapes: the kinds of attention that the model has, with layers and heads.

    Raises:
        ValueError: the translator is an ensemble.
    """

    def __init__(self, translator: Translator) -> None:
        if len(translator.members) > 1:
            raise ValueError("run: an ensemble has as many maps of attention as members: explain one of them")
        self.translator, self.machine, self.model = translator, translator.machine, translator.members[0]
        readers = translator.reader, translator.target_reader
        self.has_spaces = [has_spaces(reader.tokenizer) for reader in readers]
        self.shapes = self.shapes_of_model()

    def shapes_of_model(self) -> Shapes:
        ids = torch.tensor([[EOS]], device=self.machine.device)
        found = attention_maps(self.model, ids, ids == PAD, torch.full_like(ids, BOS), ids, 0)
        return {kind: weights.shape[:2] for kind, weights in found.of_pair(0, source=1, target=1).items()}

    # ------------------------------------------------------------------------------------------- the targets
    def own(self, ids: Sequence[Ids], texts: Sequence[str]) -> list[Target]:
        """What the model itself answers to sources, none of which is empty."""
        found = self.translator.hypotheses(ids, [(text, "") for text in texts])
        return [self.answered(hypotheses[0], words) for hypotheses, words in found]

    def answered(self, best: Hypothesis, words: Sequence[str]) -> Target:
        tokenizer = self.translator.target_reader.tokenizer
        known = len(tokenizer)
        tokens = [tokenizer.vocabulary.token(one) if one < known else words[one - known] for one in best.ids]
        return Target(tokenizer.decode(best.ids, words), best.ids, tokens, best.log_prob / best.length)

    def given(
        self, ids: Sequence[Ids], texts: Sequence[str], targets: Sequence[tuple[str, Ids]]
    ) -> list[Target]:
        """Given targets, none of which is empty."""
        pairs = [(text, target) for text, (target, _) in zip(texts, targets, strict=True)]
        scores = self.translator.scored(ids, [of_row for _, of_row in targets], pairs)
        pieces = self.translator.target_reader.pieces
        return [
            Target(text, of_row, pieces(text), score.per_token)
            for (text, of_row), score in zip(targets, scores, strict=True)
        ]

    # ---------------------------------------------------------------------------------------------- the heads
    def looked(
        self, ids: Sequence[Ids], texts: Sequence[str], targets: Sequence[Ids], kinds: Sequence[str]
    ) -> list[Looked]:
        """Weights of pairs, none of whose sides is empty.

        Args:
            ids, texts: the sources.
            targets: without EOS.
            kinds: that are wanted, keys of ``shapes``.
        """
        ends = [[*target, EOS][: self.model.longest_target] for target in targets]
        known = len(self.translator.target_reader.tokenizer)

        def answer(rows: list[int]) -> list[Looked]:
            read = self.translator.sources([ids[row] for row in rows], [texts[row] for row in rows])
            inputs = decoder_inputs(self.machine.padded(ends[row] for row in rows))
            copied = read.copy_ids, len(read.unknown_words)
            found = attention_maps(self.model, read.ids, read.is_padding, inputs, *copied)
            is_unknown = [] if read.copy_ids is None else (read.copy_ids >= known).tolist()
            lengths = [(len(ids[row]) + 1, len(ends[row])) for row in rows]
            return [cut(found, kinds, row, *both, is_unknown) for row, both in enumerate(lengths)]

        return self.machine.answers([ids, targets], answer)

    def side(self, which: int, text: str, tokens: Sequence[str], has_end: bool) -> Side:
        """Source (0) or target (1), with its words."""
        words = words_of(tokens, self.has_spaces[which])
        return Side(text, [*tokens, *[END] * has_end], words)


def cut(
    found: AttentionMaps,
    kinds: Sequence[str],
    row: int,
    source: int,
    target: int,
    is_unknown: Sequence[Sequence[bool]],
) -> Looked:
    """One row without its padding."""
    maps = {kind: weights for kind, weights in found.of_pair(row, source, target).items() if kind in kinds}
    generate = None if found.generate is None else found.generate[row, :target].float().cpu().numpy()
    return Looked(maps, generate, is_unknown[row][:source] if is_unknown else [])


def explained_pairs(
    asker: PairAsker,
    examples: Sequence[Example],
    is_given: bool,
    aligned_by: View,
    kinds: Sequence[str],
    check_size: Callable[[Sequence[tuple[int, int]]], None],
) -> list[ExplainedPair]:
    """Every example with what the model makes of it.

    Args:
        asker: of the model.
        examples: sources, or pairs.
        is_given: whether to explain the given targets rather than the model's own.
        aligned_by: the attention that words are aligned by.
        kinds: of attention that are kept; among them that one's, and "copy" if the model copies.
        check_size: refuses too much: lengths of all sources and targets.
    """
    found: dict[int, tuple[Ids, Target]] = {}
    with AnswerProgress(len(examples), is_shown=True) as progress:
        for chunk in chunks(range(len(examples)), TEXTS_AT_ONCE):
            found.update(targets_of(asker, examples, chunk, is_given))
            progress.add(len(chunk))
    ids, targets = [source for source, _ in found.values()], [target.ids for _, target in found.values()]
    check_size([(len(source) + 1, len(target) + 1) for source, target in zip(ids, targets, strict=True)])
    looked = asker.looked(ids, [examples[row].texts[0] for row in found], targets, kinds)
    maps = dict(zip(found, looked, strict=True))
    return [
        explained(asker, example, found[row][1], maps[row], is_given, aligned_by)
        if row in found
        else nothing(example, is_given)
        for row, example in enumerate(examples)
    ]


def targets_of(
    asker: PairAsker, examples: Sequence[Example], rows: Sequence[int], is_given: bool
) -> dict[int, tuple[Ids, Target]]:
    """Row → ids of the source, and the target; of rows without an empty side."""
    texts = {row: examples[row].texts for row in rows}
    ids = dict(zip(rows, asker.translator.reader.ids([texts[row][0] for row in rows]), strict=True))
    wanted = dict.fromkeys(rows, ("", [EOS]))
    if is_given:
        given = [texts[row][1] for row in rows]
        read = zip(given, asker.translator.target_reader.ids(given), strict=True)
        wanted = dict(zip(rows, read, strict=True))
    real = [row for row in rows if ids[row] and wanted[row][1]]
    sources = [ids[row] for row in real], [texts[row][0] for row in real]
    targets = asker.given(*sources, [wanted[row] for row in real]) if is_given else asker.own(*sources)
    return dict(zip(real, zip(sources[0], targets, strict=True), strict=True))


def nothing(example: Example, is_given: bool) -> ExplainedPair:
    """An example with an empty side."""
    text, target, *_ = *example.texts, ""
    sides = Side(text, [], []), Side(target if is_given else "", [], [])
    reference = target if len(example.texts) == 2 and not is_given else None
    return ExplainedPair(example.where, *sides, not is_given, reference, None, {}, [])


def explained(
    asker: PairAsker,
    example: Example,
    target: Target,
    looked: Looked,
    is_given: bool,
    aligned_by: View,
) -> ExplainedPair:
    text, *references = example.texts
    source = asker.side(0, text, asker.translator.reader.pieces(text), has_end=True)
    written = looked.maps[aligned_by.kind].shape[2]
    answer = asker.side(1, target.text, target.tokens[:written], has_end=written > len(target.tokens))
    came_from: list[Origin] = []
    if looked.generate is not None:
        words = (source.words, source.spelled), (answer.words, answer.spelled)
        came_from = origins(looked.maps["copy"][0, 0], looked.generate, looked.is_unknown, *words)
    return ExplainedPair(
        where=example.where,
        source=source,
        target=answer,
        is_own=not is_given,
        reference=None if is_given or not references else references[0],
        log_probability=target.log_probability,
        maps=looked.maps,
        links=alignment(aligned_by.of(looked.maps), source.words, answer.words),
        generate=looked.generate,
        origins=came_from,
    )
