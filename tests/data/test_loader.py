"""The background thread that builds steps ahead."""

import threading
import time
from collections.abc import Iterator

import pytest

from attendo.data.loader import StepLoader


def worker_names() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "batches"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert worker_names() == []


def pair(epoch: int, step: int) -> tuple[int, int]:
    return epoch, step


def test_steps_come_in_order_from_wherever_training_stands() -> None:
    places = iter([(0, 0, 10), (4, 7, 10), (5, 0, 3)])
    loader = StepLoader(pair, lambda: next(places), steps=10)
    assert list(loader) == [(0, step) for step in range(10)]
    assert list(loader) == [(4, 7), (4, 8), (4, 9)]
    assert list(loader) == [(5, 0), (5, 1), (5, 2)]
    assert len(loader) == 10


def test_nothing_is_asked_or_built_before_the_first_step_is_wanted() -> None:
    events: list[str] = []

    def place() -> tuple[int, int, int]:
        events.append("place")
        return 0, 0, 1

    def build(epoch: int, step: int) -> int:
        events.append("build")
        return step

    steps = iter(StepLoader(build, place, steps=1))
    time.sleep(0.02)
    assert events == [] and worker_names() == []
    assert next(steps) == 0
    assert events == ["place", "build"]
    assert list(steps) == []


def test_steps_are_built_ahead_but_not_without_limit() -> None:
    built: list[int] = []

    def build(epoch: int, step: int) -> int:
        built.append(step)
        return step

    steps = iter(StepLoader(build, lambda: (0, 0, 100), steps=100, ahead=3))
    next(steps)
    deadline = time.monotonic() + 10
    while len(built) < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(built) == 5  # one taken, three ready, one in the builder's hand
    steps.close()


@pytest.mark.parametrize("error", [ValueError("row 3 is broken"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_of_the_builder_reaches_the_consumer_in_its_turn(error: BaseException) -> None:
    def build(epoch: int, step: int) -> int:
        if step == 2:
            raise error
        return step

    steps = iter(StepLoader(build, lambda: (0, 0, 5), steps=5))
    assert [next(steps), next(steps)] == [0, 1]
    with pytest.raises(type(error)) as caught:
        next(steps)
    assert caught.value is error


@pytest.mark.parametrize("leave", ["close", "break", "raise"])
def test_the_thread_ends_when_the_consumer_leaves_early(leave: str) -> None:
    loader = StepLoader(pair, lambda: (0, 0, 1000), steps=1000)
    if leave == "close":
        steps = iter(loader)
        next(steps)
        assert worker_names() == ["batches"]
        steps.close()
    elif leave == "break":
        for _ in loader:
            break
    else:
        with pytest.raises(RuntimeError, match="out of memory"):
            for _ in loader:
                raise RuntimeError("out of memory")
    assert worker_names() == []


def test_two_iterations_at_once_do_not_disturb_each_other() -> None:
    loader = StepLoader(pair, lambda: (1, 0, 50), steps=50)
    assert list(zip(loader, loader, strict=True)) == [((1, step), (1, step)) for step in range(50)]
