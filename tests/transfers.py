"""Old and new models with their vocabularies, for the tests of transfer."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from attendo.checkpoint import Contents, build_model
from attendo.checkpoint.named_rows import named_rows
from attendo.checkpoint.transfer import Transferred, transfer
from attendo.tokenization import Tokenizer, train_whitespace

COMMON = {"dropout": 0.0, "attention_dropout": 0.0, "norm": "pre", "activation": "relu"}


def words(text: str) -> Tokenizer:
    """A tokenizer of these words; where every word occurs once, their ids follow the alphabet."""
    return train_whitespace([text], lowercase=False, minimum_count=1, maximum_size=None)


def classifier_config(embedding_size: int = 6, encoder: str = "LSTMEncoder") -> dict[str, Any]:
    return {
        "_target_": "attendo.models.SelfAttentiveClassifier",
        "embedding_size": embedding_size,
        "embedding_std": 1.0,
        "encoder": {
            "_target_": f"attendo.models.encoders.{encoder}",
            "input_size": embedding_size,
            "hidden_size": 3,
            "num_layers": 1,
            "bidirectional": True,
            "dropout": 0.0,
        },
        "attention": {
            "_target_": "attendo.models.layers.attention.StructuredSelfAttention",
            "_partial_": True,
            "attention_size": 4,
            "hops": 2,
            "weighting": {"_target_": "attendo.models.layers.weighting.Softmax"},
        },
        "mlp_size": 5,
        "dropout": {"words": 0.0, "embedding": 0.0, "states": 0.0, "mlp": 0.0},
        "head": "multiclass",
        "combine_hops": "flatten",
    }


def transformer_config(tied: str = "none", width: int = 8) -> dict[str, Any]:
    stack = {"width": width, "layers": 1, "heads": 2, "feed_forward_size": 16, **COMMON}
    return {
        "_target_": "attendo.models.TransformerSeq2Seq",
        "width": width,
        "encoder": {"_target_": "attendo.models.TransformerEncoder", **stack},
        "decoder": {"_target_": "attendo.models.TransformerDecoder", **stack},
        "positions": "learned",
        "max_positions": 16,
        "tied_embeddings": tied,
        "dropout": 0.0,
    }


class Side:
    """A model with its vocabularies: the old one, or the new one."""

    def __init__(
        self,
        config: dict[str, Any],
        tokenizers: dict[str, Tokenizer],
        labels: Iterable[str] = (),
        seed: int = 1,
    ) -> None:
        torch.manual_seed(seed)
        self.config, self.tokenizers, self.labels = config, tokenizers, list(labels)
        self.model = build_model(config, tokenizers, self.labels)
        self.fresh = {name: value.clone() for name, value in self.model.state_dict().items()}

    def take(self, old: "Side") -> Transferred:
        rows = named_rows(self.model, self.config, self.tokenizers, self.labels)
        return transfer(self.model, rows, Contents({}, old.tokenizers, old.labels), old.fresh)

    def now(self, name: str) -> Tensor:
        return self.model.state_dict()[name]


def texts(text: str, labels: str = "bad good", **config: Any) -> Side:
    seed = config.pop("seed", 2)
    return Side(classifier_config(**config), {"text": words(text)}, labels.split(), seed)


def pairs(source: str, target: str | None = None, tied: str = "none", seed: int = 2) -> Side:
    """Without a target, one joint vocabulary."""
    first = words(source)
    return Side(
        transformer_config(tied), {"source": first, "target": words(target) if target else first}, (), seed
    )
