"""Maps of attention are those of the fused kernels: they explain what the heads answered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from attendo.models.decoders.recurrent import RecurrentDecoder
from attendo.models.layers.multi_head_attention import CrossAttention, SelfAttention
from attendo.models.transformer import TransformerSeq2Seq
from attendo.models.transformer.attention_maps import AttentionMaps, attention_maps
from attendo.models.transformer.copy import PointerGenerator

Build = Callable[..., TransformerSeq2Seq]

SOURCE = torch.tensor([[5, 6, 7, 8, 3], [9, 10, 3, 0, 0], [11, 3, 0, 0, 0]])
TARGET = torch.tensor([[2, 12, 13, 14], [2, 15, 0, 0], [2, 16, 17, 0]])
IS_PADDING = SOURCE == 0


def maps_of(model: TransformerSeq2Seq, **copying: object) -> AttentionMaps:
    return attention_maps(model, SOURCE, IS_PADDING, TARGET, **copying)


@contextmanager
def answers_of_heads(model: nn.Module) -> Iterator[list[tuple[str, np.ndarray, np.ndarray]]]:
    """Name, values and the heads' answers of every attention, as its own linear maps see them."""
    seen: dict[str, dict[str, Tensor]] = {}
    hooks = []
    for name, module in model.named_modules():
        if isinstance(module, SelfAttention | CrossAttention):
            kept = seen.setdefault(name, {"heads": torch.tensor(module.heads)})
            hooks += [
                module.project.register_forward_hook(
                    lambda _, given, answer, kept=kept: kept.update(projected=answer)
                ),
                module.output.register_forward_hook(
                    lambda _, given, answer, kept=kept: kept.update(mixed=given[0])
                ),
            ]
    found: list[tuple[str, np.ndarray, np.ndarray]] = []
    yield found
    for name, kept in seen.items():
        heads = int(kept["heads"])
        parts = kept["projected"].chunk(3 if "cross" not in name else 2, dim=-1)
        split = [each.unflatten(-1, (heads, -1)).transpose(1, 2) for each in (parts[-1], kept["mixed"])]
        found.append((name, split[0].numpy(), split[1].numpy()))
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", "none"])
def test_weights_times_values_are_what_the_fused_kernel_answered(
    double: Build, norm: str, positions: str
) -> None:
    model = double(norm=norm, positions=positions)
    with answers_of_heads(model) as found, torch.no_grad():
        maps = maps_of(model)
    assert len(found) == 6
    for name, values, mixed in found:
        layer = int(name.split(".")[2])
        kind = "encoder" if name.startswith("encoder") else "cross" if "cross" in name else "decoder"
        weights = getattr(maps, kind)[:, layer].numpy()
        np.testing.assert_allclose(weights @ values, mixed, atol=1e-10)


def test_a_recurrent_decoder_shows_its_cross_attention(double: Build) -> None:
    model = double()
    model.decoder = RecurrentDecoder(16, "gru", 1, 4, 0.0, 0.0, 0.0).double().eval()
    with answers_of_heads(model) as found, torch.no_grad():
        maps = maps_of(model)
    assert maps.decoder.shape == (3, 0, 0, 4, 4) and maps.cross.shape == (3, 1, 4, 4, 5)
    (_, values, mixed) = found[-1]
    np.testing.assert_allclose(maps.cross[:, 0].numpy() @ values, mixed, atol=1e-10)


def test_weights_are_those_of_the_librarys_attention_with_the_same_matrices(double: Build) -> None:
    model = double(layers=1, norm="post")
    ours = model.encoder.layers[0].attention
    theirs = nn.MultiheadAttention(16, 4, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.project.weight,
            "in_proj_bias": ours.project.bias,
            "out_proj.weight": ours.output.weight,
            "out_proj.bias": ours.output.bias,
        }
    )
    states = model.source_embedding(SOURCE) + model.source_positions(5)
    _, expected = theirs(states, states, states, key_padding_mask=IS_PADDING, average_attn_weights=False)
    torch.testing.assert_close(maps_of(model).encoder[:, 0], expected.detach(), atol=1e-12, rtol=0)


