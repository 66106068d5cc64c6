"""The self-attentive classifier: independence of padding, precision, and what it learns."""

from functools import partial

import pytest
import torch
from torch import nn

from attendo.losses import attention_penalty
from attendo.models import SelfAttentiveClassifier
from attendo.models.encoders import GRUEncoder, LSTMEncoder
from attendo.models.layers.attention import StructuredSelfAttention
from attendo.tokenization import PAD

encoders = pytest.mark.parametrize("encoder_class", [LSTMEncoder, GRUEncoder])
SENTENCES = [[4, 5, 6, 7, 8, 9, 10], [11, 12], [13], [14, 4, 14, 5]]


def build(encoder_class=LSTMEncoder, *, vocabulary_size=20, label_count=3, hops=4, dropout=0.0):
    return SelfAttentiveClassifier(
        vocabulary_size=vocabulary_size,
        label_count=label_count,
        embedding_size=8,
        encoder=encoder_class(8, 8, num_layers=1, bidirectional=True, dropout=dropout),
        attention=partial(StructuredSelfAttention, attention_size=8, hops=hops),
        mlp_size=16,
        embedding_dropout=dropout,
        mlp_dropout=dropout,
    )


def pad(sentences, time=None):
    time = time or max(map(len, sentences))
    tokens = torch.tensor([sentence + [PAD] * (time - len(sentence)) for sentence in sentences])
    return tokens, torch.arange(time) >= torch.tensor(list(map(len, sentences)))[:, None]


@encoders
def test_neighbours_and_padding_do_not_change_a_sentence(encoder_class):
    model = build(encoder_class).double()
    together = model(*pad(SENTENCES, time=13))
    for row, sentence in enumerate(SENTENCES):
        alone = model(*pad([sentence]))
        torch.testing.assert_close(together.logits[row], alone.logits[0], rtol=0, atol=1e-12)
        real = together.attention[row, :, : len(sentence)]
        torch.testing.assert_close(real, alone.attention[0], rtol=0, atol=1e-12)
        assert (together.attention[row, :, len(sentence) :] == 0).all()


@encoders
def test_the_gradient_at_padding_is_zero(encoder_class):
    model = build(encoder_class)
    caught = []
    model.embedding.register_forward_hook(lambda _, __, output: caught.append(output) or output.retain_grad())
    tokens, is_padding = pad(SENTENCES)
    output = model(tokens, is_padding)
    (output.logits.square().sum() + attention_penalty(output.attention, torch.ones(4)).sum).backward()
    assert (caught[0].grad[is_padding] == 0).all()
    assert (caught[0].grad[~is_padding] != 0).any()
    assert (model.embedding.weight[PAD] == 0).all()
    assert (model.embedding.weight.grad[PAD] == 0).all()


@pytest.mark.parametrize("time", [0, 3])
def test_an_empty_sentence_has_finite_logits_and_gradients(time):
    model = build()
    tokens, is_padding = torch.full((2, time), PAD), torch.ones(2, time, dtype=torch.bool)
    output = model(tokens, is_padding)
    output.logits.sum().backward()
    assert output.logits.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@encoders
@pytest.mark.parametrize("precision", ["autocast", "true"])
def test_half_precision_trains(encoder_class, precision):
    model = build(encoder_class)
    if precision == "true":
        model = model.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "autocast"):
        output = model(*pad(SENTENCES))
    assert output.attention.dtype == torch.float32
    output.logits.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@encoders
def test_no_tensor_is_made_on_another_device_than_the_inputs(encoder_class):
    tokens, is_padding = pad(SENTENCES)
    output = build(encoder_class).to("meta")(tokens.to("meta"), is_padding.to("meta"))
    assert output.logits.device.type == output.attention.device.type == "meta"


def test_an_encoder_that_does_not_tell_its_size_is_refused():
    with pytest.raises(ValueError, match="Identity must have an integer attribute `output_size`"):
        build(encoder_class=lambda *_, **__: nn.Identity())


KEYWORDS, CLASSES, FILLERS = 40, 4, 60


def planted_keywords(count, generator):
    """Sentences of fillers with one keyword each, whose number modulo the classes is the label."""
    time = 12
    lengths = torch.randint(4, time + 1, (count, 1), generator=generator)
    is_padding = torch.arange(time) >= lengths
    tokens = torch.randint(4 + KEYWORDS, 4 + KEYWORDS + FILLERS, (count, time), generator=generator)
    keyword = torch.randint(0, KEYWORDS, (count,), generator=generator)
    place = (torch.rand(count, 1, generator=generator) * lengths).long()
    tokens = tokens.scatter(1, place, 4 + keyword[:, None]).masked_fill(is_padding, PAD)
    return tokens, is_padding, place[:, 0], keyword % CLASSES


@pytest.mark.parametrize("labels_are_shuffled", [False, True])
def test_a_planted_keyword_is_learned_and_looked_at_but_not_with_shuffled_labels(labels_are_shuffled):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    tokens, is_padding, _, labels = planted_keywords(2000, generator)
    if labels_are_shuffled:
        labels = labels[torch.randperm(len(labels), generator=generator)]
    model = build(vocabulary_size=4 + KEYWORDS + FILLERS, label_count=CLASSES, hops=2, dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(300):
        rows = torch.randint(0, len(labels), (100,), generator=generator)
        logits, _ = model(tokens[rows], is_padding[rows])
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, labels[rows]).backward()
        optimizer.step()

    tokens, is_padding, place, labels = planted_keywords(1000, generator)
    with torch.inference_mode():
        logits, attention = model.eval()(tokens, is_padding)
    accuracy = (logits.argmax(dim=-1) == labels).double().mean()
    on_keyword = attention[torch.arange(1000), :, place].mean()
    uniform = (1 / (~is_padding).sum(dim=1)).mean()
    if labels_are_shuffled:
        assert accuracy < 1 / CLASSES + 0.1
        assert on_keyword < 1.5 * uniform
    else:
        assert accuracy >= 0.98
        assert on_keyword > 4 * uniform
