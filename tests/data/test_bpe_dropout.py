"""BPE dropout: the paper's distribution, and a function of (seed, epoch, row) alone."""

import functools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise, product
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare
from text_files import WORDS, FakeTrainer, labelled, parallel, preparation

from attendo.data import Batch, BatchSizes, BpeDropout, PreparedData, Seq2SeqBatch, TextDataModule
from attendo.data.batches import side_lengths
from attendo.data.bpe_dropout import SubwordSampler
from attendo.tokenization import Tokenizer, train_bpe

SIZES = BatchSizes(tokens_per_step=None, sentences_per_step=20, tokens_per_micro_batch=150, pool_steps=2)
SUBWORDS = functools.partial(
    train_bpe, vocabulary_size=50, lowercase=False, minimum_count=2, byte_fallback=False
)
ALMOST_ONE = float(np.nextafter(1, 0))
LONGEST = "banana " * 40 + "bandana"  # longer than what may be drawn for the others


def sentences(generator: random.Random, count: int) -> list[str]:
    words = ["banana", "bandana", "anna", "band", "an", "nab", "bananas", "ban", "鱼"]
    return [" ".join(generator.choices(words, k=generator.randint(1, 4))) for _ in range(count)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    folder = tmp_path_factory.mktemp("pairs")
    texts = [*sentences(random.Random(1), 99), LONGEST]
    return preparation(parallel(folder, texts, texts), folder / "cache").train({"joint": SUBWORDS})


def sampler_of(data: PreparedData, probability: float, seed: int = 1) -> SubwordSampler:
    return SubwordSampler(BpeDropout(probability), data.splits["train"], data.tokenizers, seed)


def drawn(
    data: PreparedData, rows: Sequence[int], *, probability: float = 0.3, seed: int = 1, epoch: int = 0
) -> dict[str, list[list[int]]]:
    """Role → ids of every row."""
    split = sampler_of(data, probability, seed).drawn(np.array(rows), epoch)
    columns = split.ids.columns.items()
    return {
        role: [row[row != 0].tolist() for row in column.padded(np.arange(len(rows)), 0)]
        for role, column in columns
    }


ALL = range(100)


# ------------------------------------------------------------------------------------------- what is drawn
def exact_distribution(tokenizer: Tokenizer, word: str, probability: float) -> dict[tuple[str, ...], float]:
    """By trying every subset of merges that may be left out, at every step."""
    merges = json.loads(tokenizer.to_dict()["tokenizer"])["model"]["merges"]
    rank = {tuple(pair): number for number, pair in enumerate(merges)}
    final: dict[tuple[str, ...], float] = defaultdict(float)

    def go(pieces: tuple[str, ...], mass: float) -> None:
        possible = [(rank[pair], place) for place, pair in enumerate(pairwise(pieces)) if pair in rank]
        for kept in product([True, False], repeat=len(possible)):
            share = mass * (1 - probability) ** sum(kept) * probability ** (len(kept) - sum(kept))
            left = [merge for merge, stays in zip(possible, kept, strict=True) if stays]
            if left:
                place = min(left)[1]
                go((*pieces[:place], pieces[place] + pieces[place + 1], *pieces[place + 2 :]), share)
            else:
                final[pieces] += share

    go(tuple(word), 1.0)
    return dict(final)


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_segmentations_have_the_probabilities_that_brute_force_finds(
    tmp_path: Path, probability: float
) -> None:
    texts = [*["anna"] * 5000, *sentences(random.Random(1), 99), LONGEST]
    data = preparation(parallel(tmp_path, texts, texts), tmp_path / "cache").train({"joint": SUBWORDS})
    tokenizer = data.tokenizers["source"]
    expected = exact_distribution(tokenizer, "▁anna", probability)
    assert sum(expected.values()) == pytest.approx(1)
    counts: Counter[tuple[str, ...]] = Counter()
    for rows in drawn(data, range(5000), probability=probability).values():
        counts.update(tuple(map(tokenizer.vocabulary.token, ids)) for ids in rows)
    assert counts.total() == 10_000 and counts.keys() <= expected.keys()
    likely = [pieces for pieces, share in expected.items() if share > 1e-3]
    assert len(likely) >= 4
    observed = [*(counts[pieces] for pieces in likely), 0]
    wanted = [*(expected[pieces] * 10_000 for pieces in likely), 0]
    observed[-1], wanted[-1] = 10_000 - sum(observed), 10_000 - sum(wanted) + 1e-9  # all others together
    assert chisquare(observed, wanted, sum_check=False).pvalue > 1e-3


def test_the_text_stays_the_same(data: PreparedData) -> None:
    split = data.splits["train"]
    for role, rows in drawn(data, ALL).items():
        for ids, text, own in zip(
            rows[:-1], split.raw(role, np.arange(99)), own_ids(data, role), strict=False
        ):
            decode = data.tokenizers[role].decode
            assert (
                decode(ids) == decode(own) == text.replace("鱼", "<unk>")
                or "鱼" in data.tokenizers[role].vocabulary
            )
            assert len(ids) >= len(own)


def own_ids(data: PreparedData, role: str) -> list[list[int]]:
    column = data.splits["train"].ids.columns[role]
    return [row[row != 0].tolist() for row in column.padded(np.arange(len(column)), 0)]


def test_hardly_any_dropout_leaves_the_tokenizers_own_subwords(data: PreparedData) -> None:
    for role, rows in drawn(data, ALL, probability=1e-12).items():
        assert rows == own_ids(data, role)


def test_dropping_every_merge_leaves_characters(data: PreparedData) -> None:
    tokenizer = data.tokenizers["source"]
    for ids, own in zip(
        drawn(data, ALL, probability=ALMOST_ONE)["source"], own_ids(data, "source"), strict=True
    ):
        characters = list("▁" + tokenizer.decode(own).replace(" ", "▁"))
        tokens = [tokenizer.vocabulary.token(index) for index in ids]
        assert tokens == characters[: len(tokens)]
        assert len(tokens) == len(characters) or tokenizer.decode(own) == LONGEST


# ------------------------------------------------------------------------------------------ what decides it
def test_a_row_is_drawn_alike_whatever_is_drawn_beside_it(data: PreparedData) -> None:
    together = drawn(data, ALL)
    for rows in ([7], [99, 7, 3], [3, 4, 5, 6]):
        some = drawn(data, rows)
        for role in ("source", "target"):
            assert some[role] == [together[role][row] for row in rows]


def test_seed_epoch_and_side_decide_the_draw(data: PreparedData) -> None:
    first = drawn(data, ALL)
    assert drawn(data, ALL) == first
    assert first["source"] != first["target"]  # of the same texts
    for other in (drawn(data, ALL, epoch=1), drawn(data, ALL, seed=2)):
        assert other["source"] != first["source"] and other["target"] != first["target"]


# -------------------------------------------------------------------------------------------------- batches
def steps(
    data: PreparedData, sizes: BatchSizes = SIZES, probability: float | None = 0.5, **trainer: int
) -> list[list[Batch]]:
    dropout = None if probability is None else BpeDropout(probability)
    module = TextDataModule(data, sizes, seed=1, subword_dropout=dropout)
    module.trainer = FakeTrainer(**trainer)  # type: ignore[assignment]
    return list(module.train_dataloader())


def rows_of(epoch: Sequence[Sequence[Batch]]) -> list[list[int]]:
    return [
        sorted(row for part in step if part.sentence_count for row in part.rows.tolist()) for step in epoch
    ]


def test_steps_keep_their_rows_and_micro_batches_their_limit(data: PreparedData) -> None:
    noisy, plain = steps(data), steps(data, probability=None)
    assert rows_of(noisy) == rows_of(plain)
    parts = [part for step in noisy for part in step]
    assert max(part.padded_tokens for part in parts) <= SIZES.tokens_per_micro_batch
    assert sum(map(len, noisy)) > sum(map(len, plain))  # more tokens, so more micro-batches
    together = drawn(data, ALL, probability=0.5)
    for part in parts:
        assert isinstance(part, Seq2SeqBatch)
        for row, source, target in zip(part.rows.tolist(), part.source, part.targets, strict=True):
            assert source[source > 3].tolist() == [i for i in together["source"][row] if i > 3]
            assert target[target > 3].tolist() == [i for i in together["target"][row] if i > 3]


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_have_equally_many_micro_batches(data: PreparedData, ranks: int) -> None:
    shares = [steps(data, global_rank=rank, world_size=ranks) for rank in range(ranks)]
    for parts in zip(*shares, strict=True):
        assert len(set(map(len, parts))) == 1
    found = [sorted(chain(*rows)) for rows in zip(*map(rows_of, shares), strict=True)]
    assert found == rows_of(steps(data))


def test_a_resumed_epoch_goes_on_with_the_same_subwords(data: PreparedData) -> None:
    def sources(epoch: Sequence[Sequence[Batch]]) -> list[list[list[int]]]:
        return [[part.source.tolist() for part in step if isinstance(part, Seq2SeqBatch)] for step in epoch]

    whole = sources(steps(data, global_step=5))
    assert sources(steps(data, global_step=7)) == whole[2:]
    assert whole != sources(steps(data))


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_every_epoch_draws_its_own_subwords(data: PreparedData, epoch: int) -> None:
    found = {
        row: [index for index in source if index > 3]
        for step in steps(data, global_step=5 * epoch)
        for part in step
        for row, source in zip(part.rows.tolist(), part.source.tolist(), strict=True)  # type: ignore[attr-defined]
    }
    wanted = [
        [
            [index for index in ids if index > 3]
            for ids in drawn(data, ALL, probability=0.5, epoch=each)["source"]
        ]
        for each in (epoch, epoch + 1)
    ]
    assert [found[row] for row in ALL] == wanted[0]
    assert sum(one != other for one, other in zip(*wanted, strict=True)) > 80


def test_no_text_gets_longer_than_the_longest(data: PreparedData) -> None:
    longest = side_lengths(data.splits["train"].ids.columns).max(axis=0)
    sampler = sampler_of(data, 0.9)
    lengths = side_lengths(sampler.drawn(np.arange(100), 0).ids.columns)
    assert (lengths.max(axis=0) == longest).all()
    assert sampler.largest.tolist() == [longest.tolist()]
    with pytest.raises(ValueError, match=rf"longest row has {longest.sum()} tokens"):
        steps(data, replace(SIZES, tokens_per_micro_batch=int(longest.sum()) - 1))


def test_what_is_evaluated_keeps_its_subwords(data: PreparedData) -> None:
    splits = {**data.splits, "test": data.splits["train"]}
    module = TextDataModule(replace(data, splits=splits), SIZES, seed=1, subword_dropout=BpeDropout(0.5))
    own = own_ids(data, "source")
    for batch in module.test_dataloader():
        assert isinstance(batch, Seq2SeqBatch)
        for row, source in zip(batch.rows.tolist(), batch.source.tolist(), strict=True):
            assert [index for index in source if index not in (0, 3)] == own[row]


def test_labelled_texts_keep_their_labels(tmp_path: Path) -> None:
    rows = [(text, "ab"[number % 2]) for number, text in enumerate(sentences(random.Random(2), 40))]
    data = preparation(labelled(tmp_path, rows), tmp_path / "cache").train({"joint": SUBWORDS})
    labels = data.splits["train"].labels
    assert labels is not None
    for step in steps(data):
        for part in step:
            assert part.labels.tolist() == labels[part.rows.numpy()].tolist()  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"regularization\.bpe_dropout=\S+: expected 0 ≤ probability < 1"):
        BpeDropout(probability)


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    source = parallel(tmp_path, ["anna anna"], ["b a"])
    data = preparation(source, tmp_path / "cache").train({"source": SUBWORDS, "target": WORDS})
    with pytest.raises(ValueError, match=r"bpe_dropout needs .*tokenizer=bpe\), found Tokenizer\(WordLevel"):
        TextDataModule(data, SIZES, seed=1, subword_dropout=BpeDropout(0.1))
    TextDataModule(data, SIZES, seed=1, subword_dropout=BpeDropout(0.0))
