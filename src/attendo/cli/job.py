"""What the jobs of all commands have in common: how they end when something is wrong."""

import functools
import logging
import signal
import sys
from collections.abc import Callable
from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from attendo.cli.messages import AlreadyTold, mistake, wants_traceback

log = logging.getLogger(__name__)

T = TypeVar("T")


def job(function: Callable[[DictConfig], T]) -> Callable[[DictConfig], T]:
    """Logs a mistake of the user as one message and ends the program with exit code 2.

    In a sweep, whatever goes wrong is logged at once and then left to Hydra, which runs the other jobs and
    fails in the end.
    """
    command = function.__module__.rpartition(".")[2].removesuffix("_run")

    @functools.wraps(function)
    def run(config: DictConfig) -> T:
        if sys.argv[1:2] != [command]:  # Hydra has read the words; whoever starts us anew needs all of them
            sys.argv.insert(1, command)
        try:
            return function(config)
        except SystemExit as end:
            if isinstance(end.__context__, KeyboardInterrupt):  # Lightning makes exit code 1 of it
                raise end.__context__ from None
            if type(end).__name__ == "SIGTERMException":  # and exit code 0 of this one
                log.warning("stopped by SIGTERM")
                raise SystemExit(128 + signal.SIGTERM) from None
            raise
        except Exception as error:
            message = None if wants_traceback() else mistake(error)
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                log.error("%s", message or error, exc_info=message is None)
                if message is not None:
                    raise AlreadyTold(message) from error
                raise
            if message is None:
                raise
            log.error("%s", message)
            sys.exit(2)

    return run
