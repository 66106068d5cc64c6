"""Noise on tokens: as much as was asked for, and a function of (seed, epoch, row) alone."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from text_files import FakeTrainer

from attendo.data import BatchSizes, ClassificationBatch, PreparedData, TextDataModule, TokenAugmentation
from attendo.data.augmentation import chances, mixed, row_keys
from attendo.tokenization import PAD, UNK
from small_runs import prepared_texts

FIRST = 4  # token that is no special one
SIZES = BatchSizes(tokens_per_step=None, sentences_per_step=20, tokens_per_micro_batch=60, pool_steps=2)


def batch_of(
    lengths: list[int], rows: list[int] | None = None, time: int | None = None
) -> ClassificationBatch:
    """Rows of the tokens 4, 5, 6, …: a token says where it stood."""
    numbers = np.arange(time or max(lengths)) + FIRST
    tokens = torch.from_numpy(np.where(numbers < FIRST + np.array(lengths)[:, None], numbers, PAD))
    rows = list(range(len(lengths))) if rows is None else rows
    count = len(lengths)
    return ClassificationBatch(
        torch.ones(count), torch.tensor(rows), {}, sum(lengths), tokens.numel(), count, 0,
        tokens, tokens == PAD, torch.zeros(count, dtype=torch.int64),
    )  # fmt: skip


def rows_of(batch: ClassificationBatch) -> list[list[int]]:
    return [[t for t in row if t != PAD] for row in batch.tokens.tolist()]


def noisy_rows(
    noise: TokenAugmentation, lengths: list[int], seed: int = 1, epoch: int = 0
) -> list[list[int]]:
    return rows_of(noise.noisy(batch_of(lengths), seed, epoch))


def assert_binomial(count: int, trials: int, share: float) -> None:
    assert abs(count - trials * share) < 5 * math.sqrt(trials * share * (1 - share)) + 1, (
        count,
        trials * share,
    )


# --------------------------------------------------------------------------------------------------- how much
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("epoch", [0, 7])
def test_tokens_are_dropped_as_often_as_asked_for_at_every_place(share: float, epoch: int) -> None:
    lengths = [20] * 2000
    found = noisy_rows(TokenAugmentation(share, 0.0, 0.0), lengths, epoch=epoch)
    assert all(row == sorted(set(row)) for row in found)  # the others stay, in their order
    # where all would have been dropped one stays: with a share of 0.9 in 12 % of the rows
    assert_binomial(sum(map(len, found)) - round(2000 * share**20), 40_000, 1 - share)
    counts = Counter(token for row in found for token in row)
    for place in range(20):
        assert_binomial(counts[FIRST + place] - round(100 * share**20), 2000, 1 - share)


def test_one_token_stays_whatever_the_probability() -> None:
    found = noisy_rows(TokenAugmentation(0.999, 0.0, 0.0), [1, 2, 5, 30] * 100)
    assert {len(row) for row in found} <= {1, 2} and sum(map(len, found)) < 420
    assert len({row[0] for row in found[3::4]}) > 15  # any of them


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_neighbours_change_places_as_often_as_asked_for(share: float) -> None:
    found = noisy_rows(TokenAugmentation(0.0, share, 0.0), [11] * 4000)
    started = Counter()
    for row in found:
        assert sorted(row) == list(range(FIRST, FIRST + 11))
        place = 0
        while place < 11:
            if row[place] == FIRST + place:
                place += 1
                continue
            assert row[place : place + 2] == [FIRST + place + 1, FIRST + place]
            started[place] += 1
            place += 2
    for place in range(10):  # half of the rows pair the token with the one before
        assert_binomial(started[place], 4000, share / 2)


@pytest.mark.parametrize("share", [0.02, 0.4])
def test_tokens_are_masked_as_often_as_asked_for_and_padding_never(share: float) -> None:
    lengths = [3, 20] * 1000
    noisy = TokenAugmentation(0.0, 0.0, share).noisy(batch_of(lengths), 1, 0)
    assert torch.equal(noisy.is_padding, batch_of(lengths).is_padding)
    assert_binomial(int((noisy.tokens == UNK).sum()), sum(lengths), share)
    is_kept = noisy.tokens != UNK
    assert torch.equal(noisy.tokens[is_kept], batch_of(lengths).tokens[is_kept])


def test_the_three_kinds_of_noise_are_independent() -> None:
    found = noisy_rows(TokenAugmentation(0.5, 0.5, 0.5), [2] * 8000)
    both = [row for row in found if len(row) == 2]
    assert_binomial(len(both), 8000, 0.25)
    assert_binomial(sum(row == [UNK, UNK] for row in both), len(both), 0.25)
    unmasked = [row for row in both if UNK not in row]
    assert_binomial(sum(row == [5, 4] for row in unmasked), len(unmasked), 0.25)  # half of them are paired


def test_random_numbers_are_those_of_a_plain_splitmix64() -> None:
    def plain(state: int) -> int:
        state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
        return state ^ (state >> 31)

    numbers = [0, 1, 2**63, 2**64 - 1, 0x9E3779B97F4A7C15]
    assert mixed(np.array(numbers, np.uint64)).tolist() == [plain(n) for n in numbers]
    assert plain(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF  # the generator's published first number of seed 0


def test_random_numbers_are_uniform_and_do_not_repeat() -> None:
    drawn = [
        chances(row_keys(seed, epoch, side, np.arange(50)), 20, purpose)
        for seed in (1, 2) for epoch in (0, 1) for side in (0, 1) for purpose in range(4)
    ]  # fmt: skip
    values = np.concatenate(drawn).ravel()
    assert len(np.unique(values)) == len(values)
    for count in np.histogram(values, 10, (0, 1))[0].tolist():
        assert_binomial(count, len(values), 0.1)
    for one, other in pairwise(drawn):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 5 / math.sqrt(one.size)


# ------------------------------------------------------------------------------------- a function of what
ALL = TokenAugmentation(0.2, 0.3, 0.2)


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(0, 5), st.integers(0, 9), st.data())
def test_a_rows_noise_does_not_depend_on_the_rows_beside_it_nor_on_padding(
    lengths: list[int], seed: int, epoch: int, data: st.DataObject
) -> None:
    whole = rows_of(ALL.noisy(batch_of(lengths), seed, epoch))
    chosen = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1, unique=True))
    part = batch_of([lengths[row] for row in chosen], chosen, time=data.draw(st.integers(12, 30)))
    assert rows_of(ALL.noisy(part, seed, epoch)) == [whole[row] for row in chosen]


def test_seed_epoch_row_and_side_each_change_the_noise() -> None:
    base = noisy_rows(ALL, [20] * 8)
    assert noisy_rows(ALL, [20] * 8) == base
    assert len({tuple(row) for row in base}) == 8
    assert all(a != b for a, b in zip(base, noisy_rows(ALL, [20] * 8, seed=2), strict=True))
    assert all(a != b for a, b in zip(base, noisy_rows(ALL, [20] * 8, epoch=1), strict=True))
    single = batch_of([20] * 8)
    both = ALL.noisy(replace(single, tokens_b=single.tokens, is_padding_b=single.is_padding), 1, 0)
    assert rows_of(both) == base
    second = rows_of(replace(both, tokens=both.tokens_b, is_padding=both.is_padding_b))
    assert all(a != b for a, b in zip(base, second, strict=True))


def test_the_batch_counts_the_tokens_that_are_left() -> None:
    single = batch_of([9, 4])
    noisy = TokenAugmentation(0.5, 0.0, 0.0).noisy(
        replace(single, tokens_b=single.tokens, is_padding_b=single.is_padding), 1, 0
    )
    assert noisy.tokens_b is not None and noisy.is_padding_b is not None
    assert torch.equal(noisy.is_padding, noisy.tokens == PAD)
    assert torch.equal(noisy.is_padding_b, noisy.tokens_b == PAD)
    assert noisy.padded_tokens == noisy.tokens.numel() + noisy.tokens_b.numel()
    assert noisy.real_tokens == int((noisy.tokens != PAD).sum() + (noisy.tokens_b != PAD).sum()) < 26
    assert (~noisy.is_padding).any(dim=0).all()  # no column of padding alone


# ----------------------------------------------------------------------------------------------- in training
@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return prepared_texts(tmp_path_factory.mktemp("cache"), (96, 23, 17))


def trained_on(
    data: PreparedData, noise: TokenAugmentation | None, place: FakeTrainer, sizes: BatchSizes = SIZES
) -> dict[int, list[int]]:
    """Row → tokens, of what remains of the epoch."""
    module = TextDataModule(data, sizes, 1, augmentation=noise)
    module.trainer = place  # type: ignore[assignment]
    seen: dict[int, list[int]] = {}
    for step in module.train_dataloader():
        for part in step:
            assert isinstance(part, ClassificationBatch)
            seen.update(zip(part.rows.tolist(), rows_of(part), strict=True))
    return seen


def test_micro_batches_ranks_and_resuming_do_not_change_the_noise(texts: PreparedData) -> None:
    first, second = trained_on(texts, ALL, FakeTrainer()), trained_on(texts, ALL, FakeTrainer(global_step=5))
    assert len(first) == len(second) == 96 and first != second
    assert trained_on(texts, ALL, FakeTrainer(), replace(SIZES, tokens_per_micro_batch=10_000)) == first
    ranks = [trained_on(texts, ALL, FakeTrainer(rank, 2)) for rank in range(2)]
    assert {**ranks[0], **ranks[1]} == first
    resumed = trained_on(texts, ALL, FakeTrainer(global_step=5 + 3))
    assert len(resumed) == 40 - 2 and resumed.items() <= second.items()


def test_without_noise_and_in_evaluation_tokens_are_as_they_were(texts: PreparedData) -> None:
    plain = trained_on(texts, None, FakeTrainer())
    assert trained_on(texts, TokenAugmentation(0.0, 0.0, 0.0), FakeTrainer()) == plain
    assert trained_on(texts, ALL, FakeTrainer()) != plain
    loaders = [TextDataModule(texts, SIZES, 1, augmentation=noise).val_dataloader() for noise in (None, ALL)]
    for one, other in zip(*loaders, strict=True):
        assert torch.equal(one.tokens, other.tokens)


def test_sources_and_targets_are_refused(pairs: PreparedData) -> None:
    TextDataModule(pairs, SIZES, 1, augmentation=TokenAugmentation(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"regularization\.token_drop, .* are for labelled texts"):
        TextDataModule(pairs, SIZES, 1, augmentation=ALL)


@pytest.mark.parametrize(("values", "message"), [
    ((1.0, 0.0, 0.0), r"regularization\.token_drop=1\.0: expected 0 ≤ probability < 1"),
    ((0.0, -0.1, 0.0), r"regularization\.token_swap=-0\.1"),
    ((0.0, 0.0, 2.0), r"regularization\.token_mask=2"),
    ((float("nan"), 0.0, 0.0), r"regularization\.token_drop=nan"),
])  # fmt: skip
def test_wrong_probabilities_are_errors(values: tuple[float, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenAugmentation(*values)
