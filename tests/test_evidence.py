"""On the built-in reviews it is known which words decide, so what the attention looks at can be scored."""

import functools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from attendo.analysis.batched_classifier import BatchedClassifier
from attendo.analysis.erasure import drops
from attendo.analysis.faithfulness import faithfulness
from attendo.data import BatchSizes
from attendo.data.preparation import PreparedData
from attendo.data.sources import SyntheticSentiment
from attendo.data.sources.synthetic_sentiment import OPINIONS
from attendo.models import SelfAttentiveClassifier
from attendo.models.encoders import BagEncoder, LSTMEncoder
from measures import measure
from small_runs import (
    classification_task,
    classifier,
    module_of,
    optimization,
    prepared,
    small_trainer,
    soft_attention,
)

SIZE = 32
REVIEWS = SyntheticSentiment(train=3000, validation=200, test=300, seed=1)
FOR_BAGS = SyntheticSentiment(train=3000, validation=200, test=300, seed=1, distractors=False, negation=False)
Review = tuple[list[int], tuple[int, ...]]  # token ids, and the places of the deciding words


def model_of(
    data: PreparedData, encoder: nn.Module, hops: int, dropout: float = 0.0
) -> SelfAttentiveClassifier:
    torch.manual_seed(1)
    attention = soft_attention(SIZE, hops)
    return classifier(data, dropout, SIZE, encoder=encoder, attention=attention, mlp_size=SIZE)


def lstm() -> LSTMEncoder:
    return LSTMEncoder(SIZE, SIZE, num_layers=1, bidirectional=True, dropout=0.0)


def learned(model: nn.Module, data: PreparedData, epochs: int, penalty: float = 0.0) -> float:
    """The model's accuracy on the test reviews after training; it is left in evaluation mode."""
    adam = optimization(functools.partial(torch.optim.Adam, lr=5e-3))
    task = classification_task(model, adam, data, attention_penalty=penalty)
    module = module_of(data, BatchSizes(None, 32, 100_000, pool_steps=20))
    trainer = small_trainer(max_epochs=epochs)
    trainer.fit(task, datamodule=module)
    (scores,) = trainer.test(task, datamodule=module, verbose=False)
    model.eval()
    return scores["test/accuracy"]


def reviews_of(source: SyntheticSentiment, data: PreparedData) -> list[Review]:
    tokenizer = data.tokenizers["text"]
    reviews = [(tokenizer.encode(review.text), review.evidence) for review in source.generate("test")]
    assert [len(ids) for ids, _ in reviews] == [len(r.text.split()) for r in source.generate("test")]
    return reviews


def evidence_share(model: nn.Module, reviews: list[Review]) -> tuple[float, float]:
    """Mean attention on the deciding words, and what uniform attention would put there."""
    model.eval()
    looked, uniform = [], []
    for ids, evidence in reviews:
        tokens = torch.tensor([ids])
        attention = model(tokens, torch.zeros_like(tokens, dtype=torch.bool)).attention  # batch hop time
        looked.append(attention[0, :, list(evidence)].sum(dim=-1).mean().item())
        uniform.append(len(evidence) / len(ids))
    return sum(looked) / len(looked), sum(uniform) / len(uniform)


def fall_without(model: nn.Module, reviews: list[Review], places: list[list[int]]) -> float:
    """How far the predicted label's probability falls without the tokens at some places."""
    chosen = [[np.isin(np.arange(len(ids)), gone)] for (ids, _), gone in zip(reviews, places, strict=True)]
    texts = [(tuple(ids),) for ids, _ in reviews]
    return drops(BatchedClassifier(model, False, 16384), texts, chosen).comprehensiveness.mean().item()


def other_words(reviews: list[Review]) -> list[list[int]]:
    """As many others as there are deciding words."""
    generator = random.Random(1)
    return [
        generator.sample([place for place in range(len(ids)) if place not in evidence], len(evidence))
        for ids, evidence in reviews
    ]


def test_without_distractors_and_negation_every_opinion_word_speaks_for_the_label() -> None:
    kinds = {word: label for label, words in OPINIONS.items() for word in words}
    for source, is_plain in [(FOR_BAGS, True), (REVIEWS, False)]:
        plain = [
            [kinds.get(word) for word in review.text.lower().split()]
            == [
                review.label if place in review.evidence else None
                for place in range(len(review.text.split()))
            ]
            for review in source.generate("test")
        ]
        assert all(plain) == is_plain


@pytest.mark.slow
def test_one_hop_over_a_bag_finds_the_deciding_words_where_a_bag_can_decide(tmp_path: Path) -> None:
    data = prepared(tmp_path, FOR_BAGS)
    reviews = reviews_of(FOR_BAGS, data)
    model = model_of(data, BagEncoder(SIZE), hops=1, dropout=0.2)
    before, uniform = evidence_share(model, reviews)
    model.train()
    assert learned(model, data, epochs=10, penalty=0.01) > 0.97
    after, _ = evidence_share(model, reviews)
    assert before < 1.5 * uniform
    assert after > 0.9


@pytest.mark.slow
def test_an_lstms_attention_finds_the_deciding_words_and_its_predictions_rest_on_them(tmp_path: Path) -> None:
    data = prepared(tmp_path, REVIEWS)
    reviews = reviews_of(REVIEWS, data)
    model, untrained = model_of(data, lstm(), hops=2), model_of(data, lstm(), hops=2).eval()
    before, uniform = evidence_share(model, reviews)
    model.train()
    assert learned(model, data, epochs=8) > 0.95
    after, _ = evidence_share(model, reviews)
    assert before < 1.5 * uniform
    assert after > 2 * uniform

    evidence, others = [list(places) for _, places in reviews], other_words(reviews)
    without_evidence, without_others = (fall_without(model, reviews, gone) for gone in (evidence, others))
    assert without_evidence > 0.25
    assert without_evidence > 2 * without_others
    assert abs(fall_without(untrained, reviews, evidence)) < 0.05  # the control

    texts = [ids for ids, _ in reviews]
    found, control = (faithfulness(each, texts, permutations=20) for each in (model, untrained))
    gain = measure(found, "comprehensiveness", "attention − random")
    assert gain.mean > 5 * gain.standard_error
    assert measure(found, "sufficiency", "attention − random").mean < 0
    assert measure(found, "distance between predictions", "permuted weights").mean > 0.1
    assert measure(control, "comprehensiveness", "attention − random").mean < gain.mean / 5
    assert measure(control, "distance between predictions", "permuted weights").mean < 0.05
