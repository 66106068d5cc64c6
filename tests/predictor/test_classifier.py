"""A loaded classifier says of new text what its model says of the text alone, read as in training."""

import json
import unicodedata
from math import isnan
from pathlib import Path

import numpy as np
import pytest
import torch

import attendo
from attendo.predictor import Classifier, TruncationWarning
from attendo.predictor.reader import CHUNK
from attendo.tokenization import UNK

TEXTS = ["The plot was great.", "I did not like it", "great " * 9, "a", "What a dull, dull film!"]


@pytest.fixture
def classifier(classifier_run: Path) -> Classifier:
    loaded = attendo.load(classifier_run, accelerator="cpu")
    assert isinstance(loaded, Classifier)
    loaded.model.double()
    return loaded


def alone(classifier: Classifier, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and attention (hop, time) of one text without padding, the softmax in numpy."""
    tokenizer = classifier.trained.contents.tokenizers["text"]
    tokens = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad():
        output = classifier.model(tokens, torch.zeros_like(tokens, dtype=torch.bool))
    exponentials = np.exp((output.logits[0] / classifier.model.temperature).numpy())
    return exponentials / exponentials.sum(), output.attention[0].numpy()


def test_the_answers_are_those_that_testing_gave(classifier_run: Path) -> None:
    lines = (classifier_run / "predictions" / "test.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    answers = attendo.load(classifier_run, accelerator="cpu").classify([record["text"] for record in records])
    assert [answer.label for answer in answers] == [record["predicted"] for record in records]
    for answer, record in zip(answers, records, strict=True):
        assert answer.probabilities == pytest.approx(record["probabilities"], abs=1e-6)


@pytest.mark.parametrize("batch_tokens", [1, 16, 100_000])
def test_probabilities_are_the_softmax_over_the_text_alone(
    classifier_run: Path, classifier: Classifier, batch_tokens: int
) -> None:
    loaded = attendo.load(classifier_run, accelerator="cpu", batch_tokens=batch_tokens)
    loaded.model.double()
    for text, answer in zip(TEXTS, loaded.classify(TEXTS), strict=True):
        expected, _ = alone(classifier, text)
        assert list(answer.probabilities.values()) == pytest.approx(expected, rel=1e-12)
        assert answer.label == loaded.labels[expected.argmax()]
        assert answer.probability == max(answer.probabilities.values())


def test_the_last_checkpoint_can_be_asked_and_so_can_a_file(classifier_run: Path) -> None:
    last = attendo.load(classifier_run, "last", accelerator="cpu")
    file = attendo.load(str(classifier_run / "checkpoints" / "last.ckpt"), accelerator="cpu")
    assert last.classify(TEXTS) == file.classify(TEXTS)
    assert last.trained.path.name == "last.ckpt"


def test_one_text_has_one_answer_and_any_iterable_a_list(classifier: Classifier) -> None:
    assert classifier.classify(iter(TEXTS)) == classifier.classify(TEXTS)
    assert classifier.classify(TEXTS[0]).label == classifier.classify(TEXTS)[0].label
    assert classifier.classify([]) == []


def test_answers_keep_their_order_beyond_one_chunk(classifier: Classifier) -> None:
    texts = [TEXTS[(7 * number) % len(TEXTS)] for number in range(CHUNK + 50)]
    of_text = {text: alone(classifier, text)[0].max() for text in TEXTS}
    answers = classifier.classify(texts)
    assert [answer.probability for answer in answers] == pytest.approx([of_text[text] for text in texts])


def test_texts_are_read_as_in_training(classifier: Classifier) -> None:
    expected = classifier.classify("a café, was GREAT")
    for text in ("  a café, was GREAT\t\n", unicodedata.normalize("NFD", "a café, was GREAT")):
        assert classifier.classify(text) == expected
    assert classifier.reader.ids(["\u200b"]) == [[UNK]]
    assert classifier.reader.ids(["qqq \U0001f600"])[0][0] == UNK


def test_what_follows_the_longest_length_is_left_out_and_said_so(classifier: Classifier) -> None:
    long = " ".join(["great", "dull"] * 40)
    with pytest.warns(TruncationWarning, match=r"1 text\(s\) of more than 64 tokens"):
        answer = classifier.classify([long, "short"])[0]
    beginning = " ".join(["great", "dull"] * 32)
    assert list(answer.probabilities.values()) == pytest.approx(alone(classifier, beginning)[0])
    classifier.classify("short")  # no warning: warnings are errors here
    assert classifier.reader.cut == 1
    with pytest.warns(TruncationWarning):
        assert len(classifier.attention(long).tokens) == 64


@pytest.mark.parametrize("text", ["", "  \t "])
def test_an_empty_text_has_an_empty_answer(text: str, classifier: Classifier) -> None:
    first, answer, last = classifier.classify(["great", text, "dull"])
    assert (answer.label, answer.probabilities, isnan(answer.probability)) == ("", {}, True)
    assert "" not in (first.label, last.label)
    with pytest.raises(ValueError, match="empty"):
        classifier.attention(text)


def test_what_is_no_text_is_refused_with_its_place(classifier: Classifier) -> None:
    with pytest.raises(ValueError, match="text 2: the text has half a surrogate pair"):
        classifier.classify(["fine", "half \ud800"])


def test_attention_is_the_models_over_the_pieces_of_the_text(classifier: Classifier) -> None:
    text = "What a DULL film! qqq"
    attention = classifier.attention(text)
    assert attention.tokens == classifier.trained.contents.tokenizers["text"].pieces(text)
    assert attention.tokens[-1] == "qqq"
    np.testing.assert_allclose(attention.weights, alone(classifier, text)[1], rtol=1e-10)
    np.testing.assert_allclose(attention.weights.sum(axis=1), 1)
    lines = repr(attention).splitlines()
    assert [line.split()[0] for line in lines] == ["hop", *attention.tokens]
    assert len(lines[1].split()) == 1 + len(attention.weights)


def test_classes_and_attention_come_from_one_pass(classifier: Classifier) -> None:
    passes = []
    classifier.model.register_forward_hook(lambda *_: passes.append(1))
    texts = [TEXTS[0], " ", *TEXTS[1:]]
    found = classifier.explained([(text,) for text in texts])
    assert len(passes) == 1
    assert found[1][0].probabilities == {} and found[1][1] is None
    for text, (answer, attention) in zip(texts, found, strict=True):
        if text.strip():
            probabilities, weights = alone(classifier, text)
            assert list(answer.probabilities.values()) == pytest.approx(probabilities, rel=1e-10)
            assert attention.tokens == classifier.reader.pieces(text)
            np.testing.assert_allclose(attention.weights, weights, rtol=1e-10)
    assert classifier.explained([]) == []
    assert classifier.explained([("",)])[0][1] is None


def test_what_only_a_translator_can_is_refused_in_words(classifier: Classifier) -> None:
    with pytest.raises(AttributeError, match=r"a classifier has no 'translate': it can \.classify\(texts\)"):
        classifier.translate("text")
    assert not hasattr(classifier, "score")
    assert repr(classifier).startswith("Classifier(")
