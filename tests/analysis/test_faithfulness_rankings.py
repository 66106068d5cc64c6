"""Rankings agree as scipy says, gradients are those of finite differences, and tokens keep their places."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from attendo.analysis import importance
from attendo.analysis.batched_classifier import BatchedClassifier
from attendo.analysis.importance import (
    attention_of,
    gradient_times_input,
    mean_of_pairs,
    overlap,
    rank_agreement,
)
from attendo.models.self_attentive import ClassifierOutput
from hand_made_classifiers import by_hand, random_texts


@pytest.mark.parametrize("values", [2, 5, 1000])
@pytest.mark.parametrize("at_once", [1, 100, 2**22])
def test_kendalls_tau_is_scipys_with_ties_and_without(
    values: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importance, "PAIRS_AT_ONCE", at_once)
    generator = np.random.default_rng(values)
    scores = generator.integers(values, size=(4, 37)).astype(float)
    found = rank_agreement(scores)
    for one in range(4):
        for other in range(4):
            expected = scipy.stats.kendalltau(scores[one], scores[other]).statistic
            assert found[one, other] == pytest.approx(expected, abs=1e-12)


def test_a_constant_ranking_agrees_with_none_and_is_left_out_of_means() -> None:
    scores = np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0], [3.0, 2.0, 1.0]])
    found = rank_agreement(scores)
    assert np.isnan(found[1]).all()
    assert found[0, 2] == -1
    assert mean_of_pairs(found) == -1
    assert math.isnan(mean_of_pairs(found[:1, :1]))
    assert np.isnan(rank_agreement(np.array([[1.0], [2.0]]))).all()


def test_overlap_is_what_two_distributions_share() -> None:
    weights = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.2, 0.3, 0.5]])
    expected = [[sum(map(min, one, other)) for other in weights.tolist()] for one in weights.tolist()]
    np.testing.assert_allclose(overlap(weights), expected)
    assert overlap(weights)[0, 1] == 1
    assert overlap(weights)[0, 2] == 0


class Curved(nn.Module):
    """Something smooth of embeddings, with dropout that must stay off."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("temperature", torch.tensor(1.7))
        self.embedding = nn.Embedding.from_pretrained(torch.randn(16, 5, generator=generator).double())
        self.encoder = nn.GRU(5, 4, batch_first=True, dtype=torch.float64)
        self.output = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 3, dtype=torch.float64))

    def of_embedded(self, embedded: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        states = self.encoder(embedded)[0].cumsum(dim=1)
        return self.output(states[torch.arange(len(lengths)), lengths - 1])

    def forward(self, tokens: torch.Tensor, is_padding: torch.Tensor) -> ClassifierOutput:
        weights = (~is_padding).double() / (~is_padding).sum(dim=1, keepdim=True)
        logits = self.of_embedded(self.embedding(tokens), (~is_padding).sum(dim=1))
        return ClassifierOutput(logits, weights[:, None], None)


@pytest.mark.parametrize("is_multilabel", [False, True])
def test_gradient_times_input_is_the_slope_along_each_embedding(is_multilabel: bool) -> None:
    torch.manual_seed(1)
    model, texts = Curved().eval(), random_texts(12)
    found = gradient_times_input(
        BatchedClassifier(model, is_multilabel, 60), [(tuple(ids),) for ids in texts]
    )
    step = 1e-5
    for ids, scores in zip(texts, found, strict=True):
        embedded, length = model.embedding(torch.tensor([ids])), torch.tensor([len(ids)])

        def log_odds(factors: torch.Tensor, embedded: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                logits = model.of_embedded(embedded * factors[:, None], length)[0] / model.temperature
            p = logits.sigmoid() if is_multilabel else logits.softmax(dim=0)
            return (p / (1 - p)).log()

        best = log_odds(torch.ones(len(ids)).double(), embedded, length).argmax()
        for place in range(len(ids)):
            up, down = torch.ones(len(ids)).double(), torch.ones(len(ids)).double()
            up[place], down[place] = 1 + step, 1 - step
            slope = (log_odds(up, embedded, length) - log_odds(down, embedded, length))[best] / (2 * step)
            assert scores[place] == pytest.approx(abs(slope.item()), abs=1e-8)


@pytest.mark.parametrize("is_multilabel", [False, True])
def test_a_certain_prediction_still_ranks_tokens(is_multilabel: bool) -> None:
    model, texts = by_hand(), [((6, 9, 13, 15, 8),)]
    classifier = BatchedClassifier(model, is_multilabel, 100)
    (mild,) = gradient_times_input(classifier, texts)
    model.factor = 3000.0
    assert classifier.probabilities(texts).max() == 1  # in float64
    (certain,) = gradient_times_input(classifier, texts)
    assert certain.argsort().tolist() == mild.argsort().tolist()
    assert certain.min() > 0


def test_attention_keeps_its_texts_whatever_the_batches() -> None:
    model, texts = by_hand(), [(tuple(ids),) for ids in random_texts(30)]
    alone = [attention_of(BatchedClassifier(model, False, 1), [text])[0] for text in texts]
    for batch_tokens in (1, 50, 10_000):
        for one, other in zip(
            alone, attention_of(BatchedClassifier(model, False, batch_tokens), texts), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12)
