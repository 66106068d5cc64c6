"""What decays, and what does not."""

import pytest
import torch
from torch import nn

from attendo.data.preparation import PreparedData
from attendo.models import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.optim import parameter_groups
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
