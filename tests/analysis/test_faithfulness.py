"""Erasure and other weights do what the papers say, on models whose probabilities are known."""

import itertools
import json
import math
import statistics

import numpy as np
import pytest
import torch

from attendo.analysis.erasure import count_of
from attendo.analysis.faithfulness import faithfulness, readings
from attendo.tokenization import UNK
from hand_made_classifiers import ByHand, Maximum, OneToken, Pair, by_hand, random_texts
from measures import measure

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
KEY = 5


# -------------------------------------------------------------------------- the same in numpy, text by text
def attention(model: ByHand, ids: list[int]) -> np.ndarray:
    """Weights (hop, time)."""
    scores = model.embedding.weight[ids, model.labels :].numpy().T
    powers = np.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


def logits(model: ByHand, ids: list[int], weights: np.ndarray) -> np.ndarray:
    return model.factor * (weights @ model.embedding.weight[ids, : model.labels].numpy()).mean(axis=0)


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum()


def probabilities(model: ByHand, ids: list[int]) -> np.ndarray:
    return softmax(logits(model, ids, attention(model, ids)))


def falls(model: ByHand, ids: list[int], chosen: set[int]) -> tuple[float, float]:
    """Of the predicted label's probability, without the chosen places, and with nothing else."""
    whole = probabilities(model, ids)
    rest = [token for place, token in enumerate(ids) if place not in chosen] or [UNK]
    kept = [token for place, token in enumerate(ids) if place in chosen]
    best = whole.argmax()
    return tuple(whole[best] - probabilities(model, part)[best] for part in (rest, kept))


def gradients(model: ByHand, ids: list[int]) -> list[float]:
    """|∂ log p / ∂e · e|, which ranks as log-odds do, by central differences along each embedding."""
    states = model.embedding.weight[ids].numpy()
    best = probabilities(model, ids).argmax()

    def log_probability(place: int, factor: float) -> float:
        moved = states.copy()
        moved[place] *= factor
        weights = np.exp(moved[:, model.labels :].T)
        weights /= weights.sum(axis=1, keepdims=True)
        return math.log(softmax(model.factor * (weights @ moved[:, : model.labels]).mean(axis=0))[best])

    step = 1e-5
    return [
        abs(log_probability(place, 1 + step) - log_probability(place, 1 - step)) / (2 * step)
        for place in range(len(ids))
    ]


def mean_falls(model: ByHand, texts: list[list[int]], scores: list[list[float]]) -> np.ndarray:
    """Comprehensiveness and sufficiency of a ranking, (text, 2)."""
    found = []
    for ids, ranking in zip(texts, scores, strict=True):
        order = sorted(range(len(ids)), key=lambda place: -ranking[place])
        counts = [max(1, math.ceil(round(share * len(ids), 6))) for share in SHARES]
        found.append(np.mean([falls(model, ids, set(order[:count])) for count in counts], axis=0))
    return np.array(found)


def distinct_texts(count: int, longest: int = 9) -> list[list[int]]:
    """No token twice in a text: no ties."""
    return [list(dict.fromkeys(ids)) for ids in random_texts(count, longest)]


# ---------------------------------------------------------------------------------------------------- erasure
@pytest.mark.parametrize("batch_tokens", [1, 40, 100_000])
def test_erasure_by_attention_and_by_gradients_is_that_of_brute_force(batch_tokens: int) -> None:
    model, texts = by_hand(labels=3), distinct_texts(70)
    found = faithfulness(model, texts, batch_tokens=batch_tokens, permutations=1)
    rankings = {
        "attention": [attention(model, ids).mean(axis=0).tolist() for ids in texts],
        "gradient × input": [gradients(model, ids) for ids in texts],
    }
    for method, scores in rankings.items():
        expected = mean_falls(model, texts, scores)
        for name, values in zip(("comprehensiveness", "sufficiency"), expected.T, strict=True):
            one = measure(found, name, method)
            assert one.mean == pytest.approx(values.mean(), abs=1e-9)
            assert one.standard_error == pytest.approx(statistics.stdev(values) / math.sqrt(70), abs=1e-9)
            assert one.texts == 70


def test_random_rankings_choose_all_tokens_alike() -> None:
    model, ids = by_hand(), [4, 7, 9, 12]
    found = faithfulness(model, [ids], shares=[0.5], random_draws=3000, permutations=1)
    every = np.array([falls(model, ids, set(pair)) for pair in itertools.combinations(range(4), 2)])
    for name, values in zip(("comprehensiveness", "sufficiency"), every.T, strict=True):
        error = values.std() / math.sqrt(3000)
        assert measure(found, name, "random").mean == pytest.approx(values.mean(), abs=4 * error)
        assert measure(found, name, "random").standard_error is None
        difference = measure(found, name, "attention").mean - measure(found, name, "random").mean
        assert measure(found, name, "attention − random").mean == pytest.approx(difference)


