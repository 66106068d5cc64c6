"""The most probable tokens of large vocabularies, faster than torch finds them on a CPU."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 96  # tokens


def top(
    log_probs: Float[Tensor, "*any vocab"], count: int
) -> tuple[Float[Tensor, "*any count"], Int[Tensor, "*any count"]]:
    """The highest log-probabilities of each row, falling, and their ids.

    They stand in those blocks of the vocabulary that have the highest maxima: as many blocks as are wanted.
    Maxima alone are found ten times as fast as places, so only these blocks are looked through.
    """
    vocab = log_probs.shape[-1]
    in_blocks = vocab // BLOCK * BLOCK
    if in_blocks <= count * BLOCK:
        best, ids = log_probs.topk(count, dim=-1)
        return best, ids
    by_block = log_probs[..., :in_blocks].unfold(-1, BLOCK, BLOCK)  # … block token
    blocks = by_block.amax(dim=-1).topk(count, dim=-1).indices
    ids = (blocks[..., None] * BLOCK + torch.arange(BLOCK, device=blocks.device)).flatten(-2)
    rest = torch.arange(in_blocks, vocab, device=blocks.device).expand(*ids.shape[:-1], -1)
    ids = torch.cat([ids, rest], dim=-1)
    best, places = log_probs.gather(-1, ids).topk(count, dim=-1)
    return best, ids.gather(-1, places)
