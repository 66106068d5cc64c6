"""Parameters and FLOPs of models, against closed formulas: a multiplication and an addition are two."""

import pytest
import torch
from torch import Tensor, nn

from attendo.analysis.cost import Cost, cost
from attendo.models import SelfAttentiveClassifier, TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.models.encoders import GRUEncoder, LSTMEncoder
from small_runs import dropouts, soft_attention

VOCABULARY, LABELS, EMBEDDING, HIDDEN, HOPS, ATTENTION, MLP = 50, 3, 5, 7, 4, 6, 9


def by_part(found: Cost) -> dict[str, int]:
    return {part.name: part.flops for part in found.parts}


def classifier(encoder: nn.Module) -> SelfAttentiveClassifier:
    attention = soft_attention(ATTENTION, HOPS)
    parts = (VOCABULARY, LABELS, EMBEDDING, 1.0, encoder, attention, MLP, dropouts(0.3))
    return SelfAttentiveClassifier(*parts, head="multiclass", combine_hops="flatten")


@pytest.mark.parametrize(("kind", "gates"), [(LSTMEncoder, 4), (GRUEncoder, 3)])
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 2)])
def test_a_classifier_costs_what_the_formulas_say(kind, gates, layers, directions) -> None:
    time, wide = 11, directions * HIDDEN
    found = cost(classifier(kind(EMBEDDING, HIDDEN, layers, directions == 2, 0.0)), {"text": time})
    inputs = [EMBEDDING, *[wide] * (layers - 1)]
    recurrent = sum(2 * gates * HIDDEN * (size + HIDDEN) * directions for size in inputs)
    assert by_part(found) == {
        "embedding": 0,
        "encoder": time * recurrent,
        "attention": time * 2 * (wide * ATTENTION + ATTENTION * HOPS + HOPS * wide),  # the last: M = AH
        "mlp": 2 * (HOPS * wide * MLP + MLP * LABELS),
    }
    assert found.flops_per_token == found.flops / time


def transformer(width: int, layers: int, size: int, tied: str = "all") -> TransformerSeq2Seq:
    shape = (width, layers, 2, size, "pre", "relu", 0.1, 0.1)
    encoder, decoder = TransformerEncoder(*shape), TransformerDecoder(*shape)
    return TransformerSeq2Seq(VOCABULARY, VOCABULARY, width, encoder, decoder, "sinusoidal", 64, tied, 0.1)


def test_a_transformer_costs_what_the_formulas_say() -> None:
    width, layers, size, source, target = 8, 3, 20, 9, 6
    found = cost(transformer(width, layers, size), {"source": source, "target": target})
    projections, feed_forward = 4 * 2 * width * width, 2 * 2 * width * size
    encoder = layers * source * (projections + feed_forward + 2 * 2 * source * width)
    to_itself = target * (projections + 2 * 2 * target * width)
    to_source = 2 * 2 * width * width * (target + source) + target * 2 * 2 * source * width
    decoder = layers * (to_itself + to_source + target * feed_forward)
    assert by_part(found) == {
        "encoder": encoder,
        "decoder": decoder,
        "target_embedding": 0,
        "projection": target * 2 * width * VOCABULARY,
    }
    assert found.tokens == source + target


def test_a_large_transformer_costs_about_two_flops_a_parameter() -> None:
    """Kaplan et al. 2020, table 1: of the parameters that are no look-up tables, for each token they see."""
    model = transformer(256, 2, 1024, "none")
    length = 16
    found = cost(model, {"source": length, "target": length})
    parameters = {part.name: part.parameters for part in found.parts}
    expected = 2 * length * (parameters["encoder"] + parameters["decoder"] + parameters["projection"])
    assert expected < found.flops < 1.03 * expected


@pytest.mark.parametrize("tied", ["all", "decoder", "none"])
def test_tied_parameters_count_once(tied) -> None:
    model = transformer(8, 1, 16, tied)
    found = cost(model, {"source": 3, "target": 4})
    assert found.parameters == sum(p.numel() for p in model.parameters())
    tables = sum(p.parameters for p in found.parts if "embedding" in p.name or p.name == "projection")
    assert tables == VOCABULARY * 8 * {"all": 1, "decoder": 2, "none": 3}[tied]


def test_measuring_changes_nothing() -> None:
    model = classifier(LSTMEncoder(EMBEDDING, HIDDEN, 2, True, 0.5))
    model.embedding.eval()
    before = [module.training for module in model.modules()]
    state, switched_on = torch.get_rng_state(), torch.backends.mkldnn.enabled
    cost(model, {"text": 5})
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.backends.mkldnn.enabled == switched_on
    assert [module.training for module in model.modules()] == before
    assert all(parameter.grad is None for parameter in model.parameters())


class Averages(nn.Module):
    """An encoder of somebody else's, with a parameter and a product of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(EMBEDDING, HIDDEN))
        self.output_size = HIDDEN

    def forward(self, inputs: Tensor, is_padding: Tensor) -> Tensor:
        if is_padding.any().item():  # decides by values, which stand-ins without values could not
            return (inputs @ self.weight).masked_fill(is_padding[:, :, None], 0.0)
        return inputs @ self.weight


def test_models_of_other_people_are_measured() -> None:
    found = cost(classifier(Averages()), {"text": 5})
    assert by_part(found)["encoder"] == 5 * 2 * EMBEDDING * HIDDEN
    assert next(part.parameters for part in found.parts if part.name == "encoder") == EMBEDDING * HIDDEN


class Bare(nn.Module):
    """A model without parts."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(VOCABULARY, LABELS))

    def forward(self, tokens: Tensor, is_padding: Tensor) -> Tensor:
        return nn.functional.one_hot(tokens, VOCABULARY).float() @ self.weight


def test_what_belongs_to_no_part_is_shown() -> None:
    found = cost(Bare(), {"text": 5})
    assert by_part(found) == {"between the parts": 5 * 2 * VOCABULARY * LABELS}
    assert found.parameters == VOCABULARY * LABELS
