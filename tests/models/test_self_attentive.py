"""The self-attentive classifier: independence of padding, precision, and what it learns."""

import pytest
import torch
from torch import nn

from attendo.losses import attention_penalty
from attendo.models import SelfAttentiveClassifier
from attendo.models.encoders import GRUEncoder, LSTMEncoder
from attendo.models.layers.pairs import PairCrossAttention, PairFeatures
from attendo.tokenization import PAD
from small_runs import dropouts, soft_attention

encoders = pytest.mark.parametrize("encoder_class", [LSTMEncoder, GRUEncoder])
SENTENCES = [[4, 5, 6, 7, 8, 9, 10], [11, 12], [13], [14, 4, 14, 5]]


def build(encoder_class=LSTMEncoder, *, vocabulary_size=20, label_count=3, hops=4, dropout=0.0, **changed):
    return SelfAttentiveClassifier(
        vocabulary_size=vocabulary_size,
        label_count=label_count,
        embedding_size=8,
        embedding_std=1.0,
        encoder=encoder_class(8, 8, num_layers=1, bidirectional=True, dropout=dropout),
        attention=soft_attention(8, hops),
        mlp_size=16,
        dropout=dropouts(dropout),
        **{"head": "multiclass", "combine_hops": "flatten", **changed},
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
    (
        output.logits.square().sum() + attention_penalty(output.attention, torch.ones(4), squared=True).sum
    ).backward()
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
        logits, *_ = model(tokens[rows], is_padding[rows])
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, labels[rows]).backward()
        optimizer.step()

    tokens, is_padding, place, labels = planted_keywords(1000, generator)
    with torch.inference_mode():
        logits, attention, *_ = model.eval()(tokens, is_padding)
    accuracy = (logits.argmax(dim=-1) == labels).double().mean()
    on_keyword = attention[torch.arange(1000), :, place].mean()
    uniform = (1 / (~is_padding).sum(dim=1)).mean()
    if labels_are_shuffled:
        assert accuracy < 1 / CLASSES + 0.1
        assert on_keyword < 1.5 * uniform
    else:
        assert accuracy >= 0.98
        assert on_keyword > 4 * uniform


# ---------------------------------------------------------------------------------------------------- options
@pytest.mark.parametrize("logit", [0.3, -5.0, 60.0, -2000.0])
def test_a_binary_head_is_a_sigmoid_and_exact_at_saturation(logit):
    model = build(label_count=2, head="binary").double()
    model.mlp[-1].weight.data.zero_()
    model.mlp[-1].bias.data.fill_(logit)
    log_probs = model(*pad(SENTENCES)).logits.log_softmax(dim=-1)
    truth = torch.tensor(logit, dtype=torch.float64)
    for label in (0, 1):
        expected = -nn.functional.binary_cross_entropy_with_logits(truth, torch.tensor(float(label)).double())
        torch.testing.assert_close(log_probs[0, label], expected, rtol=1e-14, atol=1e-15)
    (-log_probs[:, 0].sum()).backward()  # d/dz -log(1 - σ(z)) = σ(z), for every row
    torch.testing.assert_close(model.mlp[-1].bias.grad[0], 4 * truth.sigmoid(), rtol=1e-12, atol=1e-300)


def test_a_binary_head_is_for_two_classes():
    with pytest.raises(ValueError, match="two classes, but there are 3"):
        build(head="binary")


@encoders
def test_combined_hops_are_their_mean(encoder_class):
    model = build(encoder_class, combine_hops="mean").double()
    tokens, is_padding = pad(SENTENCES)
    states = model.encoder(model.embedding(tokens), is_padding)
    output = model(tokens, is_padding)
    mean = torch.einsum("bht,btf->bf", output.attention, states) / 4  # the public implementation's
    torch.testing.assert_close(output.logits, model.mlp(mean))


def test_dropped_words_lose_their_whole_vector_and_the_others_grow():
    model = build(dropout=0.0)
    model.word_dropout.p = 0.4
    met = []
    model.encoder.register_forward_hook(lambda _, inputs, __: met.append(inputs[0]))
    tokens = torch.randint(4, 20, (500, 9))
    model.train()(tokens, tokens == PAD)
    ratio = met[0] / model.embedding(tokens)  # batch time feature
    assert torch.equal((ratio == 0).all(dim=-1), (ratio == 0).any(dim=-1))
    torch.testing.assert_close(ratio[ratio != 0], torch.full_like(ratio[ratio != 0], 1 / 0.6))
    assert abs((ratio == 0).double().mean() - 0.4) < 5 * (0.4 * 0.6 / 4500) ** 0.5
    model.eval()(tokens, tokens == PAD)
    assert torch.equal(met[1], model.embedding(tokens))


def test_dropped_states_are_dropped_at_every_token():
    model = build(dropout=0.0)
    model.state_dropout.p = 0.5
    tokens = torch.randint(4, 20, (50, 9))
    states = model.train().states(tokens, tokens == PAD)  # batch time hidden
    dropped = states == 0
    assert torch.equal(dropped.all(dim=1), dropped.any(dim=1))
    assert 0.4 < dropped.double().mean() < 0.6


@pytest.mark.parametrize("option", ["features", "cross_attention"])
def test_neighbours_and_padding_do_not_change_a_pair(option):
    build_pair = {
        "features": lambda states, vector: PairFeatures(states, vector, ["vectors", "difference", "product"]),
        "cross_attention": lambda states, vector: PairCrossAttention(states, vector, 2, "text"),
    }
    model = build(pair=build_pair[option]).double()
    others = SENTENCES[::-1]
    together = model(*pad(SENTENCES, time=13), *pad(others, time=9))
    for row, (sentence, other) in enumerate(zip(SENTENCES, others, strict=True)):
        alone = model(*pad([sentence]), *pad([other]))
        torch.testing.assert_close(together.logits[row], alone.logits[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(together.attention_b[row, :, : len(other)], alone.attention_b[0])
    together.logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(("pair", "count"), [(None, 2), (lambda s, v: PairFeatures(s, v, ["product"]), 1)])
def test_the_number_of_texts_must_be_the_models(pair, count):
    texts = pad(SENTENCES) * count
    with pytest.raises(ValueError, match=r"the model reads (one text|two texts), but was given"):
        build(pair=pair)(*texts)


def test_weights_come_back_from_a_state_dict_with_the_temperature():
    first, second = build(), build()
    first.temperature.fill_(1.7)
    second.load_state_dict(first.state_dict())
    assert second.temperature == torch.tensor(1.7)
    assert not [name for name, _ in first.named_parameters() if "temperature" in name]
