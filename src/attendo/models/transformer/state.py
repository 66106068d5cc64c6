"""What the seq2seq model remembers between decoding steps."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.models.transformer.copy import CopyKeys
from attendo.models.transformer.memory import Memory


@runtime_checkable
class DecoderState(Protocol):
    """What a decoder remembers of the tokens read so far, one row a hypothesis.

    Attributes:
        length: tokens read so far.
    """

    length: int

    def select(self, rows: Int[Tensor, " row"]) -> "DecoderState":
        """The state of the given rows, in that order; rows may repeat or be left out."""
        ...


@runtime_checkable
class Decoder(Protocol):
    """Reads embedded target tokens and the memory; a position's state depends on what stands before it alone.

    Attributes:
        output_size: features per state.
    """

    output_size: int

    def __call__(
        self, inputs: Float[Tensor, "batch target hidden"], memory: Memory
    ) -> Float[Tensor, "batch target hidden"]: ...

    def start(self, memory: Memory) -> DecoderState:
        """The state before the first token, one row a sentence."""
        ...

    def step(
        self, inputs: Float[Tensor, "row 1 hidden"], state: DecoderState
    ) -> tuple[Float[Tensor, "row 1 hidden"], DecoderState]:
        """The states of the next position of every row."""
        ...


@runtime_checkable
class SourceEncoder(Protocol):
    """Reads embedded source tokens; padding never changes the states of real ones.

    Attributes:
        output_size: features per state.
    """

    output_size: int

    def __call__(
        self, inputs: Float[Tensor, "batch source hidden"], is_padding: Bool[Tensor, "batch source"]
    ) -> Float[Tensor, "batch source hidden"]: ...


@dataclass(frozen=True)
class Seq2SeqState:
    """The state after some tokens of each row; a step makes a new one and leaves this one usable.

    Attributes:
        copying: what is copied from; None where nothing is.
        attention: where the copy mechanism looked at the last step; None before it, and without one.
    """

    decoder: DecoderState
    copying: CopyKeys | None
    attention: Float[Tensor, "row source"] | None = None

    def select(self, rows: Int[Tensor, " row"]) -> "Seq2SeqState":
        """The state of the given rows, in that order; rows may repeat or be left out."""
        copying = None if self.copying is None else self.copying.select(rows)
        attention = None if self.attention is None else self.attention.index_select(0, rows)
        return Seq2SeqState(self.decoder.select(rows), copying, attention)
