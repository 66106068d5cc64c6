"""What the classifier minimises: class weights, several labels a row, the two penalties."""

import functools
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch.nn import functional

from attendo.data.preparation import PreparedData
from attendo.losses import attention_penalty
from attendo.models import ClassifierOutput
from attendo.tasks.classification import factors, over_texts
from small_runs import (
    Diary,
    batch_sizes,
    classification_task,
    classifier,
    module_of,
    optimization,
    small_trainer,
)

WEIGHTS = {"good": 3.0, "bad": 0.25}  # neutral: 1


def trained_losses(data: PreparedData, sizes, **task) -> list[float]:
    torch.manual_seed(3)
    diary = Diary()
    module = classification_task(classifier(data, head=head_of(data)).double(), optimization(), data, **task)
    small_trainer(diary, max_epochs=1).fit(module, datamodule=module_of(data, sizes))
    return diary.losses


def head_of(data: PreparedData) -> str:
    return "multilabel" if data.is_multilabel else "multiclass"


def losses_by_hand(data: PreparedData, loss_of) -> list[float]:
    """Plain SGD over whole steps; ``loss_of``: (output, batch) → what to minimise."""
    torch.manual_seed(3)
    model = classifier(data, head=head_of(data)).double()
    optimizer, plan, losses = (
        torch.optim.SGD(model.parameters(), lr=0.1),
        module_of(data).train_dataloader(),
        [],
    )
    for step in range(plan.steps):
        (batch,) = plan.build(0, step)
        loss = loss_of(model(batch.tokens, batch.is_padding), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("micro_batch", [100_000, 60])
@pytest.mark.parametrize("weights", [WEIGHTS, "balanced"])
def test_class_weights_are_those_of_torch(texts: PreparedData, weights, micro_batch: int) -> None:
    if weights == "balanced":
        counts = np.bincount(texts.splits["train"].labels)
        numbers = torch.tensor(len(texts.splits["train"]) / (len(counts) * counts))
    else:
        numbers = torch.tensor([WEIGHTS.get(name, 1.0) for name in texts.labels], dtype=torch.float64)

    def loss_of(output, batch):
        return functional.cross_entropy(output.logits, batch.labels, weight=numbers)

    ours = trained_losses(texts, batch_sizes(16, micro_batch), class_weights=weights)
    assert ours == pytest.approx(losses_by_hand(texts, loss_of), abs=1e-6)  # weights are fp32
    assert ours != pytest.approx(trained_losses(texts, batch_sizes(16)), abs=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, {"good": 4.0}, "balanced"])
def test_several_labels_a_row_are_binary_cross_entropies(tagged: PreparedData, weights, smoothing) -> None:
    labels = tagged.splits["train"].labels
    numbers = {
        None: torch.ones(labels.shape[1]),
        "balanced": torch.tensor((~labels).sum(axis=0) / labels.sum(axis=0)),
    }
    factor = (
        torch.tensor([weights.get(name, 1.0) for name in tagged.labels])
        if isinstance(weights, Mapping)
        else numbers[weights]
    )

    def loss_of(output, batch):
        targets = batch.labels.double() * (1 - smoothing) + smoothing / 2
        return functional.binary_cross_entropy_with_logits(output.logits, targets, pos_weight=factor.double())

    ours = trained_losses(tagged, batch_sizes(16, 60), class_weights=weights, label_smoothing=smoothing)
    assert ours == pytest.approx(losses_by_hand(tagged, loss_of), abs=1e-6)


def test_the_unsquared_penalty_is_the_norm_itself(texts: PreparedData) -> None:
    def loss_of(output, batch):
        gram = torch.einsum("bht,bgt->bhg", output.attention, output.attention)
        norms = (gram - torch.eye(gram.shape[1])).square().sum(dim=(1, 2)).sqrt()
        return functional.cross_entropy(output.logits, batch.labels) + 0.5 * norms.mean()

    ours = trained_losses(texts, batch_sizes(16), attention_penalty=0.5, penalty_form="unsquared")
    assert ours == pytest.approx(losses_by_hand(texts, loss_of), abs=1e-10)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"goood": 2.0}, 'there is no such class. Did you mean "good"?'),
        ({"good": -1.0}, "expected a factor of 0 or more"),
        ({"good": float("inf")}, "expected a factor of 0 or more"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(weights, message: str) -> None:
    with pytest.raises(ValueError, match=r"regularization\.class_weights") as refusal:
        factors(weights, ["bad", "good"], [3, 4], 7, False)
    assert message in str(refusal.value)


def test_the_temperature_is_fitted_on_validation_and_lies_in_the_model(texts: PreparedData) -> None:
    torch.manual_seed(3)
    how = optimization(functools.partial(torch.optim.Adam, lr=0.01))
    task = classification_task(classifier(texts), how, texts, fit_temperature=True)
    small_trainer(max_epochs=3).fit(task, datamodule=module_of(texts))
    temperature = float(task.model.temperature)
    assert 0.06 < temperature < 15.0 and temperature != 1.0
    batch = next(iter(module_of(texts).val_dataloader()))
    with torch.no_grad():
        logits = task.model.eval()(batch.tokens, batch.is_padding).logits.double()
    nll = {
        t: float(functional.cross_entropy(logits / t, batch.labels))
        for t in (temperature, 0.98 * temperature, 1.02 * temperature)
    }
    assert nll[temperature] == min(nll.values())
    said = {record["row"]: record["probabilities"] for record in task.records}
    expected = (logits / temperature).softmax(dim=-1)
    for row, probabilities in zip(batch.rows.tolist(), expected, strict=True):
        assert list(said[row].values()) == pytest.approx(probabilities.tolist(), abs=1e-6)


def test_a_label_of_all_rows_keeps_a_weight_under_balanced_weights() -> None:
    weights = factors("balanced", ["all", "half"], [10, 5], 10, True)
    assert weights is not None and weights.tolist() == pytest.approx([0.1, 1.0])


@pytest.mark.parametrize("given", [{1: 3.0}, {"1": 3.0}, {True: 0.5}])
def test_class_weights_find_classes_that_are_numbers(given) -> None:
    labels = ["1", "true"]
    (key,) = given
    expected = [1.0, 1.0]
    expected[key is True] = float(given[key])
    weights = factors(given, labels, [2, 2], 4, False)
    assert weights is not None and weights.tolist() == expected


def test_texts_of_a_pair_are_penalized_alike() -> None:
    """Exchanging them changes nothing where both are pooled; else only the one that is pooled counts."""
    torch.manual_seed(0)
    first, second = torch.rand(3, 2, 5).softmax(dim=-1), torch.rand(3, 2, 4).softmax(dim=-1)
    weight = torch.ones(3)
    both = ClassifierOutput(torch.zeros(3, 2), first, second, ("text", "text_b"))
    swapped = ClassifierOutput(torch.zeros(3, 2), second, first, ("text", "text_b"))
    one = ClassifierOutput(torch.zeros(3, 2), first, second, ("text_b",))
    penalties = [over_texts(attention_penalty, output, weight).sum for output in (both, swapped, one)]
    alone = [attention_penalty(weights, weight).sum for weights in (first, second)]
    torch.testing.assert_close(penalties, [sum(alone) / 2, sum(alone) / 2, alone[1]])
