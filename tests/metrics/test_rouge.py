"""ROUGE against Google's rouge-score, and where that has nothing to say."""

import random
import sys

import pytest
from absl.logging import get_absl_handler
from rouge_score.rouge_scorer import RougeScorer

from attendo.metrics import Rouge
from attendo.metrics.rouge import lcs_places, lcs_rows
from attendo.metrics.words import words

# When rouge-score is imported, its logger takes pytest's stream, which Hydra's logging would have it close.
get_absl_handler().python_handler.stream = sys.__stderr__

NAMES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
WORDS = [
    "the",
    "a",
    "cat",
    "dog's",
    "sat,",
    "on",
    "mat.",
    "2019",
    "well-known",
    "BIG",
    "e.g.",
    "x_y",
    "don't",
]


def summary(generator: random.Random) -> str:
    """Lines of few different words, some of them empty."""
    lines = [generator.choices(WORDS, k=generator.randint(0, 12)) for _ in range(generator.randint(0, 5))]
    return "\n".join(" ".join(line) for line in lines)


@pytest.mark.parametrize("count", [1, 3])
def test_on_english_the_scores_are_those_of_rouge_score(count: int) -> None:
    generator, scorer = random.Random(count), RougeScorer(NAMES)
    hypotheses = [summary(generator) for _ in range(40)]
    references = [[summary(generator) for _ in range(count)] for _ in hypotheses]
    theirs = [scorer.score_multi(row, text) for text, row in zip(hypotheses, references, strict=True)]
    ours = Rouge()(hypotheses, references).values
    assert list(ours) == NAMES
    for name in NAMES:
        mean = sum(scores[name].fmeasure for scores in theirs) / len(theirs)
        assert ours[name] == pytest.approx(mean, abs=1e-12) and 0.1 < mean < 0.9
    assert ours["rougeLsum"] > ours["rougeL"] + 0.01


def test_line_breaks_alone_make_the_difference_between_the_last_two() -> None:
    reference = "the dog sleeps .\nthe cat runs ."
    in_other_order = Rouge()(["the cat runs .\nthe dog sleeps ."], [[reference]]).values
    assert in_other_order["rougeLsum"] == 1.0 and in_other_order["rougeL"] == 0.5
    on_one_line = Rouge()(["the cat runs . the dog sleeps ."], [[reference.replace("\n", " ")]]).values
    assert on_one_line["rougeLsum"] == on_one_line["rougeL"] == 0.5


def test_the_best_reference_counts_for_each_score_by_itself() -> None:
    row = ["a b c d", "d c b a x y"]
    alone = [Rouge()(["d c b a"], [[reference]]).values for reference in row]
    both = Rouge()(["d c b a"], [row])
    assert both.values == {name: max(each[name] for each in alone) for name in NAMES}
    assert alone[0]["rouge1"] > alone[1]["rouge1"] and alone[0]["rougeL"] < alone[1]["rougeL"]
    assert "nrefs:2" in both.signature


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe: 3,5 naïve_x", ["Größe", "3", "5", "naïve", "x"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),  # vowel signs are marks
        ("这是2019年的iPhone手机。", ["这", "是", "2019", "年", "的", "iPhone", "手", "机"]),
        ("カーが走る", ["カ", "ー", "が", "走", "る"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ที่iPhone", ["ที่", "iPhone"]),
        ("می\u200cخواهم co\u00adop ក\u200bខ", ["میخواهم", "coop", "ក", "ខ"]),
        ("cafe\u0301", ["café"]),
        ("١٢٣ ¼", ["١٢٣", "¼"]),
        ("…", []),
    ],
)
def test_words_are_found_in_every_script(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_scripts_that_rouge_score_cannot_read_are_scored() -> None:
    hypothesis, reference = "一个女人骑着马。", "一个男人骑着马。"
    assert RougeScorer(["rouge1"]).score(reference, hypothesis)["rouge1"].fmeasure == 0.0
    scores = Rouge()([hypothesis], [[reference]]).values
    assert scores == pytest.approx({"rouge1": 6 / 7, "rouge2": 4 / 6, "rougeL": 6 / 7, "rougeLsum": 6 / 7})


@pytest.mark.parametrize(("hypothesis", "reference"), [("", ""), ("", "a"), ("a", ""), ("…\n.", "a b")])
def test_texts_without_words_score_zero(hypothesis: str, reference: str) -> None:
    assert Rouge()([hypothesis], [[reference]]).values == dict.fromkeys(NAMES, 0.0)


def test_the_table_in_bits_is_the_table_of_the_textbook() -> None:
    generator = random.Random(4)
    for _ in range(100):
        first, second = ("".join(generator.choices("abc", k=generator.randint(0, 9))) for _ in range(2))
        table = {(i, j): 0 for i in range(len(first) + 1) for j in range(len(second) + 1)}
        for i, one in enumerate(first, start=1):
            for j, other in enumerate(second, start=1):
                longest = max(table[i - 1, j], table[i, j - 1])
                table[i, j] = table[i - 1, j - 1] + 1 if one == other else longest
        rows = lcs_rows(first, second)
        assert table == {(i, j): (rows[i] & ((1 << j) - 1)).bit_count() for i, j in table}
        places = sorted(lcs_places(first, second))
        rest = iter(second)
        assert len(places) == table[len(first), len(second)] and all(first[i] in rest for i in places)
