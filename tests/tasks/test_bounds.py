"""Weights with bounds stay within them while they are trained."""

import functools

import pytest
import torch

from attendo.data.preparation import PreparedData
from attendo.models.encoders import IndRNNEncoder
from small_runs import batch_sizes, classifier, module_of, optimization, small_task, small_trainer


@pytest.mark.parametrize("bound", [0.3, None])
def test_the_recurrent_weights_of_indrnn_are_brought_back_after_every_step(
    texts: PreparedData, bound: float | None
) -> None:
    """Without a bound they leave the same interval: steps are large enough for the test to mean something."""
    task = small_task(texts, optimization(functools.partial(torch.optim.SGD, lr=5.0)))
    torch.manual_seed(1)
    model = classifier(texts)
    model.encoder = IndRNNEncoder(12, 12, 1, True, 0.0, "tanh", bound, None, False, False)
    with torch.no_grad():
        model.embedding.weight.normal_()
        for name, weight in model.encoder.named_parameters():
            if "weight_hh" in name:
                weight.fill_(0.25)
    task.model = model.double()
    small_trainer().fit(task, datamodule=module_of(texts, batch_sizes(16)))
    largest = max(
        float(weight.detach().abs().max())
        for name, weight in model.encoder.named_parameters()
        if "weight_hh" in name
    )
    assert (largest <= 0.3) == (bound is not None)
