"""Whether attention weights tell what a classifier's predictions rest on."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from attendo.analysis.batched_classifier import BatchedClassifier, ExampleIds
from attendo.analysis.erasure import SHARES, drops, top_shares
from attendo.analysis.importance import (
    attention_of,
    gradient_times_input,
    mean_of_pairs,
    overlap,
    rank_agreement,
)
from attendo.analysis.other_weights import other_weights

COMPREHENSIVENESS, SUFFICIENCY = "comprehensiveness", "sufficiency"
AGREEMENT, OVERLAP = "rank agreement", "overlap"
DISTANCE, DECISIONS = "distance between predictions", "decisions changed"
ATTENTION, GRADIENT, RANDOM, GAIN = "attention", "gradient × input", "random", "attention − random"
WITH_GRADIENT, OF_HOPS = "attention with gradient × input", "hops with each other"
PERMUTED, UNIFORM = "permuted weights", "uniform weights"

NO_SUM = "the attention's vectors are not the weighted sums of the states (max pooling is like that)"
TEXTS_AT_ONCE = 32  # whose erased versions are held together

Values = dict[tuple[str, str], np.ndarray]  # (measure, of what) → a number for each text


@dataclass(frozen=True)
class Measure:
    """A mean over texts.

    Attributes:
        name: a key of ``readings``.
        of: what was measured.
        mean: over the texts for which it is defined.
        standard_error: of the mean, standard deviation / √texts; None of a single text.
        texts: for how many it is defined.
    """

    name: str
    of: str
    mean: float
    standard_error: float | None
    texts: int

    @property
    def value(self) -> str:
        error = "" if self.standard_error is None else f" ± {self.standard_error:.3f}"
        return f"{self.mean:.3f}{error}"


@dataclass(frozen=True)
class Faithfulness:
    """What was measured.

    Attributes:
        measures: in the order in which they are shown.
        readings: name of a measure → how to read it.
        notes: how it was measured, and why something is left out.
    """

    measures: tuple[Measure, ...]
    readings: Mapping[str, str]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        measures = [asdict(measure) for measure in self.measures]
        return {"measures": measures, "notes": list(self.notes), "readings": dict(self.readings)}


def readings(is_multilabel: bool) -> dict[str, str]:
    """How to read each measure."""
    label, distance, other = (
        ("most probable label", "mean of the labels' |p − q|", "other labels")
        if is_multilabel
        else ("predicted label", "total variation", "another label")
    )
    return {
        COMPREHENSIVENESS: f"how far the {label}'s probability falls when the top tokens are deleted; the "
        "higher the better, and above random if the ranking means anything",
        SUFFICIENCY: "how far it falls when nothing but the top tokens is kept; the lower the better, and "
        "below random if the ranking means anything",
        AGREEMENT: "Kendall's τ-b of two rankings of a text's tokens: 1 the same order, 0 unrelated, −1 "
        "reversed",
        OVERLAP: "attention that two hops have in common: 0 they look at different tokens, 1 they are the "
        "same",
        DISTANCE: f"{distance}, from 0 to 1, between the predictions with learned weights and with others; "
        "near 0, the prediction does not depend on which token has which weight",
        DECISIONS: f"share of the texts (and draws) that get {other} with other weights",
    }


def faithfulness(
    model: nn.Module,
    texts: Sequence[Sequence[int]],
    texts_b: Sequence[Sequence[int]] | None = None,
    *,
    is_multilabel: bool = False,
    shares: Sequence[float] = SHARES,
    random_draws: int = 5,
    permutations: int = 100,
    seed: int = 0,
    batch_tokens: int = 16384,
) -> Faithfulness:
    """Erasure, agreement, and the sensitivity to other weights, as means over texts.

    Tokens are ranked by attention (mean over hops), by |∂ log-odds / ∂e · e| at the embedding e, and at
    random. Comprehensiveness and sufficiency (DeYoung et al. 2020, section 4.2) are means over the shares.
    Agreement and permutation follow Jain & Wallace (2019, section 4), uniform weights Wiegreffe & Pinter
    (2019), here without training anew.

    Args:
        model: a ``SelfAttentiveClassifier``, in evaluation mode; it is asked in the caller's precision.
        texts: token ids of each, none empty.
        texts_b: of pairs, the second texts; tokens are ranked and erased in the first only.
        is_multilabel: whether labels are decided one by one; what falls is then the most probable one's p.
        shares: of a text's tokens that are deleted or kept, at least one token.
        random_draws: random rankings of each text.
        permutations: of each text's weights.
        seed: of both.
        batch_tokens: tokens, padding included, that are held at a time.

    Raises:
        ValueError: there are no texts.
    """
    if not texts:
        raise ValueError("there are no texts to measure the attention's faithfulness on")
    classifier = BatchedClassifier(model, is_multilabel, batch_tokens)
    sides = [texts] if texts_b is None else [texts, texts_b]
    examples: list[ExampleIds] = list(zip(*(map(tuple, side) for side in sides), strict=True))
    generators = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    of_groups: list[Values] = []
    for start in range(0, len(examples), TEXTS_AT_ONCE):
        group = examples[start : start + TEXTS_AT_ONCE]
        attention, gradients = attention_of(classifier, group), gradient_times_input(classifier, group)
        rankings = {
            ATTENTION: [[hops.mean(axis=0)] for hops in attention],
            GRADIENT: [[scores] for scores in gradients],
            RANDOM: [list(generators[0].random((random_draws, len(text[0])))) for text in group],
        }
        values = erased(classifier, group, rankings, shares, generators[0]) | agreement(attention, gradients)
        of_groups.append(values | with_other_weights(classifier, group, permutations, generators[1]))
    names = [name for name in of_groups[0] if all(name in values for values in of_groups)]
    measures = [measured(*name, np.concatenate([values[name] for values in of_groups])) for name in names]
    shown = tuple(measure for measure in measures if measure.texts)
    how = f"shares {', '.join(f'{share:.0%}' for share in shares)}; random: {random_draws} rankings a text"
    how_to_read = readings(is_multilabel)
    return Faithfulness(
        shown,
        {measure.name: how_to_read[measure.name] for measure in shown},
        (f"{how}; {permutations} permutations a text", *notes(classifier, examples, shown)),
    )


def erased(
    classifier: BatchedClassifier,
    texts: Sequence[ExampleIds],
    rankings: Mapping[str, Sequence[Sequence[np.ndarray]]],
    shares: Sequence[float],
    generator: np.random.Generator,
) -> Values:
    """Comprehensiveness and sufficiency by each ranking, and what attention gains on random ones.

    Args:
        classifier, texts, shares, generator: as above.
        rankings: method → for every text one or several scores of its tokens.
    """
    values: Values = {}
    for method, of_texts in rankings.items():
        chosen = [
            [top for one in several for top in top_shares(one, shares, generator)] for several in of_texts
        ]
        fallen = drops(classifier, texts, chosen)
        values[COMPREHENSIVENESS, method] = fallen.comprehensiveness
        values[SUFFICIENCY, method] = fallen.sufficiency
    for name in (COMPREHENSIVENESS, SUFFICIENCY):
        values[name, GAIN] = values[name, ATTENTION] - values[name, RANDOM]
    return dict(sorted(values.items(), key=lambda item: item[0][0]))  # stable: one measure after the other


def agreement(attention: Sequence[np.ndarray], gradients: Sequence[np.ndarray]) -> Values:
    """Of attention with gradients, and of hops, for every text."""
    pairs = zip(attention, gradients, strict=True)
    with_gradient = [rank_agreement(np.stack([hops.mean(axis=0), scores]))[0, 1] for hops, scores in pairs]
    return {
        (AGREEMENT, WITH_GRADIENT): np.array(with_gradient),
        (AGREEMENT, OF_HOPS): np.array([mean_of_pairs(rank_agreement(hops)) for hops in attention]),
        (OVERLAP, OF_HOPS): np.array([mean_of_pairs(overlap(hops)) for hops in attention]),
    }


def with_other_weights(
    classifier: BatchedClassifier, texts: Sequence[ExampleIds], permutations: int, generator: torch.Generator
) -> Values:
    """Nothing for pairs, and where weights and states do not make the vectors."""
    changes = other_weights(classifier, texts, permutations, generator) if len(texts[0]) == 1 else None
    if changes is None:
        return {}
    found = list(zip((PERMUTED, UNIFORM), changes, strict=True))
    return {(DISTANCE, of): change.distance for of, change in found} | {
        (DECISIONS, of): change.decision for of, change in found
    }


def measured(name: str, of: str, values: Float[np.ndarray, " row"]) -> Measure:
    defined = values[~np.isnan(values)]
    count = len(defined)
    error = float(defined.std(ddof=1)) / math.sqrt(count) if count > 1 else None
    return Measure(name, of, float(defined.mean()) if count else math.nan, error, count)


def notes(
    classifier: BatchedClassifier, texts: Sequence[ExampleIds], shown: Sequence[Measure]
) -> Iterator[str]:
    """What to know about the numbers, and why some are not there."""
    lacking = {WITH_GRADIENT, OF_HOPS, PERMUTED} - {measure.of for measure in shown}
    is_paired, is_longer = len(texts[0]) > 1, any(len(text[0]) > 1 for text in texts)
    if classifier.is_multilabel:
        yield "several labels a text: erasure and gradients are of the most probable label"
    if is_paired:
        yield "pairs: tokens of the first text are ranked and erased, the second text stays as it is"
    if not is_longer:
        yield "every text has one token: there is nothing to rank or to permute"
        return
    if WITH_GRADIENT in lacking:
        yield f"rank agreement, {WITH_GRADIENT}: left out, all tokens of a text rank alike"
    for measure in shown:
        if measure.name == AGREEMENT and (undefined := len(texts) - measure.texts):
            where = f"{undefined:,} of {len(texts):,} texts"
            yield f"{AGREEMENT}, {measure.of}: undefined for {where}, in which a ranking is constant"
    if OF_HOPS in lacking:
        yield f"{OF_HOPS}: left out, there is one hop"
    if PERMUTED in lacking:
        reason = "a pair's vector is not made of weights alone" if is_paired else NO_SUM
        yield f"{PERMUTED} and {UNIFORM}: left out, {reason}"
    else:
        yield f"{UNIFORM}: of the trained model; one that was trained with them could differ less, or more"
