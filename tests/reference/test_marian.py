"""The whole model and its search against Hugging Face's Marian with the same weights."""

import pytest
import torch

from attendo.decoding import Constraints, HuggingFaceRules, PowerPenalty, Ranking, beam_search, greedy_search
from attendo.tokenization import BOS, EOS, PAD
from marian_copy import attendo_from, ended, marian, sentences

LONGEST = 20


def pair(activation):
    torch.manual_seed(0)
    theirs = marian(activation)
    return theirs, attendo_from(theirs, activation)


@pytest.fixture(scope="module")
def models():
    return pair("relu")


@pytest.fixture(scope="module")
def sources():
    torch.manual_seed(1)
    source, is_padding = sentences(torch.randint(1, 14, (240,)).tolist())
    return ended(source, is_padding), is_padding


def generated(theirs, source, is_padding, **options):
    """Ids of every hypothesis, and their scores."""
    found = theirs.generate(
        input_ids=source,
        attention_mask=(~is_padding).long(),
        do_sample=False,
        max_new_tokens=LONGEST,
        suppress_tokens=[PAD, BOS],
        return_dict_in_generate=True,
        output_scores=True,
        **options,
    )
    ids = [[token for token in row[1:] if token not in (PAD, EOS)] for row in found.sequences.tolist()]
    return ids, found


def start(ours, source, is_padding):
    constraints = Constraints.of(EOS, torch.full((len(source),), LONGEST), banned=(PAD, BOS))
    return ours.start(ours.encode(source, is_padding)), constraints


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_teacher_forcing_equals_marian(activation):
    theirs, ours = pair(activation)
    source, is_padding = sentences([9, 4, 1, 12, 6, 3])
    target, target_is_padding = sentences([5, 10, 7, 2, 1, 4])
    logits = theirs(input_ids=source, attention_mask=(~is_padding).long(), decoder_input_ids=target).logits
    hidden = ours(source, is_padding, target)
    real = ~target_is_padding
    torch.testing.assert_close(ours.projection(hidden)[real], logits[real], rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.output(hidden)[real], logits[real].log_softmax(-1), rtol=0, atol=1e-6)


def test_greedy_search_equals_marians(models, sources):
    theirs, ours = models
    state, constraints = start(ours, *sources)
    answers = [found.ids for (found,) in greedy_search(ours.step, state, constraints, bos=BOS)]
    assert answers == generated(theirs, *sources, num_beams=1)[0]
    assert min(map(len, answers)) < LONGEST, "some row should end by itself"
    assert len({tuple(answer) for answer in answers}) > 150, "the answers should not be trivial"


@pytest.mark.parametrize(
    ("size", "alpha", "early_stopping", "n_best"),
    [
        (2, 1.0, False, 2),
        (4, 1.0, False, 4),
        (5, 0.0, False, 1),
        (5, 1.0, True, 5),
        (4, 2.0, "never", 4),
        (4, 0.6, "never", 4),
        (3, -1.0, False, 3),
        (3, -1.0, "never", 3),
        (12, 1.0, False, 3),
    ],
)
def test_beam_search_equals_marians_under_its_rules(models, sources, size, alpha, early_stopping, n_best):
    theirs, ours = models
    state, constraints = start(ours, *sources)
    ranking = Ranking(size, n_best, PowerPenalty(alpha), HuggingFaceRules(early_stopping))
    found = [each for row in beam_search(ours.step, state, ranking, constraints, bos=BOS) for each in row]
    ids, answer = generated(
        theirs,
        *sources,
        num_beams=size,
        length_penalty=alpha,
        early_stopping=early_stopping,
        num_return_sequences=n_best,
    )
    assert [each.ids for each in found] == ids
    assert [each.score for each in found] == pytest.approx(answer.sequences_scores.tolist(), rel=1e-4)
