"""What a model costs: parameters, and floating-point operations per token, by part."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from attendo.tokenization import EOS

TRAINING = 3  # forward, and backward for the inputs and for the weights: each about as much


@dataclass(frozen=True)
class Part:
    """A child of the model, or what the model itself does between its children.

    Attributes:
        parameters: those that no earlier part has: a tied matrix counts once.
        flops: of one forward pass over the sentence, multiplication and addition being two.
    """

    name: str
    parameters: int
    flops: int


@dataclass(frozen=True)
class Cost:
    """What a model costs for a sentence (or pair) of some length.

    Attributes:
        lengths: role → tokens of the sentence; of pairs, with EOS.
        parts: the model's children in their order.
    """

    model: str
    lengths: Mapping[str, int]
    parts: tuple[Part, ...]

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)

    @property
    def flops(self) -> int:
        return sum(part.flops for part in self.parts)

    @property
    def tokens(self) -> int:
        return sum(self.lengths.values())

    @property
    def flops_per_token(self) -> float:
        """Of a forward pass."""
        return self.flops / self.tokens


def cost(model: nn.Module, lengths: Mapping[str, int]) -> Cost:
    """Parameters, and the FLOPs of one forward pass over one sentence, by part.

    Matrix products and convolutions are counted, as in most publications; activations, softmax and
    normalization, which are a few per cent, are not. A model of pairs reads the whole target (teacher
    forcing) and gives the next token's probabilities at each position.

    Args:
        model: a classifier or a sequence-to-sequence model, on the CPU.
        lengths: {"text": tokens}, or {"source": tokens, "target": tokens} with EOS.
    """
    counter = FlopCounterMode(display=False)
    was_training = {module: module.training for module in model.modules()}
    model.eval()  # no dropout, so that the generator of random numbers stays where it is
    try:
        with torch.no_grad(), products_in_sight(), counter:
            run(model, lengths)
    finally:
        for module, flag in was_training.items():
            module.training = flag
    counts = {name: sum(flops.values()) for name, flops in counter.get_flop_counts().items()}
    root = type(model).__name__
    parts = [
        Part(name, parameters, int(counts.get(f"{root}.{name}", 0)))
        for name, parameters in own_parameters(model).items()
    ]
    between = int(counter.get_total_flops()) - sum(part.flops for part in parts)
    loose = sum(p.numel() for p in model.parameters()) - sum(part.parameters for part in parts)
    if between or loose:
        parts.append(Part("between the parts", loose, between))
    return Cost(root, dict(lengths), tuple(part for part in parts if part.parameters or part.flops))


def run(model: nn.Module, lengths: Mapping[str, int]) -> None:
    """One sentence of a token that every vocabulary has."""
    tokens = {role: torch.full((1, length), EOS) for role, length in lengths.items()}
    texts = [tokens[role] for role in ("text", "text_b") if role in tokens]
    if texts:
        model(*(each for text in texts for each in (text, no_padding(text))))
    else:
        hidden = model(tokens["source"], no_padding(tokens["source"]), tokens["target"])
        model.output(hidden)  # type: ignore[operator]


def no_padding(tokens: Tensor) -> Tensor:
    return torch.zeros_like(tokens, dtype=torch.bool)


@contextmanager
def products_in_sight() -> Iterator[None]:
    """Without the fused kernels of recurrent layers and attention, inside which the counter sees nothing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN")  # of entering the next line
        with torch.backends.mkldnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            yield


def own_parameters(model: nn.Module) -> dict[str, int]:
    """Part → parameters that no earlier part has."""
    seen: set[nn.Parameter] = set()
    counts = {}
    for name, part in model.named_children():
        new = set(part.parameters()) - seen
        seen |= new
        counts[name] = sum(parameter.numel() for parameter in new)
    return counts
