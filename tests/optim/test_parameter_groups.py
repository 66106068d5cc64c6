"""What decays, what does not, and what learns at a rate of its own."""

import functools

import pytest
import torch
from torch import nn

from attendo.data.preparation import PreparedData
from attendo.models import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.optim import (
    constant,
    cosine,
    inverse_sqrt,
    linear,
    noam,
    parameter_groups,
    plateau,
    scale_rates,
)
from small_runs import classifier, transformer


def names(model: nn.Module) -> tuple[set[str], set[str]]:
    """Names of the parameters that decay, and of those that do not."""
    of = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model)
    decaying = [of[id(p)] for group in groups if "weight_decay" not in group for p in group["params"]]
    spared = [of[id(p)] for group in groups if group.get("weight_decay") == 0.0 for p in group["params"]]
    assert len(decaying) == len(set(decaying)) and len(spared) == len(set(spared))
    return set(decaying), set(spared)


def test_of_a_classifier_only_matrices_decay(texts: PreparedData) -> None:
    decaying, spared = names(classifier(texts))
    assert "embedding.weight" in spared and "mlp.0.weight" in decaying and "mlp.0.bias" in spared
    assert {name for name in decaying if "bias" in name} == set()
    assert any("weight_hh_l0" in name for name in decaying)


@pytest.mark.parametrize("tied", ["none", "decoder", "all"])
def test_of_a_transformer_embeddings_positions_and_norms_are_spared(tied: str) -> None:
    shape = (16, 1, 2, 32, "pre", "relu", 0.0, 0.0)
    model = TransformerSeq2Seq(
        9, 9, 16, TransformerEncoder(*shape), TransformerDecoder(*shape), "learned", 32, tied, 0.0
    )
    decaying, spared = names(model)
    assert decaying | spared == {name for name, _ in model.named_parameters()}
    embeddings = {name for name, _ in model.named_parameters() if "embedding" in name or "positions" in name}
    assert len(embeddings) == {"none": 4, "decoder": 4, "all": 3}[tied] and embeddings <= spared
    assert ("projection.weight" in decaying) == (tied == "none")
    assert {name for name in decaying if "norm" in name or "bias" in name} == set()


def test_tied_parameters_count_once_and_frozen_ones_not_at_all(pairs: PreparedData) -> None:
    model = transformer(pairs)
    model.encoder.requires_grad_(False)
    moved = [p for group in parameter_groups(model) for p in group["params"]]
    assert {id(p) for p in moved} == {id(p) for p in model.parameters() if p.requires_grad}
    assert len(moved) == len({id(p) for p in moved})
    torch.optim.SGD(parameter_groups(model), lr=0.1)  # which refuses a parameter that it sees twice


def test_modules_of_other_packages_may_spare_themselves() -> None:
    class Scale(nn.Module):
        decays = False

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 4))

    decaying, spared = names(nn.Sequential(Scale(), nn.BatchNorm1d(4), nn.Linear(4, 4)))
    assert decaying == {"2.weight"}
    assert spared == {"0.weight", "1.weight", "1.bias", "2.bias"}


def test_decay_moves_the_matrices_alone(pairs: PreparedData) -> None:
    model = transformer(pairs)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    decaying, _ = names(model)
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=0.1, weight_decay=0.5)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        expected = before[name] * 0.95 if name in decaying else before[name]
        torch.testing.assert_close(parameter.detach(), expected)


def rates(model: nn.Module, learning_rates: dict[str, float]) -> dict[str, float]:
    """Parameter → factor on the learning rate, as an optimizer gets it."""
    optimizer = torch.optim.SGD(parameter_groups(model, learning_rates), lr=0.5)
    scale_rates(optimizer)
    of = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [(of[id(p)], group["lr"] / 0.5) for group in optimizer.param_groups for p in group["params"]]
    assert len(found) == len(of)
    assert len({group["name"] for group in optimizer.param_groups}) == len(optimizer.param_groups)
    return dict(found)


def test_of_several_patterns_the_last_one_counts(texts: PreparedData) -> None:
    given = {"encoder.*": 0.1, "*bias*": 3, "encoder.stack.forwards.*": 0.5, "mlp.0.weight": 1}
    for name, rate in rates(classifier(texts), given).items():
        expected = 0.5 if "forwards" in name else 3 if "bias" in name else 0.1 if "encoder" in name else 1
        assert rate == pytest.approx(expected), name


def test_a_rate_of_its_own_changes_nothing_about_decay(texts: PreparedData) -> None:
    model = classifier(texts)
    given = {"encoder.*": 0.1, "embedding.weight": 0}
    decaying, spared = names(model)
    of = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, given)
    assert {of[id(p)] for g in groups if "weight_decay" not in g for p in g["params"]} == decaying
    assert {of[id(p)] for g in groups if g.get("weight_decay") == 0.0 for p in g["params"]} == spared


def test_a_tied_parameter_has_one_rate_under_any_of_its_names(pairs: PreparedData) -> None:
    found = rates(transformer(pairs), {"projection.weight": 0.25})
    assert {name for name, rate in found.items() if rate == 0.25} == {"target_embedding.weight"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"encodr.*": 0.1}, r'learning_rates: .encodr\.\*. matches no .* Did you mean "encoder\.\*"'),
        ({"encoder.*": -0.1}, r"expected a factor of 0 or more"),
        ({"encoder.*": float("inf")}, r"expected a factor of 0 or more"),
        ({"encoder.*": float("nan")}, r"expected a factor of 0 or more"),
    ],
)
def test_mistakes_in_learning_rates_are_explained(texts: PreparedData, given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parameter_groups(classifier(texts), given)


SCHEDULES = {
    "constant": functools.partial(constant, warmup_steps=3),
    "linear": functools.partial(linear, warmup_steps=3, final_fraction=0.1),
    "cosine": functools.partial(cosine, warmup_steps=3, final_fraction=0.1),
    "inverse_sqrt": functools.partial(inverse_sqrt, warmup_steps=3),
    "noam": functools.partial(noam, warmup_steps=3, width=64, factor=2.0),
    "plateau": functools.partial(plateau, mode="min", factor=0.5, patience=1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_stay_in_force_under_every_schedule(texts: PreparedData, name: str) -> None:
    """Against the same schedule over the same optimizer without factors."""

    def seen(given: dict[str, float]) -> list[dict[str, float]]:
        optimizer = torch.optim.SGD(parameter_groups(classifier(texts), given), lr=0.5)
        scale_rates(optimizer)
        schedule, found = SCHEDULES[name](optimizer, 20), []
        for _ in range(20):
            found.append({group["name"]: group["lr"] for group in optimizer.param_groups})
            optimizer.step()
            schedule.step(*([1.0] if name == "plateau" else []))
        return found

    for plain, scaled in zip(seen({}), seen({"encoder.*": 0.1, "mlp.*": 0}), strict=True):
        expected = {
            f"{kind}{ending}": plain[kind] * factor
            for kind in ("decaying", "spared")
            for ending, factor in (("", 1.0), ("_x0.1", 0.1), ("_x0.0", 0.0))
        }
        assert scaled == pytest.approx(expected, rel=1e-12)
