"""Classification metrics against scikit-learn."""

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from attendo.metrics import accuracy, macro_f1

classes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)


@given(classes)
def test_both_equal_scikit_learn_whatever_classes_are_absent(pairs):
    predicted, labels = np.array(pairs).T
    assert accuracy(predicted, labels) == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    expected = f1_score(labels, predicted, average="macro", zero_division=0.0)
    assert macro_f1(predicted, labels, label_count=6) == pytest.approx(expected, abs=1e-12)


def test_tensors_and_arrays_of_any_integer_type_score_the_same():
    predicted, labels = np.array([0, 2, 1, 2]), np.array([0, 1, 1, 2])
    for other in (torch.tensor(predicted), predicted.astype(np.uint8), torch.tensor(predicted).int()):
        assert accuracy(other, labels) == accuracy(predicted, torch.tensor(labels)) == 0.75
        assert macro_f1(other, labels, 3) == macro_f1(predicted, torch.tensor(labels), 3)


def test_always_answering_the_common_class_is_found_out_by_macro_f1():
    labels, predicted = np.array([0] * 9 + [1]), np.zeros(10, dtype=int)
    assert accuracy(predicted, labels) == 0.9
    assert macro_f1(predicted, labels, label_count=2) < 0.5


def test_nothing_to_score_is_an_error_and_not_a_number():
    nothing = np.zeros(0, dtype=int)
    with pytest.raises(ValueError, match="nothing to score"):
        accuracy(nothing, nothing)
    with pytest.raises(ValueError, match="nothing to score"):
        macro_f1(nothing, nothing, label_count=2)


@pytest.mark.parametrize("stray", [-1, 3])
def test_a_class_out_of_range_is_refused(stray):
    with pytest.raises(ValueError, match=r"labels must hold classes 0 ... 2"):
        macro_f1(np.array([0, 1]), np.array([0, stray]), label_count=3)


def test_lengths_that_differ_are_not_broadcast():
    with pytest.raises((AssertionError, jaxtyping.TypeCheckError)):
        accuracy(np.array([1]), np.array([1, 1, 0]))
