"""Token embeddings on the scale that tying with the output layer needs."""

from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attendo.tokenization import PAD


class ScaledEmbedding(nn.Module):
    """√width · E[token], with E ~ N(0, 1/width) (Vaswani et al. 2017, section 3.4).

    Multiplied with Eᵀ, states of unit variance give logits of unit variance, so that one matrix can serve
    input and output. The row of PAD starts at zero and gets no gradient from look-ups.

    Args:
        vocabulary_size: number of tokens.
        width: features per token.
    """

    decays = False  # weight decay leaves it out

    def __init__(self, vocabulary_size: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary_size, width))
        nn.init.normal_(self.weight, std=width**-0.5)
        nn.init.zeros_(self.weight.detach()[PAD])

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time hidden"]:
        embedded = functional.embedding(tokens, self.weight, padding_idx=PAD)
        return embedded * sqrt(self.weight.shape[1])
