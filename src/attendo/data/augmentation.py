"""Noise on the tokens of training batches: a function of (seed, epoch, row, side, position) alone.

Random numbers are SplitMix64's (Steele et al. 2014), which has any number of a stream at once: a row's noise
does not depend on the rows beside it, so neither on micro-batches nor on ranks or on what was trained before.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray

from attendo.data.batches import ClassificationBatch
from attendo.data.tables import Rows
from attendo.tokenization import PAD, UNK

Tokens = NDArray[np.int64]  # (row, time)
Chances = NDArray[np.float64]  # (row, time), uniform in [0, 1)

STEP = np.uint64(0x9E3779B97F4A7C15)
FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11))
DROP, SWAP, MASK, OFFSET = range(4)  # what random numbers are for


@dataclass(frozen=True)
class TokenAugmentation:
    """Random deletion and swapping (Wei and Zou 2019) and masking of training tokens, in this order.

    Args:
        drop: probability that a token is left out; one at least stays.
        swap: probability that two neighbours change places. In every other epoch, on average, a token's
            neighbour is the one before it.
        mask: probability that a token is replaced by the unknown one.

    Raises:
        ValueError: a probability is not in [0, 1).
    """

    drop: float
    swap: float
    mask: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < 1:
                raise ValueError(f"regularization.token_{field.name}={value}: expected 0 ≤ probability < 1")

    @property
    def is_on(self) -> bool:
        return any(getattr(self, field.name) > 0 for field in fields(self))

    def noisy(self, batch: ClassificationBatch, seed: int, epoch: int) -> ClassificationBatch:
        """The batch with other tokens, the same for a row whatever batch it is in."""
        rows = batch.rows.numpy()
        sides = [side for side in (batch.tokens, batch.tokens_b) if side is not None]
        noisy = [
            torch.from_numpy(self.noisy_tokens(tokens.numpy(), row_keys(seed, epoch, side, rows)))
            for side, tokens in enumerate(sides)
        ]
        is_padding = [tokens == PAD for tokens in noisy]
        padded = sum(tokens.numel() for tokens in noisy)
        return replace(
            batch,
            tokens=noisy[0],
            is_padding=is_padding[0],
            tokens_b=noisy[1] if len(noisy) > 1 else None,
            is_padding_b=is_padding[1] if len(noisy) > 1 else None,
            real_tokens=padded - sum(int(one.sum()) for one in is_padding),
            padded_tokens=padded,
        )

    def noisy_tokens(self, tokens: Tokens, keys: NDArray[np.uint64]) -> Tokens:
        """Args: keys: of the rows' streams of random numbers."""
        if self.drop:
            tokens = dropped(tokens, chances(keys, tokens.shape[1], DROP), self.drop)
        if self.swap:
            is_late = chances(keys, 1, OFFSET) < 0.5
            tokens = swapped(tokens, chances(keys, tokens.shape[1], SWAP), self.swap, is_late)
        if self.mask:
            is_masked = (chances(keys, tokens.shape[1], MASK) < self.mask) & (tokens != PAD)
            tokens = np.where(is_masked, UNK, tokens)
        return tokens


def dropped(tokens: Tokens, chance: Chances, share: float) -> Tokens:
    """Without the tokens whose chance is less than ``share``; the one with the highest stays."""
    is_token = tokens != PAD
    stays = is_token & (chance >= share)
    stays[np.arange(len(tokens)), np.where(is_token, chance, -1).argmax(axis=1)] = True
    lengths = stays.sum(axis=1)
    is_token = np.arange(lengths.max()) < lengths[:, None]
    shorter = np.full(is_token.shape, PAD, np.int64)
    shorter[is_token] = tokens[stays]
    return shorter


def swapped(tokens: Tokens, chance: Chances, share: float, is_late: NDArray[np.bool_]) -> Tokens:
    """With those pairs of neighbours exchanged whose first token has a chance less than ``share``.

    Args:
        is_late: (row, 1): whether a row's pairs begin with its second token.
    """
    lengths = (tokens != PAD).sum(axis=1)[:, None]
    time, late = np.arange(tokens.shape[1]), is_late.astype(np.int64)
    partner = ((time + late) ^ 1) - late
    has_partner = (partner >= 0) & (np.maximum(time, partner) < lengths)
    is_exchanged = has_partner & (np.take_along_axis(chance, np.minimum(time, partner), axis=1) < share)
    return np.take_along_axis(tokens, np.where(is_exchanged, partner, time), axis=1)


# -------------------------------------------------------------------------------------------- random numbers
def row_keys(seed: int, epoch: int, side: int, rows: Rows) -> NDArray[np.uint64]:
    """Where each row's stream begins."""
    (start,) = np.random.SeedSequence([seed, epoch, side]).generate_state(1, np.uint64)
    return mixed(start + rows.astype(np.uint64) * STEP)


def chances(keys: NDArray[np.uint64], time: int, purpose: int) -> Chances:
    """Uniform in [0, 1), (row, time): each a function of its row's key, its place and its purpose."""
    places = np.arange(time, dtype=np.uint64) * np.uint64(4) + np.uint64(purpose + 1)
    bits = mixed(keys[:, None] + places * STEP) >> SHIFTS[3]
    return bits.astype(np.float64) * 2.0**-53


def mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function."""
    bits = (bits ^ (bits >> SHIFTS[0])) * FACTORS[0]
    bits = (bits ^ (bits >> SHIFTS[1])) * FACTORS[1]
    return bits ^ (bits >> SHIFTS[2])
