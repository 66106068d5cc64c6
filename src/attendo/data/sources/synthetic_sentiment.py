"""Film reviews from a small grammar: sentiment whose deciding words are known."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from attendo.data.sources.generated import belongs, check_sizes, rows_digest
from attendo.data.sources.rows import Row

LABELS = ("negative", "positive")
SHORTEST, LONGEST = 8, 40  # words and punctuation marks

OPINIONS = {
    "positive": (
        *("wonderful", "brilliant", "moving", "gripping", "charming", "funny", "clever", "beautiful"),
        *("delightful", "superb", "fresh", "stunning", "touching", "convincing", "memorable", "excellent"),
        *("elegant", "thrilling", "engaging", "inventive"),
    ),
    "negative": (
        *("awful", "boring", "dull", "clumsy", "terrible", "weak", "tedious", "messy"),
        *("shallow", "silly", "bland", "dreadful", "lifeless", "confusing", "forgettable", "wooden"),
        *("predictable", "painful", "disappointing", "annoying"),
    ),
}
ASPECTS = ("film", "story", "plot", "acting", "cast", "script", "ending", "dialogue", "direction", "humour")
OTHERS = ("cinema", "popcorn", "trailer", "poster", "book", "audience", "queue", "weather", "hotel", "sequel")
PEOPLE = ("brother", "sister", "neighbour", "teacher", "boss", "friend", "daughter", "uncle")

# In the clauses that decide, "*" marks the evidence: the opinion word and what negates it.
AFFIRMED = (
    "the ASPECT was *OPINION",
    "the ASPECT was really *OPINION",
    "the ASPECT is *OPINION throughout",
    "I found the ASPECT *OPINION",
    "to me the ASPECT was *OPINION",
    "it had a truly *OPINION ASPECT",
    "this is a *OPINION film",
)
NEGATED = (
    "the ASPECT was *not *OPINION",
    "the ASPECT was *never *OPINION",
    "the ASPECT is *hardly *OPINION",
    "the ASPECT was *scarcely *OPINION at all",
    "the ASPECT was *anything *but *OPINION",
    "I did *not find the ASPECT *OPINION",
    "I would *never call the ASPECT *OPINION",
    "*nobody could call the ASPECT *OPINION",
    "*nothing about the ASPECT was *OPINION",
    "this is *not a *OPINION film",
)
# Opinions on something else, of somebody else, or of a film that might have been: they decide nothing.
DISTRACTORS = (
    "the OTHER was OPINION",
    "the OTHER was really OPINION",
    "the OTHER was not OPINION",
    "the OTHER was never OPINION",
    "the OTHER was hardly OPINION",
    "nothing about the OTHER was OPINION",
    "my PERSON found the ASPECT OPINION",
    "my PERSON did not find it OPINION",
    "my PERSON would never call the ASPECT OPINION",
    "some people called the ASPECT OPINION",
    "I had expected a OPINION film",
    "I had feared that the ASPECT would not be OPINION",
    "the trailer had promised a OPINION film",
    "the film we saw last week was OPINION",
    "the film we saw last week was not OPINION",
    "if it had been OPINION , I would have told you",
)
NEUTRAL = (
    "we saw it on a Tuesday evening",
    "it runs for two hours",
    "the story is set in a small town",
    "I had not read anything about it",
    "my PERSON came along",
    "it never leaves the city",
    "it was shown with subtitles",
    "the cast is from Norway",
)
CONNECTORS = (".", ".", ", and", ", but", ";")

Word: TypeAlias = tuple[str, bool]  # the word, and whether it is evidence


@dataclass(frozen=True)
class Review:
    """A review and why it has its label.

    Args:
        text: words and punctuation marks with one space between.
        label: "negative" or "positive".
        evidence: ascending 0-based indices into ``text.split()`` of the deciding words: every opinion of
            the reviewer on the film, and what negates it.
    """

    text: str
    label: str
    evidence: tuple[int, ...]


class SyntheticSentiment:
    """Film reviews whose label counting words cannot find.

    One or two clauses hold the reviewer's opinion on the film, half of them negated; others hold opinions
    that decide nothing, or none. Labels are balanced, 8 to 40 words and punctuation marks make a review,
    and no text stands in two splits.

    Without distractors and negation, every opinion word speaks for the label: a bag of words can decide.

    Args:
        train, validation, test: number of examples.
        seed: decides every example.
        distractors: whether there are opinions that decide nothing.
        negation: whether opinions are negated.
    """

    roles: tuple[str, ...] = ("text", "label")

    def __init__(
        self,
        train: int,
        validation: int,
        test: int,
        seed: int,
        distractors: bool = True,
        negation: bool = True,
    ) -> None:
        self.sizes = {"train": train, "validation": validation, "test": test}
        self.seed, self.distractors, self.negation = seed, distractors, negation

    def check(self, split: str) -> None:
        """Check the sizes."""
        check_sizes(self.sizes)

    def has(self, split: str) -> bool:
        """Return whether the split exists: all three do."""
        return split in self.sizes

    def fingerprint(self, split: str) -> str:
        """Return a hash of the examples."""
        return rows_digest(self.rows(split))

    def rows(self, split: str) -> Iterator[Row]:
        """Yield the examples of a split."""
        for number, review in enumerate(self.generate(split), start=1):
            yield Row((review.text, review.label), f"synthetic sentiment, {split}:{number}")

    def generate(self, split: str) -> Iterator[Review]:
        """Yield the examples of a split with their evidence."""
        generator = random.Random(f"sentiment {self.seed} {split}")
        labels = [LABELS[index % 2] for index in range(self.sizes[split])]
        generator.shuffle(labels)
        for label in labels:
            review = self._random_review(label, generator)
            while not (SHORTEST <= len(review.text.split()) <= LONGEST and belongs(review.text, split)):
                review = self._random_review(label, generator)
            yield review

    def _random_review(self, label: str, generator: random.Random) -> Review:
        count = generator.choice((1, 1, 2))
        clauses = [_deciding_clause(label, self.negation, generator) for _ in range(count)]
        for template in generator.sample(DISTRACTORS, generator.choice((1, 2, 2)) if self.distractors else 0):
            clauses.append(_clause(template, generator.choice(LABELS), generator))
        for template in generator.sample(NEUTRAL, generator.choice((0, 1, 2))):
            clauses.append(_clause(template, label, generator))
        generator.shuffle(clauses)
        words = _sentences(clauses, generator)
        evidence = tuple(index for index, (_, is_evidence) in enumerate(words) if is_evidence)
        return Review(" ".join(word for word, _ in words), label, evidence)


def _deciding_clause(label: str, negation: bool, generator: random.Random) -> list[Word]:
    if not negation or generator.random() < 0.5:
        return _clause(generator.choice(AFFIRMED), label, generator)
    opposite = LABELS[1 - LABELS.index(label)]
    return _clause(generator.choice(NEGATED), opposite, generator)


def _clause(template: str, opinion: str, generator: random.Random) -> list[Word]:
    fillers = {"OPINION": OPINIONS[opinion], "ASPECT": ASPECTS, "OTHER": OTHERS, "PERSON": PEOPLE}
    words: list[Word] = []
    for slot in template.split():
        name = slot.removeprefix("*")
        word = generator.choice(fillers[name]) if name in fillers else name
        if words and words[-1][0] == "a" and word[0] in "aeiou":
            words[-1] = ("an", False)
        words.append((word, slot.startswith("*")))
    return words


def _sentences(clauses: list[list[Word]], generator: random.Random) -> list[Word]:
    words: list[Word] = []
    for clause in clauses:
        connector = generator.choice(CONNECTORS).split() if words else []
        words += [(mark, False) for mark in connector]
        if not words or words[-1][0] == ".":
            first, is_evidence = clause[0]
            clause = [(first[0].upper() + first[1:], is_evidence), *clause[1:]]
        words += clause
    return [*words, (".", False)]
