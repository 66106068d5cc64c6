"""Classifiers made by hand, whose probabilities are known, with the parts of a SelfAttentiveClassifier."""

import torch
from torch import Tensor, nn

from attendo.models.layers.attention import Pooled, weighted
from attendo.models.self_attentive import ClassifierOutput

FIRST = 4  # token ids below are special


class ByHand(nn.Module):
    """A token's state is (its evidence for every label, its attention score in every hop).

    Logits are the evidence under the hops' mean attention, times a factor.
    """

    def __init__(self, evidence: Tensor, scores: Tensor, factor: float = 1.0) -> None:
        super().__init__()
        self.labels, self.factor = evidence.shape[1], factor
        self.register_buffer("temperature", torch.ones(()))
        table = torch.cat([evidence, scores], dim=1).double()
        self.embedding = nn.Embedding.from_pretrained(torch.cat([torch.zeros(FIRST, table.shape[1]), table]))

    def states(self, tokens: Tensor, is_padding: Tensor) -> Tensor:
        return self.embedding(tokens).masked_fill(is_padding[..., None], 0.0)

    def attention(self, states: Tensor, is_padding: Tensor) -> Pooled:
        scores = states[..., self.labels :].mT.masked_fill(is_padding[:, None], -torch.inf)
        weights = scores.softmax(dim=-1)
        return Pooled(weighted(states, weights), weights)

    def logits(self, vectors: Tensor) -> Tensor:
        return self.factor * vectors[..., : self.labels].mean(dim=1)

    def forward(self, tokens: Tensor, is_padding: Tensor) -> ClassifierOutput:
        pooled = self.attention(self.states(tokens, is_padding), is_padding)
        return ClassifierOutput(self.logits(pooled.vectors), pooled.weights, None)


class OneToken(ByHand):
    """Label 1 has log-odds 4 if the key is in the text, and −1 if not. All attention is on one token."""

    def __init__(self, key: int, looked_at: int, tokens: int) -> None:
        rows = torch.arange(tokens)
        evidence = (rows == key - FIRST).double()[:, None]
        super().__init__(
            torch.cat([0 * evidence, evidence], dim=1), 60.0 * (rows == looked_at - FIRST)[:, None]
        )

    def forward(self, tokens: Tensor, is_padding: Tensor) -> ClassifierOutput:
        states = self.states(tokens, is_padding)
        has_key = states[..., :2].amax(dim=1)  # batch label
        logits = 5.0 * has_key - torch.tensor([0.0, 1.0])
        return ClassifierOutput(logits, self.attention(states, is_padding).weights, None)


class Maximum(ByHand):
    """Max pooling: the vectors are no weighted sums."""

    def attention(self, states: Tensor, is_padding: Tensor) -> Pooled:
        pooled = super().attention(states, is_padding)
        largest = states.masked_fill(is_padding[..., None], -torch.inf).amax(dim=1, keepdim=True)
        return Pooled(largest.expand_as(pooled.vectors), pooled.weights)


class Pair(ByHand):
    """The evidence of both texts together."""

    def forward(
        self, tokens: Tensor, is_padding: Tensor, tokens_b: Tensor, is_padding_b: Tensor
    ) -> ClassifierOutput:
        one, other = (
            self.attention(self.states(ids, mask), mask)
            for ids, mask in [(tokens, is_padding), (tokens_b, is_padding_b)]
        )
        return ClassifierOutput(self.logits(one.vectors + other.vectors), one.weights, other.weights)


def by_hand(labels: int = 2, hops: int = 2, tokens: int = 12, seed: int = 1, kind: type = ByHand) -> ByHand:
    generator = torch.Generator().manual_seed(seed)
    evidence = torch.randn(tokens, labels, generator=generator)
    model = kind(evidence, torch.randn(tokens, hops, generator=generator), 3.0)
    return model.eval()


def random_texts(count: int, longest: int = 9, tokens: int = 12, seed: int = 1) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (count,), generator=generator).tolist()
    return [torch.randint(FIRST, FIRST + tokens, (n,), generator=generator).tolist() for n in lengths]
