"""Lines on the terminal, through the rich console of the progress bar, which they would tear otherwise."""

import logging
import os
import sys

from rich import get_console
from rich.console import Console

ERRORS = Console(stderr=True)


def discard_output() -> None:
    """What is written to standard output from now on, and what waits to be, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class ConsoleHandler(logging.Handler):
    """Prints records as they are, without wrapping; warnings and errors begin with their level.

    Args:
        to_stderr: all of them, not only warnings and errors: the command's answers go to standard output.
    """

    def __init__(self, to_stderr: bool = False) -> None:
        super().__init__()
        self.to_stderr = to_stderr

    def emit(self, record: logging.LogRecord) -> None:
        line, console = self.format(record), ERRORS if self.to_stderr else get_console()
        if record.levelno >= logging.WARNING:
            line, console = f"{record.levelname.lower()}: {line}", ERRORS
        try:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        except OSError:
            self.handleError(record)
