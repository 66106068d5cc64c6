"""A loaded translator answers as greedy search over the sentence alone, and scores as its steps do."""

import json
from math import isnan
from pathlib import Path

import pytest
import torch

import attendo
from attendo.predictor import Translator, TruncationWarning
from attendo.predictor.translator import TOKENS_AT_ONCE
from attendo.tokenization import BOS, EOS, PAD

SOURCES = ["5 March 2019", "Tuesday, 24 December 1985", "1 May", "the 3rd of June, 2001"]
TARGETS = ["2019-03-05", "1985", "01-05-2000", "2"]


def loaded(run: Path, **changed: object) -> Translator:
    translator = attendo.load(run, accelerator="cpu", **changed)
    assert isinstance(translator, Translator)
    translator.model.double()
    return translator


@pytest.fixture
def translator(translator_run: Path) -> Translator:
    return loaded(translator_run)


def stepped(translator: Translator, source: str, target: list[int]) -> list[float]:
    """Log-probabilities of target ids, asked for one by one."""
    model, tokenizers = translator.model, translator.trained.contents.tokenizers
    ids = torch.tensor([[*tokenizers["source"].encode(source), EOS]])
    state, found, last = model.start(model.encode(ids, torch.zeros_like(ids, dtype=torch.bool))), [], BOS
    for token in target:
        log_probs, state = model.step(torch.tensor([last]), state)
        found.append(log_probs[0, token].item())
        last = token
    return found


@torch.no_grad()
def searched(translator: Translator, source: str, limit: int) -> list[int]:
    """Greedy search over the sentence alone that reads everything anew for every token."""
    model, tokenizers = translator.model, translator.trained.contents.tokenizers
    ids = torch.tensor([[*tokenizers["source"].encode(source), EOS]])
    answer: list[int] = []
    while len(answer) < limit:
        hidden = model(ids, torch.zeros_like(ids, dtype=torch.bool), torch.tensor([[BOS, *answer]]))
        log_probs = model.output(hidden[0, -1])
        log_probs[[PAD, BOS]] = -torch.inf
        token = int(log_probs.argmax())
        if token == EOS:
            break
        answer.append(token)
    return answer


def test_the_answers_are_those_that_testing_gave(translator_run: Path) -> None:
    lines = (translator_run / "predictions" / "test.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    answers = attendo.load(translator_run, accelerator="cpu").translate([r["source"] for r in records])
    assert [answer.text for answer in answers] == [record["predicted"] for record in records]


GREEDY = {"_target_": "attendo.tasks.GreedyDecoding"}


@pytest.mark.parametrize("batch_tokens", [1, 60, 100_000])
def test_a_translation_is_that_of_the_sentence_alone(translator_run: Path, batch_tokens: int) -> None:
    translator = loaded(translator_run, batch_tokens=batch_tokens, decoding=GREEDY)
    for source, answer in zip(SOURCES, translator.translate(SOURCES), strict=True):
        ids = searched(translator, source, limit=4)
        assert answer.text == translator.trained.contents.tokenizers["target"].decode(ids)
        steps = stepped(translator, source, [*ids, EOS])
        assert answer.score == pytest.approx(sum(steps) / len(steps), rel=1e-10)


@pytest.mark.parametrize("batch_tokens", [1, 60, 100_000])
def test_a_score_is_the_sum_over_the_steps(translator_run: Path, batch_tokens: int) -> None:
    translator = loaded(translator_run, batch_tokens=batch_tokens)
    for source, target, score in zip(SOURCES, TARGETS, translator.score(SOURCES, TARGETS), strict=True):
        ids = [*translator.trained.contents.tokenizers["target"].encode(target), EOS]
        assert score.log_probability == pytest.approx(sum(stepped(translator, source, ids)), rel=1e-10)
        assert score.tokens == len(ids)
        assert score.per_token == pytest.approx(score.log_probability / len(ids))
    assert translator.score(SOURCES[0], TARGETS[0]).tokens == len(TARGETS[0]) + 1


def test_many_tokens_are_scored_in_slices(translator: Translator) -> None:
    count = TOKENS_AT_ONCE // len(TARGETS[0])
    assert count * (len(TARGETS[0]) + 1) > TOKENS_AT_ONCE
    scores = translator.score([SOURCES[0]] * count, [TARGETS[0]] * count)
    expected = translator.score(SOURCES[0], TARGETS[0]).log_probability
    assert [score.log_probability for score in scores] == pytest.approx([expected] * count)


def test_an_empty_source_has_an_empty_answer_and_no_score(translator: Translator) -> None:
    first, answer, last = translator.translate([SOURCES[0], " ", SOURCES[1]])
    assert (answer.text, isnan(answer.score)) == ("", True)
    for source, other in zip(SOURCES, (first, last), strict=False):
        assert other.text == translator.translate(source).text
        assert other.score == pytest.approx(translator.translate(source).score)
    for score in translator.score(["", "1 May"], ["2019", ""]):
        assert (isnan(score.log_probability), isnan(score.per_token), score.tokens) == (True, True, 0)


def test_sources_and_targets_must_be_as_many(translator: Translator) -> None:
    with pytest.raises(ValueError, match="found 1 sources and 2 targets; expected as many"):
        translator.score(["a"], ["b", "c"])
    with pytest.raises(ValueError, match="one text on one side and several on the other"):
        translator.score("a", ["b"])


def test_decoding_can_be_changed(translator_run: Path) -> None:
    longer = loaded(translator_run, decoding={**GREEDY, "length_offset": 9})
    for source, answer in zip(SOURCES, longer.translate(SOURCES), strict=True):
        ids = searched(longer, source, limit=9)
        assert answer.text == longer.trained.contents.tokenizers["target"].decode(ids)


def test_learned_positions_bound_what_is_read_and_answered(learned_run: Path) -> None:
    translator = loaded(learned_run, decoding={**GREEDY, "length_offset": 50})
    output = translator.model.output
    endless = torch.tensor([EOS])
    translator.model.output = lambda *given: output(*given).index_fill(-1, endless, -100.0)
    sources = ["5 March 2019, and much more", "1 May"]
    with pytest.warns(TruncationWarning, match=r"1 source\(s\) of more than 11 tokens"):
        answers = translator.translate(sources)
    for source, answer in zip(["5 March 201", "1 May"], answers, strict=True):
        ids = searched(translator, source, limit=11)
        assert len(ids) == 11  # with BOS, all positions
        assert answer.text == translator.trained.contents.tokenizers["target"].decode(ids)
        steps = stepped(translator, source, [*ids, EOS])
        assert answer.score == pytest.approx(sum(steps) / len(steps))
    with pytest.warns(TruncationWarning, match=r"1 target\(s\) of more than 11 tokens"):
        assert translator.score("1 May", "x" * 30).tokens == 12


def test_what_only_a_classifier_can_is_refused_in_words(translator: Translator) -> None:
    with pytest.raises(AttributeError, match=r"a translator has no 'classify': it can \.translate\(texts\)"):
        translator.classify("text")
    assert repr(translator).startswith("Translator(")