def test_equal_weights_choose_like_random_ones_and_not_the_first_tokens() -> None:
    model = ByHand(
        torch.randn(12, 2, generator=torch.Generator().manual_seed(2)), torch.zeros(12, 1), 3.0
    ).eval()
    ids = [4, 7, 9, 12]
    found = faithfulness(model, [ids] * 500, shares=[0.5], random_draws=1, permutations=1)
    every = [falls(model, ids, set(pair))[0] for pair in itertools.combinations(range(4), 2)]
    assert measure(found, "comprehensiveness", "attention").mean == pytest.approx(
        np.mean(every), abs=4 * np.std(every) / math.sqrt(500)
    )


def test_a_model_of_one_token_has_the_highest_comprehensiveness_if_attention_is_there() -> None:
    texts = [[*ids, KEY] for ids in random_texts(50, longest=20, seed=3) if KEY not in ids]
    right = faithfulness(OneToken(KEY, KEY, 12).eval(), texts, permutations=1)
    highest = 1 / (1 + math.exp(-4)) - 1 / (1 + math.exp(1))
    assert measure(right, "comprehensiveness", "attention").mean == pytest.approx(highest)
    assert measure(right, "sufficiency", "attention").mean == pytest.approx(0)
    assert measure(right, "comprehensiveness", "random").mean < 0.6 * highest
    assert measure(right, "comprehensiveness", "gradient × input").mean == pytest.approx(highest)
    elsewhere = [[*ids, 6] for ids in texts if 6 not in ids]
    wrong = faithfulness(OneToken(KEY, 6, 12).eval(), elsewhere, shares=[0.01], permutations=1)
    assert measure(wrong, "comprehensiveness", "attention").mean == pytest.approx(0)
    assert measure(wrong, "sufficiency", "attention").mean == pytest.approx(highest)


def test_a_share_is_at_least_one_token_and_rounded_up() -> None:
    assert [count_of(share, 10) for share in SHARES] == [1, 1, 1, 2, 5]
    assert [count_of(0.1, tokens) for tokens in (1, 70, 71)] == [1, 7, 8]
    model = by_hand()
    found = faithfulness(model, [[6]], permutations=1)
    whole, unknown = probabilities(model, [6]), probabilities(model, [UNK])
    assert measure(found, "comprehensiveness", "attention").mean == pytest.approx(
        (whole - unknown)[whole.argmax()]
    )
    assert measure(found, "sufficiency", "attention").mean == 0
    assert any("one token" in note for note in found.notes)


def test_probabilities_are_the_calibrated_ones() -> None:
    model, warm = by_hand(), by_hand()
    model.factor /= 2
    warm.temperature = torch.tensor(2.0)
    texts = random_texts(20)
    assert faithfulness(model, texts).to_dict() == faithfulness(warm, texts).to_dict()


# ---------------------------------------------------------------------------------------------- other weights
def test_permuted_and_uniform_weights_against_all_permutations() -> None:
    model, ids = by_hand(labels=3), [4, 7, 9]
    weights = attention(model, ids)
    learned = probabilities(model, ids)
    others = [
        softmax(logits(model, ids, weights[:, order]))
        for order in map(list, itertools.permutations(range(3)))
    ]
    distances = [abs(other - learned).sum() / 2 for other in others]
    changed = [other.argmax() != learned.argmax() for other in others]
    found = faithfulness(model, [ids, [4]], permutations=2001)  # a single token has nothing to permute
    middle = sorted(distances)[2:4]
    assert (
        middle[0] - 1e-9
        <= measure(found, "distance between predictions", "permuted weights").mean
        <= middle[1] + 1e-9
    )
    share = np.mean(changed)
    assert measure(found, "decisions changed", "permuted weights").mean == pytest.approx(share, abs=0.05)
    even = softmax(logits(model, ids, np.full_like(weights, 1 / 3)))
    uniform = measure(found, "distance between predictions", "uniform weights")
    assert uniform.mean == pytest.approx(abs(even - learned).sum() / 2)
    assert uniform.texts == 1
    decision = measure(found, "decisions changed", "uniform weights").mean
    assert decision == (even.argmax() != learned.argmax())


def test_where_all_states_are_equal_other_weights_change_nothing() -> None:
    scores = torch.randn(12, 2, generator=torch.Generator().manual_seed(4))
    deaf = ByHand(torch.ones(12, 2) * torch.tensor([1.0, 2.0]), scores).eval()
    hearing = by_hand()
    for model, changes in [(deaf, False), (hearing, True)]:
        found = faithfulness(model, distinct_texts(40), permutations=20)
        for weights in ("permuted weights", "uniform weights"):
            assert (measure(found, "distance between predictions", weights).mean > 1e-3) == changes
            assert (measure(found, "decisions changed", weights).mean > 0) == changes


