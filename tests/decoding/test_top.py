import pytest
import torch

from attendo.decoding.top import BLOCK, top


@pytest.mark.parametrize("vocab", [3, BLOCK, 5 * BLOCK, 7 * BLOCK + 1, 9 * BLOCK - 1])
@pytest.mark.parametrize("count", [1, 3])
def test_the_most_probable_tokens_are_those_of_torch(vocab, count):
    log_probs = torch.randn(4, 5, vocab, generator=torch.Generator().manual_seed(vocab))
    log_probs[0, 0, 1:] = -torch.inf
    best, ids = top(log_probs, count)
    assert torch.equal(best, log_probs.topk(count).values)
    assert torch.equal(log_probs.gather(2, ids), best)
    assert torch.equal(ids[1:], log_probs.topk(count).indices[1:])
