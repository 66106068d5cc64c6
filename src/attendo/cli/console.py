"""Lines on the terminal, through the rich console of the progress bar, which they would tear otherwise."""

import logging

from rich import get_console
from rich.console import Console

ERRORS = Console(stderr=True)


class ConsoleHandler(logging.Handler):
    """Prints records as they are, without wrapping; warnings and errors begin with their level."""

    def emit(self, record: logging.LogRecord) -> None:
        line, console = self.format(record), get_console()
        if record.levelno >= logging.WARNING:
            line, console = f"{record.levelname.lower()}: {line}", ERRORS
        try:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        except OSError:
            self.handleError(record)
