"""Loss terms. Each returns a sum and the count it is averaged over, so that micro-batches add up exactly."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional


class Loss(NamedTuple):
    """A sum over items and what to divide it by: over all micro-batches and ranks of an optimizer step."""

    sum: Float[Tensor, ""]
    count: Float[Tensor, ""]  # type: ignore[assignment]  # hides tuple.count, which nobody misses


def smoothed_nll(
    log_probs: Float[Tensor, "item vocab"],
    targets: Int[Tensor, " item"],
    weight: Float[Tensor, " item"],
    smoothing: float,
    classes: int | None = None,
) -> Loss:
    """Negative log-likelihood of targets smoothed to (1 - ε) · one-hot + ε / V (Szegedy et al. 2016, §7).

    Args:
        log_probs: natural logarithms; every row's probabilities sum to 1.
        targets: the right class of every item, a column of log_probs.
        weight: of every item; 0 leaves it out, even at a log-probability of -inf. The count is their sum.
        smoothing: ε, the probability given to all V classes alike.
        classes: V, where the first V columns are those that smoothing is for; None: all columns. Copying
            adds columns of words that may be impossible.
    """
    _check_smoothing(smoothing)
    exact = torch.promote_types(log_probs.dtype, weight.dtype)  # half-precision inputs are summed in float32
    nll = -log_probs.gather(1, targets[:, None]).squeeze(1).to(exact)  # item
    if smoothing > 0.0:  # not for 0, because 0 · inf is NaN
        nll = (1.0 - smoothing) * nll - smoothing * log_probs[:, :classes].mean(dim=1, dtype=exact)
    return _weighted_sum(nll, weight)


def smoothed_bce(
    logits: Float[Tensor, "item label"],
    targets: Float[Tensor, "item label"],
    weight: Float[Tensor, " item"],
    smoothing: float,
    positive_weight: Float[Tensor, " label"] | None = None,
) -> Loss:
    """Binary cross-entropy of labels that hold or not, each for itself; the mean over an item's labels.

    Targets y become (1 - ε) y + ε / 2. It is computed from logits z, as max(z, 0) - z y + log(1 + e^-|z|):
    exact even where the sigmoid rounds to 0 or 1.

    Args:
        logits: z; the probability of a label is σ(z).
        targets: y, 1 where the label holds, else 0.
        weight: of every item; 0 leaves it out. The count is their sum.
        smoothing: ε.
        positive_weight: p of each label, on its loss where it holds: -p y log σ(z) - (1 - y) log σ(-z). It
            does not enter the count.
    """
    _check_smoothing(smoothing)
    exact = torch.promote_types(logits.dtype, weight.dtype)
    targets = (1.0 - smoothing) * targets.to(exact) + smoothing / 2.0
    bce = functional.binary_cross_entropy_with_logits(
        logits.to(exact), targets, reduction="none", pos_weight=positive_weight
    )
    return _weighted_sum(bce.mean(dim=1), weight)


def attention_penalty(
    attention: Float[Tensor, "batch hop time"],
    weight: Float[Tensor, " batch"],
    squared: bool = True,
) -> Loss:
    """Redundancy of the hops, ‖A Aᵀ - I‖²_F per sentence (Lin et al. 2017, eq. 8).

    Args:
        attention: A; 0 at padding.
        weight: of every sentence. The count is their sum.
        squared: False for ‖A Aᵀ - I‖_F, whose gradient is 0 where the norm is.
    """
    gram = _gram(attention)
    redundancy = gram - torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    if squared:
        return _weighted_sum(redundancy.square().sum(dim=(1, 2)), weight)
    return _weighted_sum(torch.linalg.matrix_norm(redundancy), weight)


def hop_overlap(attention: Float[Tensor, "batch hop time"], weight: Float[Tensor, " batch"]) -> Loss:
    """How much hops look at the same tokens: Σ_t min(a_t, b_t), the mean over pairs of different hops a, b.

    From 0 (no token in common) to 1 (all hops alike). One hop, which has nothing to overlap with, has 0. It
    is there to be reported, and has no gradient.

    Args:
        attention: 0 at padding.
        weight: of every sentence. The count is their sum.
    """
    hops = attention.shape[1]
    if hops == 1:
        return _weighted_sum(torch.zeros_like(weight), weight)
    rows = attention.detach()
    distances = torch.cdist(rows, rows, p=1.0)  # batch hop hop; min(a, b) = (a + b - |a - b|) / 2
    mass = rows.sum(dim=(1, 2)) / hops  # 1, or 0 for padding alone
    return _weighted_sum(mass - distances.sum(dim=(1, 2)) / (2 * hops * (hops - 1)), weight)


def coverage(
    attention: Float[Tensor, "batch target source"],
    is_real: Bool[Tensor, "batch target"],
    weight: Float[Tensor, " batch"],
) -> Loss:
    """Attention to what was attended to before: Σ_i min(a_ti, c_ti) a token (See et al. 2017, eq. 12).

    The coverage c_t = Σ a_t' over the tokens t' < t (eq. 10).

    Args:
        attention: a_t, over the source, at every target token.
        is_real: which target tokens are not padding; all padding follows them.
        weight: of every sentence; each of its real tokens has it. The count is their sum.
    """
    attention = attention.to(torch.promote_types(attention.dtype, weight.dtype))
    before = functional.pad(attention.cumsum(dim=1)[:, :-1], (0, 0, 1, 0))  # batch target source
    repeated = torch.minimum(attention, before).sum(dim=2)
    return _weighted_sum(repeated.flatten(), (weight[:, None] * is_real).flatten())


def symmetric_kl(
    log_p: Float[Tensor, "item vocab"],
    log_q: Float[Tensor, "item vocab"],
    weight: Float[Tensor, " item"],
) -> Loss:
    """(KL(p‖q) + KL(q‖p)) / 2 = ½ Σ (p - q) (log p - log q) per item: R-Drop (Liang et al. 2021).

    Gradients flow into both.

    Args:
        log_p: natural logarithms; every row's probabilities sum to 1.
        log_q: the same items', from another pass. Classes that are impossible (-inf) in both add nothing.
        weight: of every item; 0 leaves it out. The count is their sum.
    """
    exact = torch.promote_types(log_p.dtype, weight.dtype)
    log_p, log_q = log_p.to(exact), log_q.to(exact)
    is_nothing = (log_p.isneginf() & log_q.isneginf()) | (weight == 0.0)[:, None]  # -inf - -inf is NaN
    ratio = (log_p - log_q).masked_fill(is_nothing, 0.0)
    return _weighted_sum(((log_p.exp() - log_q.exp()) * ratio).sum(dim=1) / 2, weight)


def _gram(attention: Float[Tensor, "batch hop time"]) -> Float[Tensor, "batch hop hop"]:
    with torch.autocast(attention.device.type, enabled=False):  # in half precision A Aᵀ keeps three digits
        return attention @ attention.mT


def _weighted_sum(losses: Float[Tensor, " item"], weight: Float[Tensor, " item"]) -> Loss:
    """Losses times weights; one of weight 0 is left out even where it is infinite."""
    return Loss((losses.masked_fill(weight == 0.0, 0.0) * weight).sum(), weight.sum())


def _check_smoothing(smoothing: float) -> None:
    assert 0.0 <= smoothing <= 1.0, f"label smoothing must be between 0 and 1, not {smoothing}"
