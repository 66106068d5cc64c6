"""Which parameters do not learn, said by patterns of their names."""

import pytest
from torch import nn

from attendo.data.preparation import PreparedData
from attendo.optim import Freezing
from small_runs import classifier, transformer


def frozen(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_patterns_freeze_what_they_match_and_nothing_else(texts: PreparedData) -> None:
    model = classifier(texts)
    expected = {name for name, _ in model.named_parameters() if name.startswith(("encoder.", "mlp.3"))}
    assert Freezing(["encoder.*", "mlp.3.*"], None).freeze(model) == frozenset()
    assert frozen(model) == expected and len(expected) == 10


def test_what_thaws_later_can_learn_from_the_beginning(texts: PreparedData) -> None:
    """So that gradients are synchronised, and optimizers have a place for it, when its time has come."""
    model, freezing = classifier(texts), Freezing(["embedding.*"], 7)
    assert freezing.freeze(model) == {"embedding.weight"} and frozen(model) == set()
    assert [step for step in range(20) if freezing.holds(step)] == list(range(7))
    assert not Freezing(["embedding.*"], None).holds(0)


@pytest.mark.parametrize("alias", ["projection.*", "source_embedding.weight", "target_emb*"])
def test_any_name_of_a_tied_parameter_will_do(pairs: PreparedData, alias: str) -> None:
    model = transformer(pairs)
    Freezing([alias], None).freeze(model)
    assert frozen(model) == {"target_embedding.weight"}


@pytest.mark.parametrize(
    ("patterns", "step", "message"),
    [
        (["encodr.*"], None, r'freeze: .encodr\.\*. matches no parameter .* Did you mean "encoder\.\*"'),
        (["encoder"], None, r'Did you mean "encoder\.\*"\? Its parts: embedding\.\*, encoder\.\*'),
        (["Encoder.*"], None, r'Did you mean "encoder\.\*"'),
        (["encoder.*", "mlp.9.*"], None, r"mlp\.9"),
        (["*"], None, r"leaves no parameter that learns"),
        (["embedding.*", "encoder.*", "attention.*", "mlp.*"], 5, r"leaves no parameter that learns"),
        ([], 5, r"unfreeze_at_step=5, but nothing is frozen"),
        (["mlp.*"], 0, r"unfreeze_at_step=0: expected 1 or more"),
    ],
)
def test_mistakes_are_explained(texts: PreparedData, patterns, step, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Freezing(patterns, step).freeze(classifier(texts))


def test_what_is_frozen_is_told_in_numbers() -> None:
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(1, 1, bias=False))
    assert (
        Freezing(["0.*"], 1000).describe(model) == "1 of 2 parameters, 90.0% of the numbers, until step 1,000"
    )
