"""SIGTERM and Ctrl-C: the first asks training to stop, the second stops it."""

import contextlib
import logging
import signal
import threading
from types import FrameType
from typing import Any

log = logging.getLogger(__name__)

WATCHED = (signal.SIGTERM, signal.SIGINT)


class Interrupted(SystemExit):
    """A signal ends the program; the code is 128 + its number, as shells have it."""


class SignalWatch:
    """Remembers the first signal between ``start`` and ``stop``; the second raises ``Interrupted`` at once.

    Only the main thread can watch; elsewhere (in some notebooks) signals do what they did before.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.before: dict[int, Any] = {}

    def start(self) -> None:
        if threading.current_thread() is threading.main_thread() and not self.before:
            self.received = None
            # What is ignored stays so: a shell script's background jobs do not hear the script's Ctrl-C.
            heard = [number for number in WATCHED if signal.getsignal(number) != signal.SIG_IGN]
            self.before = {number: signal.signal(number, self.handle) for number in heard}

    def stop(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise Interrupted(128 + number)
        self.received = number
        with contextlib.suppress(RuntimeError):  # a stream that was being written to when the signal came
            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
            log.warning("%s: finishing the step and saving it; a second one stops at once", name)
