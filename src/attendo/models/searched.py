"""What a search needs of a model."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor


@runtime_checkable
class Searched(Protocol):
    """A model that can be searched, or several that answer as one.

    Attributes:
        longest_target: inputs that its decoder can read (BOS and the target's tokens); None: any number.
    """

    longest_target: int | None

    def encode(
        self,
        source: Int[Tensor, "batch source"],
        is_padding: Bool[Tensor, "batch source"],
        copy_ids: Int[Tensor, "batch source"] | None = None,
        unknown_count: int = 0,
    ) -> Any: ...

    def start(self, memory: Any) -> Any: ...

    def step(
        self, last_tokens: Int[Tensor, " row"], state: Any
    ) -> tuple[Float[Tensor, "row vocab"], Any]: ...
