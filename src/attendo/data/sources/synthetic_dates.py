"""Dates as people write them, with their ISO form: translation that needs no download."""

import datetime
import random
import re
from collections.abc import Iterator, Sequence

from attendo.data.sources.generated import belongs, check_sizes, rows_digest
from attendo.data.sources.rows import Row

HELD_OUT = 10  # of so many years, one

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
SHORT_MONTHS = (
    "Jan.",
    "Feb.",
    "Mar.",
    "Apr.",
    "May",
    "Jun.",
    "Jul.",
    "Aug.",
    "Sept.",
    "Oct.",
    "Nov.",
    "Dec.",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

FORMATS = (
    "{day} {month} {year}",
    "{day} {month}, {year}",
    "{day} {short_month} {year}",
    "{month} {day}, {year}",
    "{month} {day} {year}",
    "{short_month} {day}, {year}",
    "{month} {ordinal}, {year}",
    "{month} the {ordinal}, {year}",
    "the {ordinal} of {month} {year}",
    "the {ordinal} of {month}, {year}",
    "{ordinal} {month} {year}",
    "{weekday}, {day} {month} {year}",
    "{weekday}, {month} {day}, {year}",
    "{weekday}, {short_month} {day}, {year}",
    "{weekday} {ordinal} {month} {year}",
    "{weekday} the {ordinal} of {month} {year}",
    "{short_weekday}, {day} {bare_month} {year}",
    "{short_weekday} {day} {bare_month} {year}",
    "{day}-{bare_month}-{year}",
    "{bare_month} {day} {year}",
    "{year} {month} {day}",
    "{year}-{month_number:02}-{day:02}",
    "{year}/{month_number:02}/{day:02}",
)
# Day and month could be mistaken for each other, so these are for days that are no month.
LATE_DAY_FORMATS = (
    "{day}.{month_number:02}.{year}",
    "{day}.{month_number}.{year}",
    "{day}/{month_number:02}/{year}",
    "{day}-{month_number:02}-{year}",
    "{month_number}/{day}/{year}",
    "{month_number:02}/{day}/{year}",
)


class SyntheticDates:
    """Unambiguous English dates (source) and their ISO form (target): "the 3rd of May 1987", "1987-05-03".

    Years are written with four digits; a weekday that is written is the right one. No source text stands in
    two splits.

    Args:
        train, validation, test: number of examples.
        seed: decides every example.
        held_out_years: whether the years of the test split (a tenth of all) occur in no other split, so
            that a model must have learned to copy them.
        years: the first and the last.
        spaced: whether spaces are between words, numbers and marks ("5 . 3 . 2019", "2019 - 03 - 05"), so
            that a year is a token of its own for models of words.

    Raises:
        ValueError: there are too few years, or some without four digits.
    """

    roles: tuple[str, ...] = ("source", "target")

    def __init__(
        self,
        train: int,
        validation: int,
        test: int,
        seed: int,
        held_out_years: bool,
        years: Sequence[int] = (1900, 2099),
        spaced: bool = False,
    ) -> None:
        self.sizes = {"train": train, "validation": validation, "test": test}
        self.seed = seed
        self.held_out_years = held_out_years
        self.spaced = spaced
        first, last = years if len(years) == 2 else (0, 0)
        self.years = list(range(first, last + 1))
        if len(self.years) < 2 * HELD_OUT or first < 1000 or last > 9999:
            raise ValueError(
                f"years: found {list(years)}; expected the first and the last of {2 * HELD_OUT} or more, "
                "from 1000 to 9999"
            )

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
        generator = random.Random(f"dates {self.seed} {split}")
        years = self._years(split)
        number = 0
        while number < self.sizes[split]:
            date = _random_date(generator, years)
            source, target = written(date, generator), date.isoformat()
            if belongs(source, split):
                number += 1
                fields = (spaced(source), spaced(target)) if self.spaced else (source, target)
                yield Row(fields, f"synthetic dates, {split}:{number}")

    def _years(self, split: str) -> list[int]:
        if not self.held_out_years:
            return self.years
        held_out = random.Random(f"held-out years {self.seed}").sample(
            self.years, len(self.years) // HELD_OUT
        )
        return [year for year in self.years if (year in held_out) == (split == "test")]


def _random_date(generator: random.Random, years: list[int]) -> datetime.date:
    first = datetime.date(generator.choice(years), 1, 1)
    days = (datetime.date(first.year, 12, 31) - first).days + 1
    return first + datetime.timedelta(days=generator.randrange(days))


def written(date: datetime.date, generator: random.Random) -> str:
    """Return the date in one of the formats, now and then all in lower or upper case."""
    formats = FORMATS + LATE_DAY_FORMATS if date.day > 12 else FORMATS
    month, weekday = MONTHS[date.month - 1], WEEKDAYS[date.weekday()]
    text = generator.choice(formats).format(
        day=date.day,
        ordinal=ordinal(date.day),
        month=month,
        short_month=SHORT_MONTHS[date.month - 1],
        bare_month=month[:3],
        month_number=date.month,
        weekday=weekday,
        short_weekday=weekday[:3],
        year=date.year,
    )
    return generator.choices((text, text.lower(), text.upper()), weights=(8, 1, 1))[0]


def spaced(text: str) -> str:
    """Return the text with spaces between words, numbers and marks."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text))


def ordinal(number: int) -> str:
    """Return "1st", "2nd", "3rd", "4th" …, for days of a month."""
    suffix = "th" if 11 <= number <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
