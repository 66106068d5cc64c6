import pytest
import torch
from torch import nn

from attendo.models import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.models.ensemble import Ensemble, EnsembleState

SOURCE = torch.tensor([[4, 5, 6, 3], [7, 3, 0, 0]])


def model(seed: int, vocab: int = 9, positions: str = "sinusoidal", longest: int = 8) -> TransformerSeq2Seq:
    torch.manual_seed(seed)
    shape = (8, 1, 2, 16, "pre", "relu", 0.1, 0.0)
    parts = TransformerEncoder(*shape), TransformerDecoder(*shape)
    built = TransformerSeq2Seq(9, vocab, 8, *parts, positions, longest, "none", 0.1)
    return built.eval().double()


def log_probs(member: nn.Module, targets: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Step by step; after the first one the rows are reordered."""
    state = member.start(member.encode(SOURCE, SOURCE == 0))
    found = []
    for number, tokens in enumerate(targets):
        if number == 1:
            state = state.select(rows)
        step, state = member.step(tokens, state)
        found.append(step)
    return torch.cat(found)


TARGETS = [torch.tensor([2, 2]), torch.tensor([4, 5, 6]), torch.tensor([7, 7, 8])]
ROWS = torch.tensor([1, 0, 1])


def test_an_ensemble_has_the_mean_of_its_models_probabilities():
    models = [model(seed) for seed in range(3)]
    each = torch.stack([log_probs(one, TARGETS, ROWS) for one in models])
    together = log_probs(Ensemble(models), TARGETS, ROWS)
    torch.testing.assert_close(together.exp(), each.exp().mean(dim=0), rtol=1e-12, atol=0)
    torch.testing.assert_close(together.exp().sum(dim=1), torch.ones(8, dtype=torch.float64))


def test_a_model_with_itself_is_that_model():
    one = model(0)
    alone = log_probs(one, TARGETS, ROWS)
    torch.testing.assert_close(log_probs(Ensemble([one, one]), TARGETS, ROWS), alone, rtol=0, atol=1e-12)


def test_the_shortest_model_decides_how_long_a_target_may_be():
    assert Ensemble([model(0), model(1)]).longest_target is None
    shortest = [model(0), model(1, positions="learned", longest=9), model(2, positions="learned", longest=7)]
    assert Ensemble(shortest).longest_target == 7


def test_models_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        Ensemble([])
    with pytest.raises(ValueError, match=r"\[9, 10\] target tokens"):
        log_probs(Ensemble([model(0), model(1, vocab=10)]), TARGETS, ROWS)


def test_rows_of_a_state_keep_what_they_looked_at():
    attention = torch.eye(2, dtype=torch.float64)
    selected = EnsembleState((), attention).select(ROWS).attention
    assert selected is not None and torch.equal(selected, attention[ROWS])
    assert EnsembleState(()).select(ROWS).attention is None
