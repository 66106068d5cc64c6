"""What a search needs of a model: a state whose rows can be selected, and a step to the next state."""

from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

Itself = TypeVar("Itself")


@runtime_checkable
class State(Protocol):
    """What a model remembers of the tokens read so far, one row a hypothesis."""

    def select(self: Itself, rows: Int[Tensor, " row"]) -> Itself:
        """The state of the given rows, in that order; rows may repeat or be left out."""
        ...


StateType = TypeVar("StateType", bound=State)


@runtime_checkable
class Step(Protocol[StateType]):
    """Reads one token in every row."""

    def __call__(
        self, last_tokens: Int[Tensor, " row"], state: StateType
    ) -> tuple[Float[Tensor, "row vocab"], StateType]:
        """Log-probabilities of the next token of every row, and the state after the token that was read.

        The log-probabilities are the search's own: it may write into them.
        """
        ...
