"""What a new model starts from: word vectors, or the weights of an earlier model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Int
from torch import Tensor, nn

from attendo.checkpoint import check_fits, checkpoint_of, named_rows, read_checkpoint, transfer
from attendo.cli.outcome import shown
from attendo.data import PreparedData
from attendo.data.word_vectors import check_word_vectors, coverage_lines, read_word_vectors, start_embedding

Settings = Mapping[str, Any]


def check_start(config: Settings, model: nn.Module, data: PreparedData) -> None:
    """Finds what is wrong with the files to start from, before any data is read.

    Args:
        model: with the vocabulary of ``data``, whatever that is.

    Raises:
        ValueError, FileNotFoundError: there is no such file, or it does not fit the model.
    """
    if config["init_from"] is not None:
        _, weights = read_checkpoint(checkpoint_of(config["init_from"], key="init_from"))
        check_fits(model, named_rows(model, config["model"], data.tokenizers, data.labels), weights)
    if config["word_vectors"] is not None:
        if config["init_from"] is not None:
            raise ValueError("word_vectors and init_from both say what the embeddings start from: give one")
        check_word_vectors(config["word_vectors"], embedding_of(model).shape[1])


def start_from(config: Settings, model: nn.Module, data: PreparedData) -> list[str]:
    """Gives a new model what it is to start from, and says in lines what that was."""
    if config["init_from"] is not None:
        path = checkpoint_of(config["init_from"], key="init_from")
        rows = named_rows(model, config["model"], data.tokenizers, data.labels)
        return [f"starting from {shown(path)}", *transfer(model, rows, *read_checkpoint(path)).lines()]
    if config["word_vectors"] is None:
        return []
    weight, words = embedding_of(model), data.tokenizers["text"].vocabulary.tokens
    vectors = read_word_vectors(config["word_vectors"], words, weight.shape[1])
    start_embedding(weight, vectors)
    return coverage_lines(vectors, words, occurrences(data, len(words)))


def embedding_of(model: nn.Module) -> Tensor:
    """The weight of the classifier's embedding.

    Raises:
        ValueError: the model has none.
    """
    embedding = getattr(model, "embedding", None)
    if not isinstance(embedding, nn.Embedding):
        raise ValueError(
            f"word_vectors: {type(model).__name__} has no embedding of words that could start from them"
        )
    return embedding.weight.detach()


def occurrences(data: PreparedData, count: int) -> Int[np.ndarray, " token"]:
    """How often each token is read in an epoch."""
    columns = data.splits["train"].ids.columns.values()
    return sum((np.bincount(column.values, minlength=count) for column in columns), np.zeros(count, np.int64))
