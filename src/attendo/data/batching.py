"""Which rows make an optimizer step, and how a step is cut into micro-batches: functions of (seed, epoch)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from attendo.data.sampling import BalancedOrder
from attendo.data.tables import Rows

Order = NDArray[np.int32]  # rows, 4 bytes each: an epoch's order stays in memory
Lengths = NDArray[np.int32]  # (row, side): tokens that a row takes on each side; at least one


@dataclass(frozen=True)
class BatchSizes:
    """The two sizes of a batch. The first belongs to the experiment, the second to the hardware.

    Args:
        tokens_per_step: real tokens (all sides, EOS included) of one optimizer step, over all ranks; or
        sentences_per_step: sentences of one optimizer step, over all ranks; one of the two is None.
        tokens_per_micro_batch: tokens, padding included, that one device holds at a time.
        pool_steps: steps whose sentences are shuffled together before they are sorted by length: more means
            less padding, fewer means more mixture.
    """

    tokens_per_step: int | None
    sentences_per_step: int | None
    tokens_per_micro_batch: int
    pool_steps: int

    def __post_init__(self) -> None:
        if (self.tokens_per_step is None) == (self.sentences_per_step is None):
            raise ValueError(
                f"data.tokens_per_step={self.tokens_per_step} and data.sentences_per_step="
                f"{self.sentences_per_step}: give one of the two, and null for the other"
            )
        for name in ("tokens_per_step", "sentences_per_step", "tokens_per_micro_batch", "pool_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"data.{name}={value}: expected 1 or more")

    def check_fits(self, lengths: Lengths) -> None:
        """Raises ValueError if a single row is larger than a micro-batch."""
        longest = int(lengths.sum(axis=1).max(initial=0))
        if longest > self.tokens_per_micro_batch:
            raise ValueError(
                f"the longest row has {longest} tokens; data.tokens_per_micro_batch="
                f"{self.tokens_per_micro_batch} cannot hold it: raise that, or lower data.max_length"
            )


@dataclass(frozen=True)
class MicroBatch:
    """Rows of one micro-batch; fillers count for nothing."""

    rows: Rows
    is_filler: bool = False


class StepPlan:
    """Rows of every optimizer step, for any epoch.

    The number of steps is the same in every epoch: rows are shuffled, sorted by length within pools, and cut
    into ``steps`` parts of equal cost (tokens or sentences); then the parts are shuffled. A million pairs
    take less than 50 MB: 32-bit numbers, and each pool is sorted in its place.

    Args:
        classes: class of every row, to draw all classes equally often; None: every row once in an epoch.
    """

    def __init__(
        self, lengths: Lengths, sizes: BatchSizes, seed: int, classes: NDArray[np.int64] | None = None
    ) -> None:
        sizes.check_fits(lengths)
        self.lengths, self.sizes, self.seed = lengths, sizes, seed
        count = len(lengths)
        self.costs = (
            lengths.sum(axis=1, dtype=np.int32) if sizes.tokens_per_step else np.ones(count, np.int32)
        )
        per_step = sizes.tokens_per_step or sizes.sentences_per_step
        assert per_step is not None
        self.steps = min(count, max(1, -(-int(self.costs.sum()) // per_step)))
        self.balanced = None if classes is None else BalancedOrder(classes, self.costs, self.steps)
        self.rows_of_epoch = lru_cache(maxsize=1)(self.plan_epoch)

    def plan_epoch(self, epoch: int) -> list[Order]:
        generator = np.random.default_rng([self.seed, epoch])
        if self.balanced is None:
            order: Order = generator.permutation(np.arange(len(self.lengths), dtype=np.int32))
        else:
            order = self.balanced.draw(generator)
        pools = -(-self.steps // self.sizes.pool_steps)
        last_steps = np.arange(1, pools) * self.steps // pools - 1
        for pool in np.split(order, self.cuts(order)[last_steps]):  # views of order
            pool[:] = pool[by_length(self.lengths[pool])]
        parts = np.split(order, self.cuts(order))
        return [parts[i] for i in generator.permutation(self.steps)]

    def cuts(self, order: Order) -> NDArray[np.int64]:
        """Places that divide the ordered rows into ``steps`` parts, none empty, of about equal cost."""
        cost = np.cumsum(self.costs[order], dtype=np.int64)
        number = np.arange(1, self.steps)
        places = np.searchsorted(cost, -(-number * cost[-1] // self.steps)) + 1
        rising = np.maximum.accumulate(places - number) + number
        latest = len(order) - self.steps + number
        cuts: NDArray[np.int64] = np.minimum(rising, latest)
        return cuts

    def rows(self, epoch: int, step: int) -> Rows:
        """Of one step, over all ranks."""
        return self.rows_of_epoch(epoch)[step].astype(np.int64)

    def micro_batches(self, epoch: int, step: int, rank: int, ranks: int) -> list[MicroBatch]:
        """This rank's micro-batches of one step: as many as every other rank's, at least one."""
        rows = self.rows(epoch, step)
        return share_of_rank(rows, self.lengths, self.sizes.tokens_per_micro_batch, rank, ranks)


def evaluation_batches(lengths: Lengths, sizes: BatchSizes, rank: int, ranks: int) -> list[MicroBatch]:
    """Every row once over all ranks, as many micro-batches on every rank; the largest come first."""
    sizes.check_fits(lengths)
    return share_of_rank(by_length(lengths)[::-1].copy(), lengths, sizes.tokens_per_micro_batch, rank, ranks)


def by_length(lengths: Lengths) -> Rows:
    """Places of rows in an order that puts like lengths together; ties stay in the order they have.

    By the longest side, then to and fro between the sides: from long sources to long targets and back.
    """
    longest, lean = lengths.max(axis=1), lengths[:, 0] - lengths[:, -1]
    order: Rows = np.lexsort((np.where(longest % 2, lean, -lean), longest))
    return order


def like_lengths(lengths: Lengths, budget: int) -> list[Rows]:
    """All rows in batches of like lengths that stay within the budget; the largest come first."""
    return cut_to_fit(by_length(lengths)[::-1].copy(), lengths, budget)


def share_of_rank(rows: Rows, lengths: Lengths, budget: int, rank: int, ranks: int) -> list[MicroBatch]:
    shares = [cut_to_fit(rows[r::ranks], lengths, budget) for r in range(ranks)]
    count = max(map(len, shares))
    filler = MicroBatch(rows[:1], is_filler=True)
    return [MicroBatch(part) for part in shares[rank]] + [filler] * (count - len(shares[rank]))


def cut_to_fit(rows: Rows, lengths: Lengths, budget: int) -> list[Rows]:
    """Consecutive rows whose padded size (rows × longest, summed over sides) stays within the budget."""
    parts = []
    while len(rows):
        longest = np.maximum.accumulate(lengths[rows[:budget]])  # more rows than the budget never fit
        padded_size = np.arange(1, len(longest) + 1) * longest.sum(axis=1)
        count = max(1, int(np.searchsorted(padded_size, budget, side="right")))
        parts.append(rows[:count])
        rows = rows[count:]
    return parts
