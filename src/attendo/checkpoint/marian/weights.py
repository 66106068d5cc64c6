"""Marian's weights under our names."""

from collections.abc import Iterator, Mapping
from itertools import chain
from math import sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from attendo.checkpoint.marian.folder import MarianFolder
from attendo.checkpoint.marian.vocabulary import MarianVocabulary
from attendo.models.layers.positions import sinusoids
from attendo.tokenization import BOS, PAD

Weights = Mapping[str, Tensor]

# Ours → theirs, several of them side by side.
ENCODER_LAYER = {
    "attention.project": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.output": ("self_attn.out_proj",),
    "attention_residual.norm": ("self_attn_layer_norm",),
    "feed_forward.first": ("fc1",),
    "feed_forward.second": ("fc2",),
    "feed_forward_residual.norm": ("final_layer_norm",),
}
DECODER_LAYER = {
    **ENCODER_LAYER,
    "cross_attention.query": ("encoder_attn.q_proj",),
    "cross_attention.project": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "cross_attention.output": ("encoder_attn.out_proj",),
    "cross_attention_residual.norm": ("encoder_attn_layer_norm",),
}
NEVER = -1000.0  # a logit: no probability in any precision, and no infinity in a loss
SHARED, OUTPUT, BIAS = "model.shared.weight", "lm_head.weight", "final_logits_bias"
EMBEDDINGS = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight")
POSITIONS = ("model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight")


def converted(weights: Weights, folder: MarianFolder) -> tuple[dict[str, Tensor], str]:
    """The state dict of a TransformerSeq2Seq, and what its ``tied_embeddings`` are.

    Args:
        weights: Hugging Face's name → value.
        folder: where they are from.

    Raises:
        ValueError: one is missing, there is one too many, or the positions are no sinusoids.
    """
    layers = dict(layer_names(folder))
    known = {SHARED, OUTPUT, BIAS, *EMBEDDINGS, *POSITIONS, *chain.from_iterable(layers.values())}
    if unknown := [name for name in weights if name not in known]:
        raise ValueError(f"{folder.path}: its weights have {unknown[0]}, which a Marian model has not")
    check_positions(weights, folder)
    state = {
        name: torch.cat([taken(weights, folder, part) for part in parts]) for name, parts in layers.items()
    }
    embeddings, tied = converted_embeddings(weights, folder)
    return {**state, **embeddings}, tied


def layer_names(folder: MarianFolder) -> Iterator[tuple[str, list[str]]]:
    """Our name → their names, of everything inside the layers."""
    for side, parts in (("encoder", ENCODER_LAYER), ("decoder", DECODER_LAYER)):
        for number in range(folder.config[f"{side}_layers"]):
            for ours, theirs in parts.items():
                for kind in ("weight", "bias"):
                    name = f"{side}.layers.{number}.{ours}.{kind}"
                    yield name, [f"model.{side}.layers.{number}.{part}.{kind}" for part in theirs]


def converted_embeddings(weights: Weights, folder: MarianFolder) -> tuple[dict[str, Tensor], str]:
    """Embeddings, output layer, and what is tied; their rows in our order."""
    source, target = (
        weights[name] if name in weights else taken(weights, folder, SHARED) for name in EMBEDDINGS
    )
    output = weights.get(OUTPUT, target)
    bias = weights.get(BIAS, torch.zeros(1, len(output)))[0, folder.target.rows]
    bias[[PAD, BOS] if folder.is_renormalised else [PAD]] = NEVER
    tied, scale = "none", 1.0
    if not folder.config.get("scale_embedding", False):
        scale = 1 / sqrt(folder.config["d_model"])  # ours always multiplies with √width
    elif torch.equal(output, target):
        is_joint = folder.source is folder.target and torch.equal(source, target)
        tied = "all" if is_joint else "decoder"
    return {
        "source_embedding.weight": scale * reordered(source, folder.source),
        "target_embedding.weight": scale * reordered(target, folder.target),
        "projection.weight": reordered(output, folder.target),
        "projection.bias": bias,
    }, tied


def reordered(
    theirs: Float[Tensor, "row hidden"], vocabulary: MarianVocabulary
) -> Float[Tensor, "vocab hidden"]:
    """Rows in our order: BOS has those of Marian's padding, which starts a target there; PAD has zeros."""
    ours = theirs[vocabulary.rows]
    ours[PAD] = 0.0
    return ours


def taken(weights: Weights, folder: MarianFolder, name: str) -> Tensor:
    if name not in weights:
        raise ValueError(f"{folder.path}: its weights lack {name}")
    return weights[name]


def check_positions(weights: Weights, folder: MarianFolder) -> None:
    """Raises ValueError if positions are stored that are none of the sinusoids that are computed here."""
    for name in POSITIONS:
        if name in weights:
            found = weights[name]
            # they may have been stored in 16 bits
            if not torch.allclose(found, sinusoids(*found.shape), atol=5e-3):
                raise ValueError(f"{folder.path}: its {name} are no sinusoids; attendo imports no others")
