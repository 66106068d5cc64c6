"""What a search returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """One answer to a source sentence.

    Attributes:
        ids: its tokens, without BOS and EOS.
        log_prob: natural logarithm of its probability: the sum over its tokens, and over EOS if it ended.
        score: what the search ranks by.
        has_end: whether EOS follows; False: it was cut off at the maximum length.
    """

    ids: list[int]
    log_prob: float
    score: float
    has_end: bool = True

    @property
    def length(self) -> int:
        """Tokens that ``log_prob`` sums over."""
        return len(self.ids) + self.has_end
