"""Batches built ahead by one background thread."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class StepLoader(Generic[T]):
    """Yields the steps of an epoch, from wherever training stands.

    The place is asked for when iteration begins and nothing is remembered, so there is nothing to save and
    nothing that could get out of step after a resume.

    Args:
        build: (epoch, step in the epoch) → what the step sees.
        place: () → (epoch, first step, one past the last step).
        steps: length of an epoch, the same for all epochs.
        ahead: steps kept ready.
    """

    def __init__(
        self,
        build: Callable[[int, int], T],
        place: Callable[[], tuple[int, int, int]],
        steps: int,
        ahead: int = 4,
    ) -> None:
        self.build, self.place, self.steps, self.ahead = build, place, steps, ahead

    def __len__(self) -> int:
        return self.steps

    def state_dict(self) -> dict[str, object]:
        """Nothing. Lightning asks, and takes a loader without an answer for one that cannot be resumed."""
        return {}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Nothing."""

    def __iter__(self) -> Iterator[T]:  # a generator: nothing runs before the first next()
        epoch, start, end = self.place()
        ready: queue.Queue[T | BaseException] = queue.Queue(self.ahead)
        stopped = threading.Event()
        thread = threading.Thread(
            target=self.work, args=(epoch, range(start, end), ready, stopped), daemon=True, name="batches"
        )
        thread.start()
        try:
            for _ in range(start, end):
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            thread.join()

    def work(
        self, epoch: int, steps: range, ready: "queue.Queue[T | BaseException]", stopped: threading.Event
    ) -> None:
        try:
            for step in steps:
                if not put(self.build(epoch, step), ready, stopped):
                    return
        except BaseException as error:  # the consumer raises it
            put(error, ready, stopped)


def put(item: T, ready: "queue.Queue[T]", stopped: threading.Event) -> bool:
    """Waits for room; False if the consumer has left."""
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False
