"""Where every head looks: weights that are computed only when somebody asks for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from attendo.models.transformer.seq2seq import TransformerSeq2Seq


@dataclass(frozen=True)
class AttentionMaps:
    """The weights of every attention of a model, in fp32 or wider; a row sums to 1.

    Every row is one query: the weights that the state of its token gives to each token it may see. They are 0
    at padding and, in the decoder, at later tokens; rows of padding mean nothing. Row t of decoder, cross and
    copy belongs to the position that predicts target token t. A side without attention has no layers.

    Attributes:
        encoder: of the source to itself.
        decoder: of the target inputs (BOS and the target) to themselves.
        cross: of the target to the source.
        copy: of the copy mechanism to the source, or None.
        generate: p_gen, the probability that a word is generated rather than copied, or None.
    """

    encoder: Float[Tensor, "batch encoder_layer encoder_head source source"]
    decoder: Float[Tensor, "batch decoder_layer decoder_head target target"]
    cross: Float[Tensor, "batch cross_layer cross_head target source"]
    copy: Float[Tensor, "batch target source"] | None
    generate: Float[Tensor, "batch target"] | None

    def of_pair(
        self, row: int, source: int, target: int
    ) -> dict[str, Float[np.ndarray, "_layer _head _query _key"]]:
        """Kind → weights of one row without its padding, of the kinds that the model has.

        Copy attention is the one head of one layer.

        Args:
            source, target: tokens of either side.
        """
        copy = self.encoder[:, :0] if self.copy is None else self.copy[:, None, None]
        kinds = {"encoder": self.encoder, "decoder": self.decoder, "cross": self.cross, "copy": copy}
        maps = {}
        for kind, weights in kinds.items():
            if weights.shape[1]:
                queries, keys = map_size(kind, source, target)
                maps[kind] = weights[row, :, :, :queries, :keys].float().cpu().numpy().copy()
        return maps


def map_size(kind: str, source: int, target: int) -> tuple[int, int]:
    """Queries and keys of a kind of attention over a pair of so many tokens."""
    return (source if kind == "encoder" else target), (target if kind == "decoder" else source)


@torch.no_grad()
def attention_maps(
    model: TransformerSeq2Seq,
    source: Int[Tensor, "batch source"],
    is_padding: Bool[Tensor, "batch source"],
    target_inputs: Int[Tensor, "batch target"],
    copy_ids: Int[Tensor, "batch source"] | None = None,
    unknown_count: int = 0,
) -> AttentionMaps:
    """The maps of one pass under teacher forcing.

    The pass runs as always, on fused kernels. What it gives them is seen on the way (queries and keys as they
    are compared, masks, rotary positions and all), and the weights are computed from that.

    Args:
        model: as it is; in training mode, its dropout changes the states, but drops no weights here.
        target_inputs: BOS and the target.
        copy_ids, unknown_count: as for ``model.encode``.
    """
    with _Watch() as reading:
        memory = model.encode(source, is_padding, copy_ids, unknown_count)
    with _Watch() as writing:
        hidden = model.decode(model.embedded(target_inputs), memory)
    copied = model.copied(hidden, memory)
    batch, time = target_inputs.shape
    width = source.shape[1]
    to_itself = [weights for weights, is_causal in writing.seen if is_causal]
    to_source = [weights for weights, is_causal in writing.seen if not is_causal]
    return AttentionMaps(
        encoder=_stacked([weights for weights, _ in reading.seen], (batch, width, width), hidden),
        decoder=_stacked(to_itself, (batch, time, time), hidden),
        cross=_stacked(to_source, (batch, time, width), hidden),
        copy=None if copied is None else copied.attention,
        generate=None if copied is None else copied.generate.sigmoid(),
    )


class _Watch(TorchFunctionMode):
    """Computes the weights of every attention in its context, beside what is computed anyway.

    Attributes:
        seen: weights in the order of the calls, and whether each query saw nothing later than itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Float[Tensor, "batch head query key"], bool]] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            self.seen.append((_weights(*args, **named), named.get("is_causal", False)))
        return func(*args, **named)


def _weights(
    queries: Float[Tensor, "batch head query feature"],
    keys: Float[Tensor, "batch head key feature"],
    values: Float[Tensor, "batch head key feature"],
    attn_mask: Bool[Tensor, "#batch #head #query key"] | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
) -> Float[Tensor, "batch head query key"]:
    """softmax(QKᵀ/√d) of what scaled_dot_product_attention is given, without its dropout."""
    exact = torch.promote_types(queries.dtype, torch.float32)
    with torch.autocast(queries.device.type, enabled=False):
        scores = queries.to(exact) @ keys.to(exact).mT / sqrt(queries.shape[-1])
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -torch.inf)
    if is_causal:
        is_later = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(diagonal=1)
        scores = scores.masked_fill(is_later, -torch.inf)
    return scores.softmax(dim=-1)


def _stacked(
    layers: Sequence[Float[Tensor, "batch head query key"]],
    shape: tuple[int, int, int],
    like: Tensor,
) -> Float[Tensor, "batch layer head query key"]:
    """All layers in one tensor; where there are none, one without any.

    Args:
        shape: (batch, query, key).
        like: says where and in what precision nothing is.
    """
    if layers:
        return torch.stack(list(layers), dim=1)
    batch, query, key = shape
    return like.new_empty(batch, 0, 0, query, key, dtype=torch.promote_types(like.dtype, torch.float32))
