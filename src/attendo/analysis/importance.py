"""How much each token of a text counts: by attention, and by gradients; and how far two rankings agree."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from attendo.analysis.batched_classifier import BatchedClassifier, ExampleIds

PAIRS_AT_ONCE = 2**22  # of tokens; so many products of signs are summed in fp32 without rounding


@torch.no_grad()
def attention_of(classifier: BatchedClassifier, texts: Sequence[ExampleIds]) -> list[np.ndarray]:
    """Each hop's attention to the tokens of every (first) text, (hop, time)."""
    return classifier.per_token(texts, lambda tensors: classifier.model(*tensors).attention)


def gradient_times_input(classifier: BatchedClassifier, texts: Sequence[ExampleIds]) -> list[np.ndarray]:
    """|∂ log-odds / ∂e · e| of the most probable label, at the embedding e of every (first) text's tokens.

    Within a text this ranks as log p does, whose gradient (1 − p) ∂ log-odds / ∂e is zero where p is 1.
    """

    def scores(tensors: list[Tensor]) -> Float[Tensor, "batch time"]:
        # cuDNN's recurrent layers have gradients in training mode only, where there would be dropout
        cudnn = torch.backends.cudnn.flags(enabled=False)
        with torch.enable_grad(), cudnn, recorded_embeddings(classifier.model) as embeddings:
            log_odds = classifier.log_odds(classifier.model(*tensors).logits)
            (gradient,) = torch.autograd.grad(log_odds.sum(), embeddings[0])
        return (gradient * embeddings[0].detach()).sum(dim=-1).abs()

    return classifier.per_token(texts, scores)


@contextmanager
def recorded_embeddings(model: nn.Module) -> Iterator[list[Tensor]]:
    """What ``model.embedding`` gives, call by call: the first text first, each a leaf to differentiate by."""
    found: list[Tensor] = []

    def hook(module: nn.Module, arguments: object, output: Tensor) -> Tensor:
        found.append(output.detach().requires_grad_())
        return found[-1]

    embedding = model.embedding
    assert isinstance(embedding, nn.Module)
    handle = embedding.register_forward_hook(hook)
    try:
        yield found
    finally:
        handle.remove()


def rank_agreement(scores: Float[np.ndarray, "ranking time"]) -> Float[np.ndarray, "ranking ranking"]:
    """Kendall's τ-b between all pairs of rankings; NaN where one of the two is constant.

    τ-b is the cosine between the rankings' matrices of signs, sign(score_i − score_j): ties are zeros.
    """
    rankings, time = scores.shape
    products = np.zeros((rankings, rankings))
    step = max(1, PAIRS_AT_ONCE // time)
    for start in range(0, time, step):
        signs = np.sign(scores[:, start : start + step, None] - scores[:, None, :], dtype=np.float64)
        flat = signs.astype(np.float32).reshape(rankings, -1)
        products += flat @ flat.T
    untied = np.diag(products).copy()
    untied[untied == 0] = np.nan
    return products / np.sqrt(np.outer(untied, untied))


def overlap(weights: Float[np.ndarray, "hop time"]) -> Float[np.ndarray, "hop hop"]:
    """Attention that two hops share: Σ min(a, b), from 0 (no token in common) to 1 (the same)."""
    return np.stack([np.minimum(weights, row).sum(axis=-1) for row in weights])


def mean_of_pairs(matrix: Float[np.ndarray, "hop hop"]) -> float:
    """Mean over all pairs of different rows; NaN where there is none."""
    above = matrix[np.triu_indices(len(matrix), k=1)]
    defined = above[~np.isnan(above)]
    return float(defined.mean()) if len(defined) else float("nan")
