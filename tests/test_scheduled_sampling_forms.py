"""The parallel against the sequential form, greedy search and autograd, on a recurrent decoder."""

import pytest
import torch
from torch import nn

from attendo.scheduled_sampling import GumbelMixture
from attendo.tokenization import BOS, PAD
from scheduled_samplers import VOCABULARY, constant


class Recurrent(nn.Module):
    """A recurrent decoder with random weights."""

    def __init__(self, dtype=torch.float64) -> None:
        super().__init__()
        torch.manual_seed(11)
        self.embedding = nn.Embedding(VOCABULARY, 6)
        self.layer = nn.GRU(6, 5, batch_first=True)
        self.output = nn.Linear(5, VOCABULARY)
        with torch.no_grad():
            self.output.weight *= 10  # so that guesses differ
        self.to(dtype)

    def read(self, hidden, where):
        return self.output(hidden[where]).log_softmax(dim=-1)

    def guess(self, vectors, where):
        return self.read(self.decode(vectors), where)

    def decode(self, vectors):
        return self.layer(vectors, self.start(len(vectors)))[0]

    def start(self, rows):
        """Of each row another state, for guesses to differ."""
        generator = torch.Generator().manual_seed(12)
        return torch.randn(1, rows, 5, generator=generator, dtype=torch.float64).to(self.output.weight.dtype)

    def states(self, sampler, gold, is_padding):
        return sampler.states(
            gold, is_padding, self.start(len(gold)), self.layer, self.read, self.embedding, step=0, epoch=0
        )

    def inputs(self, sampler, gold, is_padding):
        return sampler.inputs(gold, is_padding, self.guess, self.embedding, step=0, epoch=0)


def long_targets():
    torch.manual_seed(5)
    gold = torch.randint(3, VOCABULARY, (12, 10))
    gold[:, 0] = BOS
    is_padding = torch.arange(10) >= torch.randint(1, 11, (12, 1))
    return gold.masked_fill(is_padding, PAD), is_padding


@pytest.mark.parametrize("p", [0.0, 0.5])
@pytest.mark.parametrize("draw", ["token", "sentence"])
def test_as_many_passes_as_tokens_are_the_sequential_form(p, draw) -> None:
    model, (gold, is_padding) = Recurrent(), long_targets()
    torch.manual_seed(6)
    parallel = model.decode(model.inputs(constant(p, draw=draw, passes=9), gold, is_padding))
    torch.manual_seed(6)
    sequential = model.states(constant(p, draw=draw, form="sequential"), gold, is_padding)
    torch.testing.assert_close(parallel, sequential, rtol=0, atol=1e-14)
    torch.manual_seed(6)
    one_pass = model.decode(model.inputs(constant(p, draw=draw), gold, is_padding))
    assert (one_pass - sequential).abs().max() > 0.1


def test_at_p_0_both_forms_read_what_greedy_search_writes() -> None:
    model, (gold, _) = Recurrent(), long_targets()
    is_padding = torch.zeros_like(gold, dtype=torch.bool)
    written, state = [gold[:, :1]], model.start(12)
    for _ in range(9):
        hidden, state = model.layer(model.embedding(written[-1]), state)
        logits = model.output(hidden)
        logits[..., [PAD, BOS]] = -torch.inf
        written.append(logits.argmax(dim=-1))
    tokens = torch.cat(written, dim=1)
    assert len(set(tokens.flatten().tolist())) > 4
    inputs = model.inputs(constant(0.0, passes=9), gold, is_padding)
    assert torch.equal(inputs, model.embedding(tokens))
    states = model.states(constant(0.0, form="sequential"), gold, is_padding)
    torch.testing.assert_close(states, model.decode(model.embedding(tokens)), rtol=0, atol=1e-14)


def test_sequential_gradients_are_those_of_reading_the_chosen_tokens() -> None:
    model, (gold, is_padding) = Recurrent(), long_targets()
    torch.manual_seed(6)
    states = model.states(constant(0.5, form="sequential"), gold, is_padding)
    states.square().sum().backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert found.pop("output.weight") is None  # guessing gives no gradient
    assert found.pop("output.bias") is None
    torch.manual_seed(6)
    chosen = model.inputs(constant(0.5, passes=9), gold, is_padding)
    tokens = (chosen[:, :, None] - model.embedding.weight).square().sum(dim=-1).argmin(dim=-1)
    model.zero_grad()
    model.decode(model.embedding(tokens)).square().sum().backward()
    for name, gradient in found.items():
        torch.testing.assert_close(model.get_parameter(name).grad, gradient, rtol=0, atol=1e-12)


def test_with_one_token_there_is_nothing_to_replace() -> None:
    model, gold = Recurrent(), torch.tensor([[BOS], [BOS]])
    is_padding = torch.zeros(2, 1, dtype=torch.bool)
    expected = model.decode(model.embedding(gold))
    assert torch.equal(model.decode(model.inputs(constant(0.0, passes=2), gold, is_padding)), expected)
    assert torch.equal(model.states(constant(0.0, form="sequential"), gold, is_padding), expected)


def test_the_sequential_form_leaves_teacher_forcing_to_others() -> None:
    with pytest.raises(AssertionError, match="teacher forcing"):
        Recurrent().states(constant(1.0, form="sequential"), *long_targets())


def test_weights_that_a_guess_has_cast_still_get_gradients() -> None:
    """Under autocast, which keeps what it has cast."""
    model, (gold, is_padding) = Recurrent(torch.float32), long_targets()
    for form in ("parallel", "sequential"):
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            sampler = constant(0.5, form=form, replacement=GumbelMixture(0.5))
            if form == "parallel":
                states = model.decode(model.inputs(sampler, gold, is_padding))
            else:
                states = model.states(sampler, gold, is_padding)
            loss = -model.read(states, ~is_padding)[:, 5].sum()
        loss.backward()
        assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
