"""How far ``attendo predict`` has come, on standard error."""

import logging
import time
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from attendo.cli.console import ERRORS

log = logging.getLogger(__name__)

LINE_SECONDS = 10  # between lines, where there is no terminal


class AnswerProgress:
    """A moving bar on a terminal, a line every few seconds elsewhere.

    Args:
        total: texts that will be answered, or None if nobody knows.
        is_shown: False for a command that says nothing.
    """

    def __init__(self, total: int | None, is_shown: bool) -> None:
        self.total, self.is_shown, self.done = total, is_shown, 0
        self.started = self.last_line = time.perf_counter()
        facts = TextColumn("{task.completed:,.0f} texts  {task.fields[speed]}")
        self.bar = Progress(BarColumn(), facts, TimeRemainingColumn(), console=ERRORS, transient=True)
        self.task = self.bar.add_task("", total=total, speed="")

    def __enter__(self) -> "AnswerProgress":
        if self.is_shown and ERRORS.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_shown and ERRORS.is_terminal:  # a bar that never moved would leave an empty line behind
            self.bar.stop()
        if self.is_shown and error is None:
            log.info("%s texts  %s", f"{self.done:,}", self.speed)

    def add(self, count: int) -> None:
        """So many more texts are answered."""
        self.done += count
        self.bar.update(self.task, completed=self.done, speed=self.speed)
        if self.is_shown and not ERRORS.is_terminal and time.perf_counter() - self.last_line > LINE_SECONDS:
            self.last_line = time.perf_counter()
            of = f" of {self.total:,}" if self.total else ""
            log.info("%s texts%s  %s", f"{self.done:,}", of, self.speed)

    @property
    def speed(self) -> str:
        return f"{self.done / (time.perf_counter() - self.started):,.0f} texts/s"
