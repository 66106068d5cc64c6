"""Where files of unequal length part: told where lengths tell, and not a word where they do not."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from attendo.data.sources import ParallelFiles
from attendo.data.sources.parting import costs_by_place, parting

Sides = tuple[list[int], list[int]]


def translations(generator: random.Random, count: int) -> Sides:
    """Lengths of sentences and of their translations, spread as those of Multi30k are."""
    first = [generator.lognormvariate(4.1, 0.35) for _ in range(count)]
    return [round(length) for length in first], [
        round(1.2 * length * generator.lognormvariate(0, 0.16)) for length in first
    ]


def without(lengths: list[int], lines: list[int]) -> list[int]:
    return [length for line, length in enumerate(lengths, start=1) if line not in lines]


@pytest.mark.parametrize("count", [80, 500, 5000])
@pytest.mark.parametrize("missing", [1, 3])
def test_the_first_missing_line_is_in_the_answer(count: int, missing: int) -> None:
    generator, found = random.Random(count), 0
    for _ in range(20):
        first, second = translations(generator, count)
        lines = generator.sample(range(1, count + 1), missing)
        sides = (
            [without(first, lines), second] if generator.random() < 0.5 else [first, without(second, lines)]
        )
        answer = parting(*sides)
        assert answer is None or answer[0] <= min(lines) <= answer[1]
        found += answer is not None
    assert found >= (17 if missing == 1 else 10)


def unrelated(generator: random.Random) -> Sides:
    first, second = translations(generator, 600)
    generator.shuffle(second)
    return first, second[:-1]


def second_half_unrelated(generator: random.Random) -> Sides:
    first, second = translations(generator, 600)
    tail = generator.sample(second[300:], 299)
    return first, second[:300] + tail


def missing_on_both_sides(generator: random.Random) -> Sides:
    first, second = translations(generator, 600)
    return without(first, [100]), without(second, [300, 500])  # they part at 100, where the longer one lacks


def all_as_long(generator: random.Random) -> Sides:
    return [5] * 600, [4] * 599


def few_lines(generator: random.Random) -> Sides:
    first, second = translations(generator, 30)
    return first, second[1:]


def much_missing(generator: random.Random) -> Sides:
    first, second = translations(generator, 600)
    return first, second[:300]


@pytest.mark.parametrize(
    "sides",
    [unrelated, second_half_unrelated, missing_on_both_sides, all_as_long, few_lines, much_missing],
)
def test_nothing_is_said_where_lengths_do_not_tell(sides: Callable[[random.Random], Sides]) -> None:
    answers = [parting(*sides(random.Random(seed))) for seed in range(40)]
    assert answers == [None] * 40


def test_the_cost_of_a_place_is_that_of_the_best_alignment_by_brute_force() -> None:
    generator = np.random.default_rng(0)
    for missing, count in ((1, 5), (2, 5), (3, 4)):
        unlike = list(generator.random((missing + 1, count)))

        def best(line: int, skipped: int, unlike: list = unlike) -> float:
            if line == len(unlike[0]):
                return 0.0
            stay = unlike[skipped][line] + best(line + 1, skipped)
            return stay if skipped == len(unlike) - 1 else min(stay, best(line, skipped + 1))

        expected = [unlike[0][:place].sum() + best(place, 1) for place in range(count + 1)]
        np.testing.assert_allclose(costs_by_place(unlike), expected, rtol=1e-12)


def test_the_message_names_the_lines_of_the_longer_file(tmp_path: Path) -> None:
    first, second = translations(random.Random(3), 400)
    paths = tmp_path / "a.de", tmp_path / "a.en"
    for path, lengths in zip(paths, (first, without(second, [200])), strict=True):
        path.write_text("".join("x" * length + "\n" for length in lengths))
    for source, target in (paths, paths[::-1]):
        with pytest.raises(ValueError, match="400") as caught:
            list(ParallelFiles(train=(source, target)).rows("train"))
        lines = re.search(r"a\.en lacks one of the lines (\d+) to (\d+) of .*a\.de$", str(caught.value))
        assert lines is not None and int(lines[1]) <= 200 <= int(lines[2])


@pytest.mark.real_data
@pytest.mark.slow
def test_a_line_that_multi30k_lacks_is_found(corpora: Path) -> None:
    texts = [(corpora / "multi30k" / f"train.{side}").read_text("utf-8") for side in ("de", "en")]
    german, english = ([len(line) for line in text.splitlines()] for text in texts)
    generator = random.Random(0)
    for _ in range(50):
        line = generator.randint(1, len(german))
        answer = parting(german, without(english, [line]))
        assert answer is not None and answer[0] <= line <= answer[1]
