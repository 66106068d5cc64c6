import pytest
import torch

from attendo.tokenization import PAD


@pytest.mark.parametrize(("tied", "matrices"), [("all", 1), ("decoder", 2), ("none", 3)])
def test_tied_matrices_share_storage_and_count_once(build, tied, matrices):
    model = build(tied_embeddings=tied)
    weights = [model.source_embedding.weight, model.target_embedding.weight, model.projection.weight]
    assert len({weight.data_ptr() for weight in weights}) == matrices
    body = sum(parameter.numel() for parameter in [*model.encoder.parameters(), *model.decoder.parameters()])
    assert sum(parameter.numel() for parameter in model.parameters()) == body + matrices * 20 * 16
    model.load_state_dict(build(tied_embeddings=tied, seed=1).state_dict())
    assert len({weight.data_ptr() for weight in weights}) == matrices


def test_looking_up_padding_gives_no_gradient_to_the_tied_row_of_padding(build):
    model = build(tied_embeddings="all")
    assert not model.source_embedding.weight[PAD].any()
    source = torch.tensor([[4, 5, 6], [7, PAD, PAD]])
    model(source, source == PAD, torch.tensor([[8, 9], [10, PAD]])).sum().backward()
    assert not model.source_embedding.weight.grad[PAD].any()


def test_embedded_tokens_and_initial_logits_have_unit_variance(build):
    for tied in ("none", "all"):
        model = build(vocabulary_sizes=(500, 500), width=64, tied_embeddings=tied)
        assert model.source_embedding(torch.arange(4, 500)[None]).std().item() == pytest.approx(1, abs=0.05)
        assert model.projection(torch.randn(100, 64)).std().item() == pytest.approx(1, abs=0.1)


def test_wrong_choices_are_explained(build):
    with pytest.raises(ValueError, match=r"width=16 .* heads=3"):
        build(heads=3)
    with pytest.raises(
        ValueError, match=r"20 tokens .* 21: use a joint vocabulary or model.tied_emb.*=decoder"
    ):
        build(vocabulary_sizes=(20, 21))
    build(vocabulary_sizes=(20, 21), tied_embeddings="decoder")
    with pytest.raises(ValueError, match=r"turns pairs of features, but a head has 3"):
        build(width=12, positions="rotary")
    model = build(positions="learned", max_positions=5)
    source = torch.full((1, 6), 4)
    with pytest.raises(ValueError, match=r"6 tokens exceeds max_positions=5"):
        model.encode(source, source == PAD)
