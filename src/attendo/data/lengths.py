"""What happens to texts that are too long."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

TooLong = Literal["truncate", "drop", "error"]


@dataclass(frozen=True)
class LengthPolicy:
    """Longest text, in tokens without BOS and EOS, and what becomes of a longer one.

    Args:
        max_length: tokens per text (per side of a pair); None: no limit.
        too_long: "truncate" keeps the first tokens; "drop" leaves the row out of training (validation and
            test rows are truncated instead: a score must cover the whole set); "error" refuses.
    """

    max_length: int | None
    too_long: TooLong

    def __post_init__(self) -> None:
        if self.max_length is not None and self.max_length < 1:
            raise ValueError(f"data.max_length={self.max_length}: expected 1 or more tokens, or null")
        if self.too_long not in get_args(TooLong):
            raise ValueError(f"data.too_long={self.too_long}: expected truncate, drop or error")

    def apply(
        self, sides: list[list[int]], split: str, where: Callable[[], str]
    ) -> tuple[list[list[int]] | None, bool]:
        """The row's ids per side, cut if need be, or None if it is dropped; and whether it was too long.

        Raises:
            ValueError: the row is too long and ``too_long`` is "error"; it begins with ``where()``.
        """
        longest = max(map(len, sides))
        if self.max_length is None or longest <= self.max_length:
            return sides, False
        if self.too_long == "error":
            raise ValueError(
                f"{where()}: {longest} tokens; expected at most data.max_length={self.max_length} "
                "(data.too_long=truncate or drop would accept it)"
            )
        if self.too_long == "drop" and split == "train":
            return None, True
        return [ids[: self.max_length] for ids in sides], True
