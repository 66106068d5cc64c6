"""Made-up explanations of pairs for the tests of the translators' page."""

from collections.abc import Sequence

import numpy as np

from attendo.analysis.alignment import alignment, origins, words_of
from attendo.analysis.explained_pairs import ExplainedPair, PairExplanations, Side, View
from attendo.models.transformer.head_entropy import head_entropy

LAYERS, HEADS = 2, 3
ALIGNED_BY = View("cross", 1, None)


def rows(generator: np.random.Generator, queries: int, keys: int, shape: Sequence[int] = (LAYERS, HEADS)):
    return generator.dirichlet(np.full(keys, 0.4), (*shape, queries)).astype(np.float32)


def side(text: str, tokens: Sequence[str]) -> Side:
    return Side(text, [*tokens, "<eos>"], words_of(tokens, any("▁" in token for token in tokens)))


def pair(
    generator: np.random.Generator,
    source: Sequence[str],
    target: Sequence[str],
    where: str = "x:1",
    copies: bool = False,
    reference: str | None = None,
) -> ExplainedPair:
    """Weights at random; one without tokens is empty."""
    sides = [side("".join(tokens).replace("▁", " ").strip(), tokens) for tokens in (source, target)]
    if not source or not target:
        empty = [Side(each.text, [], []) for each in sides]
        return ExplainedPair(where, empty[0], empty[1], True, reference, None, {}, [])
    long, wide = len(target) + 1, len(source) + 1
    decoder = np.tril(rows(generator, long, long))
    maps = {
        "encoder": rows(generator, wide, wide),
        "decoder": decoder / decoder.sum(axis=-1, keepdims=True),
        "cross": rows(generator, long, wide),
    }
    generate, came_from = None, []
    if copies:
        maps["copy"] = rows(generator, long, wide, (1, 1))
        generate = generator.random(long).astype(np.float32)
        words = [(each.words, each.spelled) for each in sides]
        came_from = origins(maps["copy"][0, 0], generate, [place % 2 == 0 for place in range(wide)], *words)
    links = alignment(ALIGNED_BY.of(maps), sides[0].words, sides[1].words)
    return ExplainedPair(
        where,
        *sides,
        reference is not None,
        reference,
        -float(generator.random()),
        maps,
        links,
        generate,
        came_from,
    )


def pair_explanations(examples: Sequence[ExplainedPair], title: str = "made up") -> PairExplanations:
    full = [example.maps for example in examples if example.maps]
    entropy = {kind: head_entropy([maps[kind] for maps in full], kind == "decoder") for kind in full[0]}
    return PairExplanations(title, ["a fact"], examples, entropy, ALIGNED_BY)
