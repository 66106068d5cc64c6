"""Byte-pair encoding and unigram: nothing of a text is lost, and sizes are kept."""

import itertools
import json
import math
import os
import random
import subprocess
import sys
from collections import Counter

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from attendo.tokenization import SPECIAL_TOKENS, UNK, Tokenizer, train_bpe, train_unigram
from attendo.tokenization.unigram import fit_unigram

TEXTS = [
    "the lower newer wider, the lowest newest widest (the low new wide)",
    "die Äpfel, die Öfen und die Übungen; geht's euch gut?",
    "我们 学习 中文。我们 写 中文。",
    "<eos> <0x41> <unk> ▁ \ue000  \n <eos> <0x41> <unk>",
] * 3


def train(kind: str, texts=TEXTS, size=400, lowercase=False, byte_fallback=False) -> Tokenizer:
    if kind == "unigram":
        return train_unigram(texts, vocabulary_size=size, lowercase=lowercase, byte_fallback=byte_fallback)
    return train_bpe(
        texts, vocabulary_size=size, lowercase=lowercase, minimum_count=1, byte_fallback=byte_fallback
    )


both_kinds = pytest.mark.parametrize("kind", ["bpe", "unigram"])
WITH_BYTES = {kind: train(kind, byte_fallback=True) for kind in ("bpe", "unigram")}
WITHOUT_BYTES = {kind: train(kind) for kind in ("bpe", "unigram")}
LOWER_CASED = {kind: train(kind, lowercase=True, byte_fallback=True) for kind in ("bpe", "unigram")}
TRICKY = st.lists(
    st.sampled_from([*"▁ \n\t<>\ue000\ue001\ue002\x00a中👍", "<eos>", "<0x0A>", "the", "<0x+A>"])
)


@both_kinds
@given(text=st.one_of(st.text(), TRICKY.map("".join)))
def test_every_text_comes_back_with_byte_fallback(kind, text):
    tokenizer = WITH_BYTES[kind]
    ids = tokenizer.encode(text)
    assert UNK not in ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(tokenizer.encode_batch([text])[0]) == text


@both_kinds
@given(text=st.text(st.sampled_from("".join(TEXTS))))
def test_texts_over_seen_characters_come_back_without_byte_fallback(kind, text):
    tokenizer = WITHOUT_BYTES[kind]
    ids = tokenizer.encode(text)
    assert UNK not in ids
    assert tokenizer.decode(ids) == text


@both_kinds
@given(text=st.text(st.sampled_from("aBÄö ẞİ▁中")))
def test_lower_casing_is_all_that_it_changes(kind, text):
    tokenizer = LOWER_CASED[kind]
    assert tokenizer.decode(tokenizer.encode(text)) == "".join(map(str.lower, text))


@both_kinds
def test_an_unknown_character_is_unk_without_byte_fallback(kind):
    tokenizer = WITHOUT_BYTES[kind]
    ids = tokenizer.encode("the 🦊low")
    assert ids.count(UNK) == 1
    assert tokenizer.decode(ids) == "the <unk>low"
    assert "🦊" in tokenizer.pieces("the 🦊low")
    copied = [len(tokenizer) if index == UNK else index for index in ids]
    assert tokenizer.decode(copied, ["🦊"]) == "the 🦊low"


@both_kinds
@pytest.mark.parametrize("byte_fallback", [False, True])
def test_the_vocabulary_has_the_size_asked_for(kind, byte_fallback):
    text = [" ".join("".join(word) for word in itertools.product("abcd", "efgh", "ijkl", "mno"))] * 2
    size = 120 if not byte_fallback else 376
    tokenizer = train(kind, text, size, byte_fallback=byte_fallback)
    assert len(tokenizer) == size
    assert set("abcdefghijklmno▁") < set(tokenizer.vocabulary.tokens)


@both_kinds
def test_a_vocabulary_larger_than_the_texts_allow_is_as_large_as_they_allow(kind):
    tokenizer = train(kind, ["ab ab"], 1000)
    assert set(SPECIAL_TOKENS) | {"▁", "a", "b", "▁ab"} <= set(tokenizer.vocabulary.tokens)
    assert len(tokenizer) < 20
    assert tokenizer.pieces("ab ab") == ["▁ab", "▁ab"]


@both_kinds
def test_too_many_characters_for_the_vocabulary_are_an_error_with_numbers(kind):
    with pytest.raises(ValueError, match=r"is 10, too small for 4 special.* 27 different .* 31 are needed"):
        train(kind, ["abcdefghijklmnopqrstuvwxyz"], 10)
    with pytest.raises(ValueError, match=r"is 286, too small for 4 special.* 256 bytes .* at least 287"):
        train(kind, ["abcdefghijklmnopqrstuvwxyz"], 286, byte_fallback=True)
    assert len(train(kind, ["abcdefghijklmnopqrstuvwxyz"], 31)) == 31


