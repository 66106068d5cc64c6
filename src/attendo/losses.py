"""Loss terms. Each returns a sum and the count it is averaged over, so that micro-batches add up exactly."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Loss(NamedTuple):
    """A sum over items and what to divide it by: over all micro-batches and ranks of an optimizer step."""

    sum: Float[Tensor, ""]
    count: Float[Tensor, ""]  # type: ignore[assignment]  # hides tuple.count, which nobody misses


def smoothed_nll(
    log_probs: Float[Tensor, "item vocab"],
    targets: Int[Tensor, " item"],
    weight: Float[Tensor, " item"],
    smoothing: float,
) -> Loss:
    """Negative log-likelihood of targets smoothed to (1 - ε) · one-hot + ε / V (Szegedy et al. 2016, §7).

    Args:
        log_probs: natural logarithms; every row's probabilities sum to 1.
        targets: the right class of every item, 0 ... V - 1.
        weight: of every item; 0 leaves it out, even at a log-probability of -inf. The count is their sum.
        smoothing: ε, the probability given to all V classes alike.

    Raises:
        ValueError: the smoothing is no probability.
    """
    if not 0.0 <= smoothing <= 1.0:
        raise ValueError(f"label smoothing must be between 0 and 1, not {smoothing}")
    exact = torch.promote_types(log_probs.dtype, weight.dtype)  # half-precision inputs are summed in float32
    nll = -log_probs.gather(1, targets[:, None]).squeeze(1).to(exact)  # item
    if smoothing > 0.0:  # not for 0, because 0 · inf is NaN
        nll = (1.0 - smoothing) * nll - smoothing * log_probs.mean(dim=1, dtype=exact)
    return Loss((nll.masked_fill(weight == 0.0, 0.0) * weight).sum(), weight.sum())


def attention_penalty(
    attention: Float[Tensor, "batch hop time"],
    weight: Float[Tensor, " batch"],
) -> Loss:
    """Redundancy of the hops, ‖A Aᵀ - I‖²_F per sentence (Lin et al. 2017, eq. 8).

    Args:
        attention: A; 0 at padding.
        weight: of every sentence. The count is their sum.
    """
    with torch.autocast(attention.device.type, enabled=False):  # in half precision A Aᵀ keeps three digits
        gram = attention @ attention.mT  # batch hop hop
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    redundancy = (gram - identity).square().sum(dim=(1, 2))  # batch
    return Loss((redundancy * weight).sum(), weight.sum())
