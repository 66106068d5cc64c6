"""The layers against torch.nn.Transformer with the same weights."""

import pytest
import torch
from torch import nn

from attendo.models.layers.residual import Residual
from attendo.models.transformer import Memory

WIDTH, LAYERS, HEADS, FEED_FORWARD = 16, 2, 4, 24


def copy_attention(ours, theirs) -> None:
    fused, bias = theirs.in_proj_weight, theirs.in_proj_bias
    if hasattr(ours, "query"):
        ours.query.weight.copy_(fused[:WIDTH])
        ours.query.bias.copy_(bias[:WIDTH])
        fused, bias = fused[WIDTH:], bias[WIDTH:]
    ours.project.weight.copy_(fused)
    ours.project.bias.copy_(bias)
    ours.output.load_state_dict(theirs.out_proj.state_dict())


def copy_residual(ours: Residual, theirs: nn.LayerNorm) -> None:
    ours.norm.load_state_dict(theirs.state_dict())


@torch.no_grad()
def copy_weights(ours, theirs, is_decoder: bool) -> None:
    for layer, other in zip(ours.layers, theirs.layers, strict=True):
        copy_attention(layer.attention, other.self_attn)
        copy_residual(layer.attention_residual, other.norm1)
        if is_decoder:
            copy_attention(layer.cross_attention, other.multihead_attn)
            copy_residual(layer.cross_attention_residual, other.norm2)
        copy_residual(layer.feed_forward_residual, other.norm3 if is_decoder else other.norm2)
        layer.feed_forward.first.load_state_dict(other.linear1.state_dict())
        layer.feed_forward.second.load_state_dict(other.linear2.state_dict())
    if theirs.norm is not None:
        ours.norm.load_state_dict(theirs.norm.state_dict())


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_and_decoder_equal_torch_transformer(build, norm, activation):
    model = build(norm=norm, activation=activation).double().eval()
    settings = (WIDTH, HEADS, FEED_FORWARD, 0.0, activation)
    options = {"batch_first": True, "norm_first": norm == "pre", "dtype": torch.float64}
    final = [nn.LayerNorm(WIDTH, dtype=torch.float64) if norm == "pre" else None for _ in range(2)]
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(*settings, **options), LAYERS, final[0], enable_nested_tensor=False
    )
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(*settings, **options), LAYERS, final[1])
    for parameter in [*encoder.parameters(), *decoder.parameters()]:
        nn.init.normal_(parameter, std=0.3)
    copy_weights(model.encoder, encoder, is_decoder=False)
    copy_weights(model.decoder, decoder, is_decoder=True)

    source, target = torch.randn(3, 7, WIDTH).double(), torch.randn(3, 5, WIDTH).double()
    is_padding = torch.arange(7) >= torch.tensor([7, 4, 1])[:, None]
    theirs = encoder(source, src_key_padding_mask=is_padding)
    ours = model.encoder(source, is_padding)
    torch.testing.assert_close(ours[~is_padding], theirs[~is_padding], rtol=0, atol=1e-12)

    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    theirs = decoder(target, theirs, tgt_mask=future, memory_key_padding_mask=is_padding)
    ours = model.decoder(target, Memory(ours, is_padding))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
