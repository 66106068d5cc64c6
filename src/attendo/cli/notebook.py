"""``attendo.train``: the command as a function, for Python and notebooks."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import hydra

from attendo.checkpoint import Interrupted
from attendo.cli.conf import CONF
from attendo.cli.main import quiet_libraries
from attendo.cli.messages import composition_mistake, explain_errors
from attendo.cli.outcome import Outcome
from attendo.cli.resume import resumed
from attendo.cli.train import start
from attendo.cli.words import check_words, with_quotes
from attendo.predictor import Classifier, Translator, load


@dataclass(frozen=True)
class Run(Outcome):
    """A finished training: its folder, its scores, and its best checkpoint ready for use."""

    @cached_property
    def predictor(self) -> Classifier | Translator:
        """The model of the best checkpoint (the last one, where no best was kept)."""
        names = [
            name for name in ("best", "last") if (self.folder / "checkpoints" / f"{name}.ckpt").is_file()
        ]
        return load(self.folder, names[0] if names else "best")


def train(*overrides: str) -> Run:
    """Trains a model as ``attendo train`` does with the same words: ``attendo.train("data=imdb", "seed=2")``.

    Args:
        overrides: ``key=value`` each, ``resume=…`` among them; no options that begin with a dash.

    Raises:
        ValueError, FileNotFoundError: what the command would refuse, with the same message.
        KeyboardInterrupt: training was interrupted; it was saved before, and resume= goes on with it.
    """
    if dashed := [word for word in overrides if word.startswith("-")]:
        raise ValueError(f"{dashed[0]}: expected key=value; sweeps (-m) are for the command line")
    outcomes: list[Outcome] = []
    check_words("train", overrides)
    words = resumed(with_quotes(list(overrides)))
    typed = [word for word in words if "=" in word and not word.startswith(("-", "hydra."))]
    app = hydra.main(version_base="1.3", config_path=CONF, config_name="train")(
        lambda config: outcomes.append(start(config, typed))
    )
    with as_command(["attendo", *words]), own_logging():
        try:
            app()
        except Interrupted as end:
            raise KeyboardInterrupt("training was interrupted and saved") from end
        except Exception as error:
            message = composition_mistake(error, "train", words)
            if message is None or type(error) in (ValueError, FileNotFoundError):
                raise
            raise ValueError(message) from None  # of Hydra's and Lightning's own kinds
    return Run(**vars(outcomes[0]))


@contextmanager
def as_command(words: list[str]) -> Iterator[None]:
    """Hydra reads the program's words, and raises its errors only where an environment variable says so."""
    argv, environment = sys.argv, dict(os.environ)
    sys.argv = words
    explain_errors()
    try:
        with warnings.catch_warnings():
            quiet_libraries()
            yield
    finally:
        sys.argv = argv
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)


@contextmanager
def own_logging() -> Iterator[None]:
    """Takes back what a Hydra app does to the root logger."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        for handler in root.handlers:
            if handler not in handlers:
                handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
