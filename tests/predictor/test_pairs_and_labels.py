"""A loaded classifier of pairs reads both texts; one of several labels names those above one half."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
import torch

import attendo
from attendo.predictor import Classification, Classifier, TruncationWarning

TEXTS = ["the sun 1", "moon", "the rain and the wind", "what is it?", "sun sun sun"]
TEXTS_B = ["a sun", "a sun and a moon", "it", "the wind", "a moon"]


def loaded(run: Path) -> Classifier:
    classifier = attendo.load(run, accelerator="cpu")
    assert isinstance(classifier, Classifier)
    classifier.model.double()
    return classifier


@pytest.fixture
def pairs(pairs_run: Path) -> Classifier:
    return loaded(pairs_run)


@pytest.fixture
def labels(labels_run: Path) -> Classifier:
    return loaded(labels_run)


def alone(classifier: Classifier, *texts: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Logits / temperature, and attention to every text (hop, time), without padding."""
    sides = []
    for role, text in zip(("text", "text_b"), texts, strict=False):
        tokens = torch.tensor([classifier.trained.contents.tokenizers[role].encode(text)])
        sides += [tokens, torch.zeros_like(tokens, dtype=torch.bool)]
    with torch.no_grad():
        output = classifier.model(*sides)
    weights = [each[0].numpy() for each in (output.attention, output.attention_b) if each is not None]
    return (output.logits[0] / classifier.model.temperature).numpy(), weights


# ------------------------------------------------------------------------------------------------------ pairs
@pytest.mark.parametrize("batch_tokens", [1, 16, 100_000])
def test_pairs_are_answered_like_each_alone(pairs: Classifier, batch_tokens: int) -> None:
    pairs.machine.batch_tokens = batch_tokens
    answers = pairs.classify(TEXTS, TEXTS_B)
    assert answers == pairs.classify(iter(TEXTS), iter(TEXTS_B))
    for text, text_b, answer in zip(TEXTS, TEXTS_B, answers, strict=True):
        exponentials = np.exp(alone(pairs, text, text_b)[0])
        expected = exponentials / exponentials.sum()
        assert list(answer.probabilities.values()) == pytest.approx(expected, rel=1e-10)
        assert answer.label == pairs.labels[expected.argmax()]
        assert answer.labels == (answer.label,)
    assert pairs.classify(TEXTS[1], TEXTS_B[1]).label == answers[1].label
    assert pairs.classify(TEXTS_B[1], TEXTS[1]).probabilities != answers[1].probabilities


def test_attention_to_a_pair_is_that_to_both_texts(pairs: Classifier) -> None:
    attention = pairs.attention("the sun 1", "a wind")
    _, expected = alone(pairs, "the sun 1", "a wind")
    assert (attention.tokens, attention.tokens_b) == (["the", "sun", "1"], ["a", "wind"])
    np.testing.assert_allclose(attention.weights, expected[0], rtol=1e-10)
    np.testing.assert_allclose(attention.weights_b, expected[1], rtol=1e-10)
    assert [line.split()[:1] for line in repr(attention).splitlines()] == [
        ["hop"], ["the"], ["sun"], ["1"], [], ["a"], ["wind"]
    ]  # fmt: skip


@pytest.mark.parametrize("pair", [("", "a sun"), ("the sun", " "), ("", "")])
def test_where_one_text_of_a_pair_is_empty_so_is_the_answer(pair: tuple[str, str], pairs: Classifier) -> None:
    first, answer, last = pairs.classify(["the sun", pair[0], "moon"], ["a sun", pair[1], "a sun"])
    assert (answer.label, answer.labels, answer.probabilities) == ("", (), {})
    assert isnan(answer.probability)
    assert "" not in (first.label, last.label)
    with pytest.raises(ValueError, match="empty"):
        pairs.attention(*pair)


def test_second_texts_must_be_there_for_pairs_only_and_as_many(pairs: Classifier, labels: Classifier) -> None:
    for ask in (pairs.classify, pairs.attention):
        with pytest.raises(ValueError, match="reads pairs of texts: give the second texts, too"):
            ask("the sun")
    for ask in (labels.classify, labels.attention):
        with pytest.raises(ValueError, match="reads single texts"):
            ask("the sun", "a sun")
    with pytest.raises(ValueError, match="found 2 first texts and 1 second texts"):
        pairs.classify(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="one text on one side and several on the other"):
        pairs.classify("a", ["c"])


def test_a_cut_second_text_is_said_so(pairs: Classifier) -> None:
    with pytest.warns(TruncationWarning, match=r"1 second text\(s\) of more than 8 tokens"):
        pairs.classify("the sun", "a sun " * 10)


# ----------------------------------------------------------------------------------------------------- labels
def test_the_labels_are_those_above_one_half(labels: Classifier) -> None:
    with torch.no_grad():  # so that there are none, some and all of them
        labels.model.mlp[-1].weight.mul_(30)
    answers = labels.classify(TEXTS)
    assert labels.is_multilabel
    for text, answer in zip(TEXTS, answers, strict=True):
        expected = 1 / (1 + np.exp(-alone(labels, text)[0]))
        assert list(answer.probabilities.values()) == pytest.approx(expected, rel=1e-10)
        assert answer.labels == tuple(np.array(labels.labels)[expected > 0.5].tolist())
        assert answer.label == "|".join(answer.labels)
        assert answer.probability == pytest.approx(min(np.where(expected > 0.5, expected, 1 - expected)))


def test_how_labels_are_named_when_there_are_none_or_several(labels: Classifier) -> None:
    assert labels.labels == ["moon", "rain", "sun"]
    none = labels.classification([0.1, 0.4, 0.2])
    assert none == Classification("", 0.6, {"moon": 0.1, "rain": 0.4, "sun": 0.2}, ())
    some = labels.classification([0.9, 0.4, 0.8])
    assert (some.label, some.labels, some.probability) == ("moon|sun", ("moon", "sun"), 0.6)


def test_probabilities_are_calibrated_and_of_any_number_of_texts(
    labels: Classifier, pairs: Classifier
) -> None:
    ids = labels.reader.ids(TEXTS)
    before = labels.probabilities(ids)
    labels.model.temperature.fill_(2.0 * labels.model.temperature)
    logits = np.log(before / (1 - before))
    np.testing.assert_allclose(labels.probabilities(ids), 1 / (1 + np.exp(-logits / 2)), rtol=1e-9)
    assert labels.probabilities([]).shape == (0, 3)
    both = [reader.ids(texts) for reader, texts in zip(pairs.readers, (TEXTS, TEXTS_B), strict=True)]
    found = pairs.probabilities(*both)
    assert found.argmax(axis=1).tolist() == [
        pairs.labels.index(answer.label) for answer in pairs.classify(TEXTS, TEXTS_B)
    ]
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_a_checkpoint_that_says_no_head_has_one_class_a_text(labels_run: Path) -> None:
    classifier = loaded(labels_run)
    del classifier.trained.contents.config["model"]["head"]
    old = Classifier(classifier.trained, classifier.machine)
    assert not old.is_multilabel
    assert sum(old.classify("sun").probabilities.values()) == pytest.approx(1)
