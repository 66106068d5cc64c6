"""On the built-in reviews it is known which words decide, so what the attention looks at can be scored."""

import functools

import pytest
import torch

from attendo.data import BatchSizes
from attendo.data.sources import SyntheticSentiment
from attendo.models import SelfAttentiveClassifier
from attendo.models.encoders import LSTMEncoder
from attendo.models.layers.attention import StructuredSelfAttention
from attendo.tasks import TextClassificationTask
from small_runs import module_of, optimization, prepared, small_trainer

SOURCE = SyntheticSentiment(train=3000, validation=200, test=300, seed=1)


def evidence_share(model, tokenizer) -> tuple[float, float]:
    """Mean attention on the deciding words, and what uniform attention would put there."""
    model.eval()
    looked, uniform = [], []
    for review in SOURCE.generate("test"):
        tokens = torch.tensor([tokenizer.encode(review.text)])
        assert tokens.shape[1] == len(review.text.split())
        attention = model(tokens, torch.zeros_like(tokens, dtype=torch.bool)).attention  # batch hop time
        looked.append(attention[0, :, list(review.evidence)].sum(dim=-1).mean().item())
        uniform.append(len(review.evidence) / tokens.shape[1])
    return sum(looked) / len(looked), sum(uniform) / len(uniform)


@pytest.mark.slow
def test_attention_finds_the_deciding_words(tmp_path) -> None:
    data = prepared(tmp_path, SOURCE)
    torch.manual_seed(1)
    model = SelfAttentiveClassifier(
        vocabulary_size=len(data.tokenizers["text"]),
        label_count=2,
        embedding_size=32,
        encoder=LSTMEncoder(32, 32, num_layers=1, bidirectional=True, dropout=0.0),
        attention=functools.partial(StructuredSelfAttention, attention_size=32, hops=2),
        mlp_size=32,
        embedding_dropout=0.0,
        mlp_dropout=0.0,
    )
    before, uniform = evidence_share(model, data.tokenizers["text"])
    model.train()
    task = TextClassificationTask(
        model,
        optimization(functools.partial(torch.optim.Adam, lr=3e-3)),
        data.labels,
        label_smoothing=0.0,
        attention_penalty=0.0,
    )
    sizes = BatchSizes(None, 32, 100_000, pool_steps=20)
    trainer = small_trainer(max_epochs=8)
    trainer.fit(task, datamodule=module_of(data, sizes))
    (scores,) = trainer.test(task, datamodule=module_of(data, sizes), verbose=False)
    after, _ = evidence_share(model, data.tokenizers["text"])
    assert scores["test/accuracy"] > 0.95
    assert before < 1.5 * uniform
    assert after > 2 * uniform
