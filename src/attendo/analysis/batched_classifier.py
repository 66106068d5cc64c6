"""A classifier of token ids, in batches of like lengths."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attendo.data.batches import padded
from attendo.data.batching import like_lengths
from attendo.metrics import calibrated
from attendo.tokenization import PAD

ExampleIds = tuple[tuple[int, ...], ...]  # of a text, or of both texts of a pair


class BatchedClassifier:
    """A classifier as a function from ids to probabilities.

    Args:
        model: a ``SelfAttentiveClassifier``, in evaluation mode.
        is_multilabel: whether its logits are read by sigmoid, each label by itself.
        batch_tokens: tokens, padding included, that are held at a time.
    """

    def __init__(self, model: nn.Module, is_multilabel: bool, batch_tokens: int) -> None:
        self.model, self.is_multilabel, self.batch_tokens = model, is_multilabel, batch_tokens
        self.temperature = model.get_buffer("temperature")

    def batches(self, examples: Sequence[ExampleIds]) -> Iterator[tuple[list[int], list[Tensor]]]:
        """Rows, and what the model takes of them: tokens and is_padding of each text."""
        device = next(self.model.parameters()).device
        lengths = np.array([[len(ids) for ids in example] for example in examples], np.int32)
        for batch in like_lengths(lengths, self.batch_tokens):
            rows = batch.tolist()
            texts = [padded(ids).to(device) for ids in zip(*(examples[row] for row in rows), strict=True)]
            yield rows, [tensor for tokens in texts for tensor in (tokens, tokens == PAD)]

    def per_token(
        self, examples: Sequence[ExampleIds], measure: Callable[[list[Tensor]], Tensor]
    ) -> list[np.ndarray]:
        """Numbers for the tokens of every (first) text.

        Args:
            examples: none is empty.
            measure: what the model takes of a batch → numbers whose first axis is the batch and whose last
                one is time.
        """
        found: dict[int, np.ndarray] = {}
        for rows, tensors in self.batches(examples):
            numbers = measure(tensors).double().cpu().numpy()
            found.update(
                (row, numbers[place, ..., : len(examples[row][0])]) for place, row in enumerate(rows)
            )
        return [found[row] for row in range(len(examples))]

    @torch.no_grad()
    def probabilities(self, examples: Sequence[ExampleIds]) -> Float[np.ndarray, "row label"]:
        """Of every label; equal examples are read once."""
        distinct = {example: row for row, example in enumerate(dict.fromkeys(examples))}
        found: dict[int, np.ndarray] = {}
        for rows, tensors in self.batches(list(distinct)):
            found.update(zip(rows, self.calibrated(self.model(*tensors).logits), strict=True))
        return np.stack([found[distinct[example]] for example in examples])

    def calibrated(self, logits: Float[Tensor, "batch label"]) -> Float[np.ndarray, "batch label"]:
        found = calibrated(logits, self.temperature, self.is_multilabel)
        return found.numpy()

    def log_odds(self, logits: Float[Tensor, "batch label"]) -> Float[Tensor, " batch"]:
        """log p / (1 − p) of the most probable label, with a gradient where p is 1, too.

        Several classes: z_top − log Σ exp z_other; several labels: z_top; both of logits / temperature.
        """
        scaled = logits.cpu().double() / self.temperature.cpu().double()
        top, label = scaled.max(dim=-1, keepdim=True)
        if self.is_multilabel:
            return top[:, 0]
        return top[:, 0] - scaled.scatter(-1, label, -torch.inf).logsumexp(dim=-1)

    def decisions(self, probabilities: Float[np.ndarray, "row label"]) -> Int[np.ndarray, "row _"]:
        """What is decided of each row: of every label yes or no, or else which one is the most probable."""
        if self.is_multilabel:
            return (probabilities > 0.5).astype(np.int64)
        best: np.ndarray = probabilities.argmax(axis=1, keepdims=True)
        return best
