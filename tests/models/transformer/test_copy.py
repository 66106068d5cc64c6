"""The pointer-generator against the formula, word by word in float64."""

import numpy as np
import pytest
import torch

from attendo.models.transformer import (
    PointerGenerator,
    TransformerDecoder,
    TransformerEncoder,
    TransformerSeq2Seq,
)
from attendo.models.transformer.copy import mixture
from attendo.tokenization import BOS, EOS, PAD, UNK

VOCAB, WIDTH = 11, 8


def copying_model() -> TransformerSeq2Seq:
    torch.manual_seed(3)
    shape = {"width": WIDTH, "layers": 2, "heads": 2, "feed_forward_size": 12, "norm": "pre"}
    rest = {"activation": "relu", "dropout": 0.0, "attention_dropout": 0.0}
    model = TransformerSeq2Seq(
        VOCAB,
        VOCAB,
        WIDTH,
        TransformerEncoder(**shape, **rest),
        TransformerDecoder(**shape, **rest),
        "sinusoidal",
        32,
        "all",
        0.0,
        copy=PointerGenerator(WIDTH),
    )
    return model.eval()


def sources() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sources, padding and copy ids; two unknown words in the first row (one twice), one in the last."""
    copy_ids = torch.tensor([
        [11, 5, 12, 11, EOS, PAD],
        [7, 7, 6, EOS, PAD, PAD],
        [4, 13, EOS, PAD, PAD, PAD],
    ])  # fmt: skip
    return copy_ids.masked_fill(copy_ids >= VOCAB, UNK), copy_ids == PAD, copy_ids


def by_the_formula(vocabulary, attention, p_gen, copy_ids, size):
    """P(w) of one position, one word after the other."""
    probabilities = np.zeros(size)
    for word in range(size):
        generated = p_gen * vocabulary[word] if word < len(vocabulary) else 0.0
        copied = sum(a for a, x in zip(attention, copy_ids, strict=True) if x == word and x != PAD)
        probabilities[word] = generated + (1 - p_gen) * copied
    return probabilities


def test_the_mixture_is_that_of_the_paper_at_every_position():
    model = copying_model().double()
    source, is_padding, copy_ids = sources()
    target = torch.tensor([[BOS, 11, 5, 4], [BOS, 7, 6, 12], [BOS, 13, 8, 9]])
    memory = model.encode(source, is_padding, copy_ids, 3)
    hidden = model.decode(model.embedded(target), memory)
    copied = model.copied(hidden, memory)
    log_probs = model.output(hidden, copied).detach()
    queries, keys = model.copy.query(hidden), model.copy.key(memory.hidden)
    vocabulary = model.projection(hidden).softmax(-1)
    for row, position in np.ndindex(3, 4):
        length = int((~is_padding[row]).sum())
        scores = (keys[row, :length] @ queries[row, position]).detach().numpy() / np.sqrt(WIDTH)
        attention = np.exp(scores) / np.exp(scores).sum()
        context = attention @ memory.hidden[row, :length].detach().numpy()
        weight, bias = model.copy.generate.weight[0].detach().numpy(), model.copy.generate.bias.item()
        features = np.concatenate([hidden[row, position].detach().numpy(), context])
        p_gen = 1 / (1 + np.exp(-(features @ weight + bias)))
        expected = by_the_formula(
            vocabulary[row, position].tolist(), attention, p_gen, copy_ids[row, :length].tolist(), VOCAB + 3
        )
        np.testing.assert_allclose(log_probs[row, position].exp().numpy(), expected, rtol=0, atol=1e-12)
        assert expected.sum() == pytest.approx(1.0, abs=1e-12)
    assert log_probs[0, 0, 13] == -torch.inf, "another sentence's unknown word"
    chosen = torch.tensor([[True, False, True, True], [False, True, False, False], [True, True, False, True]])
    torch.testing.assert_close(model.output(hidden, copied, chosen), log_probs[chosen], rtol=0, atol=1e-13)


def random_parts() -> list[torch.Tensor]:
    """Logits of the vocabulary, scores of the source, and the logit of p_gen, of five positions."""
    generator = torch.Generator().manual_seed(5)
    shapes = ((5, VOCAB), (5, 6), (5,))
    parts = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return [part.requires_grad_() for part in parts]


def test_gradients_are_those_of_a_dense_computation_of_probabilities():
    copy_ids = torch.tensor([11, 5, 12, 11, EOS, PAD]).expand(5, 6)
    targets = torch.tensor([11, 5, 12, 4, EOS])
    gradients = []
    for is_dense in (False, True):
        logits, scores, generate = random_parts()
        attention = scores.masked_fill(copy_ids == PAD, -torch.inf).softmax(-1)
        if is_dense:
            one_hot = torch.nn.functional.one_hot(copy_ids, VOCAB + 2).double()
            p_gen = generate.sigmoid()[:, None]
            wide = torch.nn.functional.pad(logits.softmax(-1), (0, 2))
            log_probs = (p_gen * wide + (1 - p_gen) * (attention[:, None] @ one_hot)[:, 0]).log()
        else:
            log_probs = mixture(logits.log_softmax(-1), attention, generate, copy_ids, 2)
        loss = -log_probs.gather(1, targets[:, None]).sum() - 0.1 * log_probs[:, :VOCAB].mean(1).sum()
        gradients.append(torch.autograd.grad(loss, [logits, scores, generate]))
    for ours, dense in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, dense, rtol=0, atol=1e-10)
        assert dense.abs().max() > 0.01


@pytest.mark.parametrize("generate", [-300.0, 0.0, 300.0])
@pytest.mark.parametrize("spread", [1.0, 500.0])
def test_nothing_is_infinite_or_no_number_however_sure_the_model_is(generate, spread):
    copy_ids = torch.tensor([[11, 5, 12, PAD]])
    logits = (torch.arange(VOCAB).float()[None] * spread).requires_grad_()
    scores = (torch.tensor([[1.0, 0.0, -1.0, 0.0]]) * spread).requires_grad_()
    certainty = torch.full((1,), generate).requires_grad_()
    attention = scores.masked_fill(copy_ids == PAD, -torch.inf).softmax(-1)
    log_probs = mixture(logits.log_softmax(-1), attention, certainty, copy_ids, 3)
    assert log_probs[0, :13].isfinite().all(), "in the vocabulary or in the source"
    assert log_probs[0, 13] == -torch.inf, "in neither"
    gradients = torch.autograd.grad(log_probs[0, :13].sum(), [logits, scores, certainty])
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_unknown_words_of_other_sentences_change_nothing():
    model = copying_model().double()
    source, is_padding, copy_ids = sources()
    together = model.output(*states(model, source, is_padding, copy_ids, 3))
    for row, words in enumerate([[11, 12], [], [13]]):
        length = int((~is_padding[row]).sum())
        own = copy_ids[row : row + 1, :length].clone()
        for number, word in enumerate(words):
            own[own == word] = VOCAB + number
        alone = model.output(
            *states(
                model, source[row : row + 1, :length], is_padding[row : row + 1, :length], own, len(words)
            )
        )
        columns = [*range(VOCAB), *words]
        torch.testing.assert_close(together[row, :, columns], alone[0], rtol=0, atol=1e-12)


def states(model, source, is_padding, copy_ids, unknown_count):
    memory = model.encode(source, is_padding, copy_ids, unknown_count)
    hidden = model.decode(model.embedded(torch.tensor([[BOS, 5, 7]]).expand(len(source), 3)), memory)
    return hidden, model.copied(hidden, memory)


def test_step_by_step_is_teacher_forcing_also_where_unknown_words_are_fed_back():
    model = copying_model().double()
    source, is_padding, copy_ids = sources()
    target = torch.tensor([[BOS, 11, 12, 4], [BOS, 7, 6, 12], [BOS, 13, 8, 9]])
    memory = model.encode(source, is_padding, copy_ids, 3)
    hidden = model.decode(model.embedded(target), memory)
    whole = model.output(hidden, model.copied(hidden, memory))
    order = torch.tensor([2, 0, 0, 1])
    state = model.start(memory).select(order)
    for position in range(target.shape[1]):
        log_probs, state = model.step(target[order, position], state)
        torch.testing.assert_close(log_probs, whole[order, position], rtol=0, atol=1e-12)
    read_as_unknown = target.masked_fill(target >= VOCAB, UNK)
    torch.testing.assert_close(model.decode(model.embedded(read_as_unknown), memory), hidden, rtol=0, atol=0)


def test_half_precision_stays_near_full():
    model = copying_model()
    exact = model.output(*states(model, *sources(), 3))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model.output(*states(model, *sources(), 3))
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded.exp(), exact.exp(), rtol=0, atol=0.02)


def test_a_model_that_copies_asks_for_what_it_could_copy():
    model = copying_model()
    source, is_padding, _ = sources()
    with pytest.raises(ValueError, match="needs copy_ids"):
        model.start(model.encode(source, is_padding))


def test_learned_copying_reproduces_words_that_no_vocabulary_has():
    """Told to repeat its source, it does so with unknown words too, which it cannot tell apart as UNK."""
    torch.manual_seed(0)
    model = copying_model().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def batch(size: int) -> torch.Tensor:  # three words, each known or one of two unknown ones
        return torch.cat([torch.randint(4, VOCAB + 2, (size, 3)), torch.full((size, 1), EOS)], dim=1)

    for _ in range(250):
        wanted = batch(32)
        source, is_padding = (
            wanted.masked_fill(wanted >= VOCAB, UNK),
            torch.zeros_like(wanted, dtype=torch.bool),
        )
        inputs = torch.cat([torch.full((32, 1), BOS), wanted[:, :-1]], dim=1)
        memory = model.encode(source, is_padding, wanted, 2)
        hidden = model.decode(model.embedded(inputs), memory)
        loss = -model.output(hidden, model.copied(hidden, memory)).gather(2, wanted[..., None]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wanted = batch(200)
    source, is_padding = wanted.masked_fill(wanted >= VOCAB, UNK), torch.zeros_like(wanted, dtype=torch.bool)
    memory = model.eval().encode(source, is_padding, wanted, 2)
    inputs = torch.cat([torch.full((200, 1), BOS), wanted[:, :-1]], dim=1)
    hidden = model.decode(model.embedded(inputs), memory)
    guesses = model.output(hidden, model.copied(hidden, memory)).argmax(-1)
    unknown = wanted >= VOCAB
    assert (guesses == wanted)[unknown].float().mean() > 0.95
