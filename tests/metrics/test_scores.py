"""All scores against scikit-learn: ties, absent classes, one item, probabilities of exactly 0 and 1."""

import time

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attendo.metrics import (
    auroc,
    average_precision,
    classification_scores,
    confusion_counts,
    multilabel_scores,
    per_class,
)

seeds = st.integers(0, 10**9)
NAMES = {"accuracy", "macro_f1", "micro_f1", "mcc", "auroc", "average_precision", "ece"}


def rounded_softmax(generator: np.random.Generator, items: int, classes: int) -> np.ndarray:
    """Probabilities of few different values, some of them exactly 0 or 1: full of ties."""
    table = generator.dirichlet(np.full(classes, 0.5), size=items)
    table[generator.random(items) < 0.2] = np.eye(classes)[generator.integers(classes)]
    return np.round(table * 4) / 4 if generator.random() < 0.7 else table


def one_class_at_a_time(score, table, labels):
    """The mean over classes that some items have and some have not; of two classes, the second's."""
    columns = [1] if table.shape[1] == 2 else range(table.shape[1])
    has = [(labels == column, table[:, column]) for column in columns]
    return [score(truth, column) for truth, column in has if 0 < truth.sum() < len(truth)]


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 40), st.integers(2, 6))
def test_scores_of_classes_equal_those_of_scikit_learn(seed, items, classes):
    generator = np.random.default_rng(seed)
    table, labels = rounded_softmax(generator, items, classes), generator.integers(classes, size=items)
    predicted = table.argmax(axis=1)
    scores = classification_scores(table, labels)
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "macro_f1": sk.f1_score(labels, predicted, average="macro", zero_division=0.0),
        "micro_f1": sk.f1_score(labels, predicted, average="micro"),
        "ece": scores["ece"],
    }
    if len(set(labels)) > 1:
        expected["mcc"] = sk.matthews_corrcoef(labels, predicted)
        expected["auroc"] = np.mean(one_class_at_a_time(sk.roc_auc_score, table, labels))
        precisions = one_class_at_a_time(sk.average_precision_score, table, labels)
        expected["average_precision"] = np.mean(precisions)
    assert scores == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 40), st.integers(1, 6))
def test_scores_of_several_labels_equal_those_of_scikit_learn(seed, items, labels):
    generator = np.random.default_rng(seed)
    table = np.round(generator.random((items, labels)) * 5) / 5
    targets = generator.random((items, labels)) < generator.random(labels)
    predicted = table > 0.5
    scores = multilabel_scores(table, targets)
    expected = {"accuracy": (predicted == targets).all(axis=1).mean(), "ece": scores["ece"]}
    if targets.any():
        present = [column for column in range(labels) if (predicted | targets)[:, column].any()]
        expected["macro_f1"] = np.mean([sk.f1_score(targets[:, c], predicted[:, c]) for c in present])
        expected["micro_f1"] = sk.f1_score(targets.ravel(), predicted.ravel())
    if targets.any() and not targets.all():
        expected["mcc"] = sk.matthews_corrcoef(targets.ravel(), predicted.ravel())
    ranked = [column for column in range(labels) if 0 < targets[:, column].sum() < items]
    for name, score in [("auroc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)]:
        if ranked:
            expected[name] = np.mean([score(targets[:, c], table[:, c]) for c in ranked])
    assert scores == pytest.approx(expected, abs=1e-12)


@given(seeds, st.integers(1, 30), st.integers(2, 5))
def test_the_table_of_classes_and_the_confusion_matrix_are_those_of_scikit_learn(seed, items, classes):
    generator = np.random.default_rng(seed)
    table, labels = rounded_softmax(generator, items, classes), generator.integers(classes, size=items)
    targets = generator.random((items, classes)) < 0.4
    names = [f"class {number}" for number in range(classes)]
    predicted = table.argmax(axis=1)
    for truth, guess in [(labels, predicted), (targets, table > 0.5)]:
        rows = per_class(table, truth, names)
        expected = sk.precision_recall_fscore_support(
            truth, guess, labels=list(range(classes)), zero_division=0.0
        )
        assert [row["label"] for row in rows] == names
        for key, column in zip(["precision", "recall", "f1", "support"], expected, strict=True):
            assert [row[key] for row in rows] == pytest.approx(list(column), abs=1e-12)
    expected = sk.confusion_matrix(labels, predicted, labels=range(classes))
    np.testing.assert_array_equal(confusion_counts(predicted, labels, classes), expected)


def test_one_item_has_the_scores_that_are_defined():
    scores = classification_scores(np.array([[0.0, 1.0]]), np.array([1]))
    assert scores == {"accuracy": 1.0, "macro_f1": 1.0, "micro_f1": 1.0, "ece": 0.0}
    none = multilabel_scores(np.array([[0.2, 0.9]]), np.array([[False, False]]))
    assert none == pytest.approx({"accuracy": 0.0, "ece": (0.2 + 0.9) / 2})


def test_which_scores_there_are_does_not_depend_on_what_is_predicted():
    labels = np.array([0, 1, 2, 2])
    for table in (np.eye(3)[labels], np.eye(3)[[1, 1, 1, 1]], np.full((4, 3), 1 / 3)):
        assert set(classification_scores(table, labels)) == NAMES
    targets = np.array([[True, False], [False, False]])
    for table in (np.zeros((2, 2)), np.ones((2, 2)), np.full((2, 2), 0.5)):
        assert set(multilabel_scores(table, targets)) == NAMES


def test_chance_and_perfection_have_their_known_values():
    labels = np.arange(90) % 3
    perfect = classification_scores(np.eye(3)[labels], labels)
    assert perfect == pytest.approx({name: 1.0 for name in NAMES} | {"ece": 0.0})
    constant = classification_scores(np.full((90, 3), 1 / 3), labels)
    assert constant["auroc"] == 0.5 and constant["mcc"] == 0.0
    assert constant["average_precision"] == pytest.approx(1 / 3) and constant["ece"] == pytest.approx(0.0)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_tensors_and_arrays_score_the_same(kind):
    table = torch.rand(50, 4, generator=torch.Generator().manual_seed(1)).softmax(dim=1).to(kind)
    table.requires_grad_()
    labels = torch.arange(50) % 4
    expected = classification_scores(table.detach().double().numpy(), labels.numpy())
    assert classification_scores(table, labels) == expected
    assert per_class(table, labels.int(), list("abcd")) == per_class(table, labels.numpy(), list("abcd"))


@pytest.mark.parametrize("stray", [np.nan, 1.5, -0.1])
def test_what_is_no_probability_is_refused(stray):
    with pytest.raises(ValueError, match=r"NaN or outside 0 \.\.\. 1"):
        classification_scores(np.array([[stray, 0.5]]), np.array([0]))


def test_a_class_without_a_column_is_refused_and_nothing_is_no_score():
    with pytest.raises(ValueError, match=r"labels must hold classes 0 \.\.\. 1"):
        classification_scores(np.array([[0.5, 0.5]]), np.array([2]))
    for score in (classification_scores, auroc, average_precision):
        with pytest.raises(ValueError, match="nothing to score"):
            score(np.zeros((0, 2)), np.zeros(0, dtype=int))


def test_large_splits_are_scored_within_a_second():
    generator = np.random.default_rng(1)
    table = generator.dirichlet(np.ones(2), size=25_000)
    many = generator.random((10_000, 50))
    start = time.perf_counter()
    classification_scores(table, generator.integers(2, size=25_000))
    between = time.perf_counter()
    multilabel_scores(many, many > generator.random((10_000, 50)))
    assert between - start < 1 and time.perf_counter() - between < 1
