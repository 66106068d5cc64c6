"""A small Marian of Hugging Face's, trained a little to copy, and the same weights in our model."""

import torch
from torch import Tensor
from transformers import MarianConfig, MarianMTModel

from attendo.models.transformer import TransformerDecoder, TransformerEncoder, TransformerSeq2Seq
from attendo.tokenization import BOS, EOS, PAD

VOCAB, WIDTH, LAYERS, HEADS, FEED_FORWARD = 30, 16, 2, 4, 24


def sentences(lengths: list[int]) -> tuple[Tensor, Tensor]:
    is_padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    return torch.randint(4, VOCAB, is_padding.shape).masked_fill(is_padding, PAD), is_padding


def ended(source: Tensor, is_padding: Tensor) -> Tensor:
    """The sentences with EOS in the place of their last token."""
    return source.scatter(1, is_padding.logical_not().sum(dim=1, keepdim=True) - 1, EOS)


def marian(activation: str) -> MarianMTModel:
    config = MarianConfig(
        vocab_size=VOCAB,
        d_model=WIDTH,
        encoder_layers=LAYERS,
        decoder_layers=LAYERS,
        encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS,
        encoder_ffn_dim=FEED_FORWARD,
        decoder_ffn_dim=FEED_FORWARD,
        activation_function=activation,
        max_position_embeddings=64,
        scale_embedding=True,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        init_std=0.25,
    )
    model = MarianMTModel(config)
    learn_to_copy(model)
    return model.eval().double()


def learn_to_copy(model: MarianMTModel) -> None:
    """A little training: with random weights the answers would be one token over and over, without an end."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        source, is_padding = sentences(torch.randint(2, 8, (32,)).tolist())
        source = ended(source, is_padding)
        labels = source.masked_fill(is_padding, -100)
        loss = model(input_ids=source, attention_mask=(~is_padding).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def copy_attention(ours, theirs) -> None:
    parts = [theirs.q_proj, theirs.k_proj, theirs.v_proj]
    if hasattr(ours, "query"):
        ours.query.load_state_dict(parts.pop(0).state_dict())
    ours.project.weight.copy_(torch.cat([part.weight for part in parts]))
    ours.project.bias.copy_(torch.cat([part.bias for part in parts]))
    ours.output.load_state_dict(theirs.out_proj.state_dict())


def copy_layer(ours, theirs) -> None:
    copy_attention(ours.attention, theirs.self_attn)
    ours.attention_residual.norm.load_state_dict(theirs.self_attn_layer_norm.state_dict())
    if hasattr(ours, "cross_attention"):
        copy_attention(ours.cross_attention, theirs.encoder_attn)
        ours.cross_attention_residual.norm.load_state_dict(theirs.encoder_attn_layer_norm.state_dict())
    ours.feed_forward.first.load_state_dict(theirs.fc1.state_dict())
    ours.feed_forward.second.load_state_dict(theirs.fc2.state_dict())
    ours.feed_forward_residual.norm.load_state_dict(theirs.final_layer_norm.state_dict())


@torch.no_grad()
def attendo_from(theirs: MarianMTModel, activation: str) -> TransformerSeq2Seq:
    shape = (WIDTH, LAYERS, HEADS, FEED_FORWARD, "post", activation, 0.1, 0.0)
    encoder, decoder = TransformerEncoder(*shape), TransformerDecoder(*shape)
    model = (
        TransformerSeq2Seq(VOCAB, VOCAB, WIDTH, encoder, decoder, "sinusoidal", 8, "all", 0.1).eval().double()
    )
    model.source_embedding.weight.copy_(theirs.model.shared.weight)
    for ours, other in ((encoder, theirs.model.encoder), (decoder, theirs.model.decoder)):
        for layer, other_layer in zip(ours.layers, other.layers, strict=True):
            copy_layer(layer, other_layer)
    return model
