"""The generators: right labels by an independent road, and difficulty where it is meant to be."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from dateutil import parser
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from attendo.data.sources import Review, Source, SyntheticDates, SyntheticSentiment

SPLITS = ("train", "validation", "test")
POSITIVE = {
    *("wonderful", "brilliant", "moving", "gripping", "charming", "funny", "clever", "beautiful"),
    *("delightful", "superb", "fresh", "stunning", "touching", "convincing", "memorable", "excellent"),
    *("elegant", "thrilling", "engaging", "inventive"),
}


@pytest.fixture(scope="module")
def sentiment() -> SyntheticSentiment:
    return SyntheticSentiment(train=6000, validation=600, test=1000, seed=3)


@pytest.fixture(scope="module")
def dates() -> SyntheticDates:
    return SyntheticDates(train=5000, validation=600, test=600, seed=3, held_out_years=True)


def sources() -> Iterator[Source]:
    yield SyntheticSentiment(train=60, validation=20, test=40, seed=3)
    yield SyntheticDates(train=60, validation=20, test=40, seed=3, held_out_years=False)


@pytest.mark.parametrize("source", list(sources()), ids=lambda source: type(source).__name__)
def test_the_seed_decides_everything(source: Source) -> None:
    arguments = {"held_out_years": False} if isinstance(source, SyntheticDates) else {}
    source.check("train")
    same = type(source)(train=60, validation=20, test=40, seed=3, **arguments)  # type: ignore[call-arg]
    other = type(source)(train=60, validation=20, test=40, seed=4, **arguments)  # type: ignore[call-arg]
    for split, size in zip(SPLITS, (60, 20, 40), strict=True):
        assert source.has(split)
        assert list(source.rows(split)) == list(same.rows(split)) != list(other.rows(split))
        assert len(list(source.rows(split))) == size
        assert source.fingerprint(split) == same.fingerprint(split) != other.fingerprint(split)
    assert len({source.fingerprint(split) for split in SPLITS}) == 3


@pytest.mark.parametrize("name", ["sentiment", "dates"])
def test_no_text_stands_in_two_splits(name: str, request: pytest.FixtureRequest) -> None:
    source: Source = request.getfixturevalue(name)
    train, validation, test = ({row.fields[0] for row in source.rows(split)} for split in SPLITS)
    assert not train & validation and not train & test and not validation & test


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="validation: found 0 examples, expected at least 1"):
        SyntheticSentiment(train=1, validation=0, test=1, seed=0).check("train")
    with pytest.raises(ValueError, match="train: found -5 examples"):
        SyntheticDates(train=-5, validation=1, test=1, seed=0, held_out_years=False).check("train")


def test_reviews_are_balanced_and_of_moderate_length(sentiment: SyntheticSentiment) -> None:
    reviews = list(sentiment.generate("train"))
    assert Counter(review.label for review in reviews) == {"negative": 3000, "positive": 3000}
    lengths = [len(review.text.split()) for review in reviews]
    assert 8 <= min(lengths) <= 12 and 38 <= max(lengths) <= 40
    assert all(re.fullmatch(r"([A-Za-z]+|[.,;])( ([A-Za-z]+|[.,;]))*", review.text) for review in reviews)
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiou]", review.text) for review in reviews)
    assert [row.fields for row in sentiment.rows("train")] == [
        (review.text, review.label) for review in reviews
    ]


def opinions_in(review: Review) -> Iterator[bool]:
    """Yield for each clause of the evidence whether it praises, by counting its negators."""
    words = review.text.lower().split()
    negations = 0
    for index in review.evidence:
        if words[index] in {"not", "never", "hardly", "scarcely", "nobody", "nothing", "anything"}:
            negations += 1
        elif words[index] != "but":
            yield (words[index] in POSITIVE) != (negations % 2 == 1)
            negations = 0


def test_the_evidence_alone_gives_the_label(sentiment: SyntheticSentiment) -> None:
    for review in sentiment.generate("test"):
        opinions = list(opinions_in(review))
        assert opinions == [review.label == "positive"] * len(opinions) != []


def test_removing_the_evidence_removes_the_label(sentiment: SyntheticSentiment) -> None:
    def rest(review: Review) -> str:
        return " ".join(word for i, word in enumerate(review.text.split()) if i not in review.evidence)

    train, test = (list(sentiment.generate(split)) for split in ("train", "test"))
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=300))
    model.fit([rest(review) for review in train], [review.label for review in train])
    assert model.score([rest(review) for review in test], [review.label for review in test]) < 0.58


def test_counting_words_does_not_solve_the_reviews(sentiment: SyntheticSentiment) -> None:
    (texts, labels), (test_texts, test_labels) = (
        zip(*(row.fields for row in sentiment.rows(split)), strict=True) for split in ("train", "test")
    )
    model = make_pipeline(CountVectorizer(), LogisticRegression(max_iter=300)).fit(texts, labels)
    assert model.score(test_texts, test_labels) < 0.7


def test_every_date_is_the_one_that_dateutil_reads(dates: SyntheticDates) -> None:
    for split in SPLITS:
        for row in dates.rows(split):
            source, target = row.fields
            plain = re.sub(r"(?i)\b(the|of)\b", " ", source)
            assert parser.parse(plain).date().isoformat() == target, row


def test_every_written_weekday_is_the_right_one(dates: SyntheticDates) -> None:
    named = [row.fields for row in dates.rows("train") if "day" in row.fields[0].lower()]
    assert len(named) > 500
    for source, target in named:
        assert parser.parse(target).strftime("%A").lower() in source.lower()


def test_no_date_could_be_read_in_another_way(dates: SyntheticDates) -> None:
    for row in dates.rows("train"):
        numbers = re.fullmatch(r"(\d+)[./-](\d+)[./-]\d{4}", row.fields[0])
        assert numbers is None or max(int(numbers[1]), int(numbers[2])) > 12, row


def test_held_out_years_occur_in_the_test_split_only() -> None:
    def years(held_out: bool, split: str) -> set[str]:
        source = SyntheticDates(train=4000, validation=4000, test=4000, seed=1, held_out_years=held_out)
        return {row.fields[1][:4] for row in source.rows(split)}

    assert years(True, "train") == years(True, "validation")
    assert len(years(True, "test")) == 20 and not years(True, "test") & years(True, "train")
    assert years(False, "test") == years(False, "train")
    assert len(years(False, "train")) == 200


def test_spaced_dates_are_the_same_dates_with_the_year_as_a_word(dates: SyntheticDates) -> None:
    spaced = SyntheticDates(train=500, validation=1, test=1, seed=3, held_out_years=True, spaced=True)
    for row, plain in zip(spaced.rows("train"), dates.rows("train"), strict=False):
        assert [text.replace(" ", "") for text in row.fields] == [
            text.replace(" ", "") for text in plain.fields
        ]
        source, target = (text.split() for text in row.fields)
        year, first, month, second, day = target
        assert (first, second) == ("-", "-") and len(year) == 4 and len(month) == len(day) == 2
        assert source.count(year) == 1
        assert all(word.isalnum() or len(word) == 1 for word in source)


def test_of_many_years_most_are_too_rare_to_be_known_and_only_years_are() -> None:
    many = SyntheticDates(10000, 1, 1000, seed=1, held_out_years=True, years=[1000, 2999], spaced=True)
    train, test = ([row.fields for row in many.rows(split)] for split in ("train", "test"))
    counts = Counter(word.lower() for pair in train for text in pair for word in text.split())
    rare = {word for word, count in counts.items() if count < 15}
    assert all(re.fullmatch(r"[12]\d{3}", word) for word in rare)
    has_rare = sum(target[:4] in rare for _, target in train)
    assert 0.5 < has_rare / len(train) < 0.9
    assert not any(target[:4] in counts for _, target in test)
    assert all(
        word.lower() in counts
        for pair in test
        for text in pair
        for word in text.split()
        if len(word) != 4 or not word.isdigit()
    )


@pytest.mark.parametrize("years", [[], [1900], [1900, 1910], [999, 1100], [2000, 10000], [2000, 1900]])
def test_years_that_make_no_sense_are_refused(years: list[int]) -> None:
    with pytest.raises(
        ValueError, match=r"years: found \[.*\]; expected the first and the last of 20 or more"
    ):
        SyntheticDates(1, 1, 1, seed=0, held_out_years=False, years=years)
