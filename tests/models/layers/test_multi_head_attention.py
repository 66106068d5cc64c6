import pytest
import torch
from torch import nn

from attendo.models.layers.linear import xavier_linear
from attendo.models.layers.multi_head_attention import CrossAttention, SelfAttention, attendable


@torch.no_grad()
def test_self_attention_equals_a_loop_over_heads_and_queries():
    torch.manual_seed(0)
    attention = SelfAttention(12, 3, 0.0).double()
    nn.init.normal_(attention.project.bias)
    states = torch.randn(2, 5, 12).double()
    is_padding = torch.arange(5) >= torch.tensor([5, 3])[:, None]
    queries, keys, values = attention.project(states).split(12, dim=-1)
    mixed = torch.zeros(2, 5, 12).double()
    for row, length in enumerate([5, 3]):
        for head in (slice(0, 4), slice(4, 8), slice(8, 12)):
            for query in range(5):
                scores = keys[row, :length, head] @ queries[row, query, head] / 2
                mixed[row, query, head] = scores.softmax(0) @ values[row, :length, head]
    ours = attention(states, attendable(is_padding))
    torch.testing.assert_close(ours, attention.output(mixed), rtol=0, atol=1e-12)


def test_attention_dropout_acts_in_training_only():
    torch.manual_seed(0)
    states, can_attend = torch.randn(2, 5, 12), torch.ones(2, 1, 1, 5, dtype=torch.bool)
    for attention in (SelfAttention(12, 3, 0.5), CrossAttention(12, 3, 0.5)):
        read = can_attend if isinstance(attention, SelfAttention) else None
        extra = (read,) if read is not None else (attention.offer(states), can_attend)
        assert not torch.equal(attention(states, *extra), attention(states, *extra))
        attention.eval()
        torch.testing.assert_close(attention(states, *extra), attention(states, *extra))


def test_each_part_of_a_fused_map_starts_with_its_own_bound():
    torch.manual_seed(0)
    for part in xavier_linear(100, 100, parts=3).weight.detach().chunk(3):
        assert part.abs().max().item() == pytest.approx((6 / 200) ** 0.5, rel=0.01)
    fused = SelfAttention(100, 4, 0.0).project.weight.detach()
    theirs = nn.MultiheadAttention(100, 4).in_proj_weight.detach()
    assert fused.std().item() == pytest.approx(theirs.std().item(), rel=0.02)
    assert CrossAttention(100, 4, 0.0).query.weight.std().item() == pytest.approx(
        theirs.std().item(), rel=0.02
    )
