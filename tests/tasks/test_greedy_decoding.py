"""Decoding as the task does it: limits by the sentence's own source, whatever stands beside it."""

import pytest
import torch

from attendo.data.batches import collate_seq2seq
from attendo.data.preparation import PreparedData
from attendo.tasks import GreedyDecoding
from small_runs import trained, transformer


def test_an_answer_does_not_depend_on_the_other_sentences(pairs: PreparedData) -> None:
    model = trained(pairs)[0].model.eval()
    split, decoding = pairs.splits["test"], GreedyDecoding(1.5, 2)
    rows = torch.arange(len(split)).numpy()
    together = collate_seq2seq(split, rows, is_filler=False, with_raw=False)
    answers = decoding(model, together.source, together.source_is_padding)
    for row in rows:
        alone = collate_seq2seq(split, rows[row : row + 1], is_filler=False, with_raw=False)
        assert decoding(model, alone.source, alone.source_is_padding) == [answers[row]]


def test_an_answer_is_no_longer_than_its_source_allows(pairs: PreparedData) -> None:
    model = transformer(pairs).eval()
    split = pairs.splits["test"]
    batch = collate_seq2seq(split, torch.arange(len(split)).numpy(), is_filler=False, with_raw=False)
    lengths = split.ids.columns["source"].lengths
    for answer, length in zip(
        GreedyDecoding(2.0, 1)(model, batch.source, batch.source_is_padding), lengths, strict=True
    ):
        assert len(answer) <= 2 * length + 1


def test_learned_positions_end_an_answer_where_they_end(pairs: PreparedData) -> None:
    model = transformer(pairs).eval()
    model.longest_target = 3
    split = pairs.splits["test"]
    batch = collate_seq2seq(split, torch.arange(len(split)).numpy(), is_filler=False, with_raw=False)
    answers = GreedyDecoding(9.0, 9)(model, batch.source, batch.source_is_padding)
    assert max(map(len, answers)) <= 3


@pytest.mark.parametrize(("factor", "offset"), [(-1.0, 5), (0.0, 0), (1.0, -1)])
def test_limits_that_allow_nothing_are_refused(factor: float, offset: int) -> None:
    with pytest.raises(ValueError, match=r"decoding\.length_factor"):
        GreedyDecoding(factor, offset)