def test_bpe_merges_the_most_frequent_pair_each_time():
    # the example of Sennrich et al., with a space before the word in place of their end-of-word mark
    words = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    texts = [word for word, count in words.items() for _ in range(count)]
    tokenizer = train_bpe(texts, vocabulary_size=99, lowercase=False, minimum_count=5, byte_fallback=False)
    splits = {word: ["▁", *word] for word in words}
    merges = json.loads(tokenizer.to_dict()["tokenizer"])["model"]["merges"]
    for left, right in merges:
        pairs = count_pairs(splits, words)
        assert pairs[left, right] == max(pairs.values()) >= 5
        for split in splits.values():
            for index in reversed(range(len(split) - 1)):
                if split[index : index + 2] == [left, right]:
                    split[index : index + 2] = [left + right]
    assert max(count_pairs(splits, words).values()) < 5
    assert {word: tokenizer.pieces(word) for word in words} == splits


def count_pairs(splits: dict[str, list[str]], words: dict[str, int]) -> Counter[tuple[str, str]]:
    pairs: Counter[tuple[str, str]] = Counter()
    for word, split in splits.items():
        for pair in itertools.pairwise(split):
            pairs[pair] += words[word]
    return pairs


def test_unigram_chooses_the_likeliest_split_of_all():
    tokenizer = WITHOUT_BYTES["unigram"]
    scores = dict(fit_scores(tokenizer))
    for word in ["▁lowest", "▁newer", "▁widewide", "▁thelow"]:
        splits = [
            [word[start:end] for start, end in itertools.pairwise([0, *cuts, len(word)])]
            for count in range(len(word))
            for cuts in itertools.combinations(range(1, len(word)), count)
        ]
        best = max(sum(scores.get(piece, -math.inf) for piece in split) for split in splits)
        chosen = tokenizer.pieces(word[1:])
        assert sum(scores[piece] for piece in chosen) == pytest.approx(best)


def fit_scores(tokenizer: Tokenizer) -> list[tuple[str, float]]:
    scores = json.loads(tokenizer.to_dict()["tokenizer"])["model"]["vocab"]
    assert sum(math.exp(score) for piece, score in scores[4:]) == pytest.approx(1)
    return scores


@given(st.lists(st.integers(1, 30), min_size=6, max_size=6))
def test_unigram_drops_the_piece_whose_absence_costs_least(counts):
    # no two pieces overlap, so that the brute force and the estimate from a piece's own splits agree
    words = dict(zip(["ab", "cd", "ef", "abcd", "efab", "dcfeba"], counts, strict=True))
    seeds = Counter("".join(words)) + Counter(["ab", "cd", "ef"])
    scores = fit_unigram(words, seeds, 9)
    full = likelihood(words, scores)
    costs = {
        piece: full - likelihood(words, {other: scores[other] for other in scores if other != piece})
        for piece in ("ab", "cd", "ef")
    }
    (dropped,) = set(scores) - set(fit_unigram(words, seeds, 8))
    assert costs[dropped] == pytest.approx(min(costs.values()), abs=1e-9)


def likelihood(words: dict[str, int], scores: dict[str, float]) -> float:
    best = {word: max(sum(map(scores.get, split)) for split in splits_into(word, scores)) for word in words}
    return sum(count * best[word] for word, count in words.items())


def splits_into(word: str, pieces: dict[str, float]) -> list[list[str]]:
    if not word:
        return [[]]
    ends = [end for end in range(1, len(word) + 1) if word[:end] in pieces]
    return [[word[:end], *rest] for end in ends for rest in splits_into(word[end:], pieces)]


def test_unigram_is_no_less_likely_than_the_one_the_library_trains():
    draw = random.Random(3)
    stems = ["".join(draw.choices("bcdfghklmnprst", k=3)) for _ in range(60)]
    endings = ["a", "en", "ung", "lich", "heit", "er", "est", "ing", "ed"]
    words = [draw.choice(stems) + draw.choice(["", draw.choice(endings)]) for _ in range(400)]
    weights = [1 / rank for rank in range(1, 401)]
    texts = [" ".join(draw.choices(words, weights, k=10)) for _ in range(300)]
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=150, special_tokens=list(SPECIAL_TOKENS), unk_token="<unk>", show_progress=False
    )
    theirs.train_from_iterator(texts, trainer)
    ours = train("unigram", texts, 150)
    their_scores = dict(json.loads(theirs.to_str())["model"]["vocab"])
    our_scores = dict(fit_scores(ours))
    our_likelihood = sum(our_scores[piece] for text in texts for piece in ours.pieces(text))
    their_likelihood = sum(their_scores[piece] for text in texts for piece in theirs.encode(text).tokens)
    assert our_likelihood > 1.02 * their_likelihood  # both negative


SCRIPT = """
import random
from attendo.tokenization import train_bpe, train_unigram
from hashlib import sha256
draw = random.Random(5)
parts = ["ka", "to", "mi", "un", "ge", "ß", "中"]
words = ["".join(draw.choices(parts, k=draw.randint(1, 4))) for _ in range(400)]
texts = [" ".join(draw.choices(words, k=9)) for _ in range(300)]
bpe = train_bpe(texts, vocabulary_size=150, lowercase=False, minimum_count=1, byte_fallback=False)
unigram = train_unigram(texts, vocabulary_size=150, lowercase=False, byte_fallback=False)
print(*(sha256(one.to_dict()["tokenizer"].encode()).hexdigest() for one in (bpe, unigram)))
"""


def test_training_gives_the_same_tokenizer_in_every_process():
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].split()) == 2
