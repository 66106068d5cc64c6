"""The encoded source."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Memory:
    """The encoded source sentences.

    Attributes:
        copy_ids: each source token's id in the widened target vocabulary, PAD at padding; None where nothing
            is copied.
        unknown_count: words by which the batch widens the vocabulary.
    """

    hidden: Float[Tensor, "batch source hidden"]
    is_padding: Bool[Tensor, "batch source"]
    copy_ids: Int[Tensor, "batch source"] | None = None
    unknown_count: int = 0