def test_rows_sum_to_one_and_nothing_goes_to_padding_or_to_the_future(double: Build) -> None:
    model = double()
    maps = maps_of(model)
    assert maps.encoder.shape == (3, 2, 4, 5, 5) and maps.cross.shape == (3, 2, 4, 4, 5)
    assert maps.decoder.shape == (3, 2, 4, 4, 4) and maps.copy is maps.generate is None
    for kind in (maps.encoder, maps.decoder, maps.cross):
        torch.testing.assert_close(kind.sum(dim=-1), torch.ones(kind.shape[:-1]).double(), atol=1e-12, rtol=0)
    for kind in (maps.encoder, maps.cross):
        at_padding = kind.movedim(-1, 1)[IS_PADDING]
        assert torch.equal(at_padding, torch.zeros_like(at_padding))
    assert torch.equal(maps.decoder, maps.decoder.tril())


def test_padding_changes_no_map(double: Build) -> None:
    model = double()
    together = maps_of(model)
    for row in range(3):
        source = SOURCE[row : row + 1, ~IS_PADDING[row]]
        target = TARGET[row : row + 1, : int((TARGET[row] != 0).sum())]
        alone = attention_maps(model, source, source == 0, target)
        found = together.of_pair(row, source.shape[1], target.shape[1])
        assert list(found) == ["encoder", "decoder", "cross"]
        for kind, weights in found.items():
            np.testing.assert_allclose(weights, getattr(alone, kind)[0].numpy(), atol=1e-6)


def test_copy_attention_and_the_probability_to_generate_are_the_models_own(double: Build) -> None:
    model = double()
    model.copy = PointerGenerator(16).double()
    maps = maps_of(model, copy_ids=torch.where(SOURCE == 5, 20, SOURCE), unknown_count=1)
    with torch.no_grad():
        memory = model.encode(SOURCE, IS_PADDING, SOURCE, 1)
        copied = model.copied(model.decode(model.embedded(TARGET), memory), memory)
    assert torch.equal(maps.copy, copied.attention)
    np.testing.assert_allclose(maps.generate.numpy(), 1 / (1 + np.exp(-copied.generate.numpy())), rtol=1e-12)
    np.testing.assert_allclose(maps.copy.sum(dim=-1).numpy(), 1, rtol=1e-12)
    of_pair = maps.of_pair(1, source=3, target=2)["copy"]
    np.testing.assert_allclose(of_pair, copied.attention[1:2, None, :2, :3].numpy(), atol=1e-6)


def test_training_mode_drops_no_weights_and_leaves_no_trace(build: Build) -> None:
    model = build(dropout=0.5)
    before = [(name, len(module._forward_hooks)) for name, module in model.named_modules()]
    maps = maps_of(model.train())
    torch.testing.assert_close(maps.cross.sum(dim=-1), torch.ones(maps.cross.shape[:-1]))
    assert not maps.cross.requires_grad and model.training
    assert before == [(name, len(module._forward_hooks)) for name, module in model.named_modules()]
    kept = functional.scaled_dot_product_attention
    with pytest.raises(IndexError):
        attention_maps(model, torch.full((1, 2), 99), torch.zeros(1, 2, dtype=torch.bool), TARGET[:1])
    assert functional.scaled_dot_product_attention is kept


def test_under_autocast_weights_are_computed_in_fp32_of_what_the_kernel_is_given(build: Build) -> None:
    model = build().eval()
    expected = maps_of(model)
    with torch.autocast("cpu", torch.bfloat16):
        found = maps_of(model)
    for kind in ("encoder", "decoder", "cross"):
        weights = getattr(found, kind)
        assert weights.dtype == torch.float32
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
        torch.testing.assert_close(weights, getattr(expected, kind), atol=0.03, rtol=0)


def test_a_side_without_attention_has_no_layers(double: Build) -> None:
    class Plain(nn.Module):
        output_size = 16

        def forward(self, inputs: Tensor, is_padding: Tensor) -> Tensor:
            return inputs

    model = double()
    model.encoder = Plain()
    maps = maps_of(model)
    assert maps.encoder.shape == (3, 0, 0, 5, 5) and maps.cross.shape == (3, 2, 4, 4, 5)
    assert list(maps.of_pair(0, source=5, target=4)) == ["decoder", "cross"]