def test_max_pooling_is_noticed_and_only_other_weights_are_left_out() -> None:
    found = faithfulness(by_hand(kind=Maximum), [[4], *distinct_texts(40)], permutations=3)
    assert not [
        measure for measure in found.measures if measure.of in ("permuted weights", "uniform weights")
    ]
    assert any("not the weighted sums of the states" in note for note in found.notes)
    assert measure(found, "comprehensiveness", "attention").texts == 41


# ---------------------------------------------------------------------------------------------- kinds of data
def test_of_pairs_only_the_first_text_is_erased() -> None:
    model = by_hand(kind=Pair)
    texts, texts_b = distinct_texts(20), random_texts(20, seed=5)

    def together(ids: list[int], ids_b: list[int]) -> np.ndarray:
        return softmax(sum(logits(model, part, attention(model, part)) for part in (ids, ids_b)))

    expected = []
    for ids, ids_b in zip(texts, texts_b, strict=True):
        top = int(attention(model, ids).mean(axis=0).argmax())
        whole, rest = together(ids, ids_b), together([*ids[:top], *ids[top + 1 :]] or [UNK], ids_b)
        expected.append((whole - rest)[whole.argmax()])
    found = faithfulness(model, texts, texts_b, shares=[0.01])
    assert measure(found, "comprehensiveness", "attention").mean == pytest.approx(np.mean(expected))
    assert [note for note in found.notes if "the second text stays" in note]
    assert [note for note in found.notes if "left out, a pair's vector" in note]


def test_of_several_labels_the_most_probable_one_counts_and_distances_are_means_over_labels() -> None:
    model, texts = by_hand(labels=3), [ids for ids in distinct_texts(20) if len(ids) > 1]

    def each(ids: list[int], weights: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-logits(model, ids, weights)))

    falls_, distances, changed = [], [], []
    for ids in texts:
        weights = attention(model, ids)
        top = int(weights.mean(axis=0).argmax())
        rest = [*ids[:top], *ids[top + 1 :]]
        whole, even = each(ids, weights), each(ids, np.full_like(weights, 1 / len(ids)))
        falls_.append((whole - each(rest, attention(model, rest)))[whole.argmax()])
        distances.append(abs(whole - even).mean())
        changed.append(((whole > 0.5) != (even > 0.5)).any())
    found = faithfulness(model, texts, is_multilabel=True, shares=[0.01])
    assert measure(found, "comprehensiveness", "attention").mean == pytest.approx(np.mean(falls_))
    assert measure(found, "distance between predictions", "uniform weights").mean == pytest.approx(
        np.mean(distances)
    )
    assert measure(found, "decisions changed", "uniform weights").mean == pytest.approx(np.mean(changed))
    assert "most probable label" in " ".join(found.notes)
    shown = " ".join(found.readings.values())
    assert "most probable label's" in shown and "other labels" in shown
    assert "predicted label" not in shown and "total variation" not in shown


# ------------------------------------------------------------------------------------------------- the answer
def test_the_same_seed_gives_the_same_numbers_and_the_model_is_left_as_it_was() -> None:
    model, texts = by_hand(), random_texts(40)
    found = faithfulness(model, texts, seed=3)
    assert found == faithfulness(model, texts, seed=3)
    assert found != faithfulness(model, texts, seed=4)
    assert not model.embedding._forward_hooks
    assert not model.training


def test_texts_without_a_rank_agreement_are_counted() -> None:
    texts = [[5, 6, 7], [4], [8, 8], [9, 4]]  # one token, and twice the same one: constant rankings
    found = faithfulness(by_hand(hops=2), texts, permutations=1)
    for of in ("attention with gradient × input", "hops with each other"):
        assert measure(found, "rank agreement", of).texts == 2
        assert any(f"rank agreement, {of}: undefined for 2 of 4 texts" in note for note in found.notes)
    everywhere = faithfulness(by_hand(hops=2), texts[::3], permutations=1)
    assert not any("undefined" in note for note in everywhere.notes)


def test_every_number_has_a_reading_and_a_place_in_json() -> None:
    found = faithfulness(by_hand(hops=3), random_texts(40))
    assert found.readings == readings(is_multilabel=False)
    stored = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    measures = [(each.name, each.of) for each in found.measures]
    assert [(each["name"], each["of"]) for each in stored["measures"]] == measures
    assert stored["readings"] == found.readings
    single = faithfulness(by_hand(hops=1), random_texts(40))
    assert any("there is one hop" in note for note in single.notes)
    json.dumps(faithfulness(by_hand(), [[5, 6, 7]]).to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="no texts"):
        faithfulness(by_hand(), [])
