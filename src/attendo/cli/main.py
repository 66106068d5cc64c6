"""The program ``attendo``: finds the command and hands over to its Hydra app."""

import importlib
import os
import sys
import warnings
from collections.abc import Callable

import attendo
from attendo.suggestions import did_you_mean

COMMANDS = {
    "train": "train a model, keep the best checkpoint, test it",
    "evaluate": "score a trained model",
}

# Hydra's options (and their beginnings) that print something and run nothing.
LOOKING = ("--help", "-h", "--hydra-help", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc")

USAGE = f"""attendo {attendo.__version__}: experiments with attention on text

usage: attendo COMMAND [key=value …] [-m] [--cfg job] [--help]

{chr(10).join(f"  {name:10} {what}" for name, what in COMMANDS.items())}

examples:
  attendo train                                      the classifier on built-in data
  attendo train model=transformer                    the Transformer on built-in data
  attendo train data=labelled_texts data.train=reviews.tsv data.test=test.tsv
  attendo train -m seed=1,2,3 model/encoder=lstm,gru
  attendo evaluate run=outputs/…
  attendo COMMAND --help                             options of a command
  eval "$(attendo -sc install=bash)"                 tab completion (bash)
"""


def main() -> None:
    """Runs a command. Mistakes of the user become one message and exit code 2; ours keep their traceback."""
    from attendo.cli.completion import complete, is_completion
    from attendo.cli.messages import composition_mistake, explain_errors, wants_traceback

    if is_completion(sys.argv):
        complete(COMMANDS, app_of)
        return
    command = take_command(sys.argv)
    words = sys.argv[1:] = overrides_last(sys.argv[1:])
    explain_errors()
    quiet_libraries()
    try:
        try:
            app_of(command, words)()
        finally:
            sys.stdout.flush()  # here, not when the program ends, so that a closed pipe is noticed
    except BrokenPipeError:  # whoever reads us has seen enough, as in `attendo train --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        message = None if wants_traceback() else composition_mistake(error, command, words)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)


def app_of(command: str, words: list[str]) -> Callable[[], None]:
    """The command's Hydra app; for a mere look at its configuration one that does not wait for torch."""
    import hydra

    from attendo.cli.conf import CONF

    app: Callable[[], None]
    if any(word.split("=")[0] in LOOKING for word in words):
        app = hydra.main(version_base="1.3", config_path=CONF, config_name=command)(lambda config: None)
    else:
        app = importlib.import_module(f"attendo.cli.{command}").main
    return app


def take_command(words: list[str]) -> str:
    """Removes the command from the words; ends the program if there is none."""
    if len(words) < 2 or words[1] in ("-h", "--help", "help"):
        asked = len(words) > 1
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        sys.exit(0 if asked else 2)
    if words[1] in ("-V", "--version"):
        print(f"attendo {attendo.__version__}")
        sys.exit(0)
    if words[1] not in COMMANDS:
        known = ", ".join(COMMANDS)
        hint = did_you_mean(words[1], COMMANDS)
        print(f"error: there is no command {words[1]!r} ({known}).{hint}", file=sys.stderr)
        sys.exit(2)
    return words.pop(1)


def overrides_last(words: list[str]) -> list[str]:
    """Hydra wants its --options before or after all overrides, not among them."""
    overrides = [word for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]
    return [word for word in words if word not in overrides] + overrides


def quiet_libraries() -> None:
    """Silences warnings of Lightning that do not apply to us."""
    for pattern in (".*does not have many workers.*", ".*The number of training batches.*", ".*LeafSpec.*"):
        warnings.filterwarnings("ignore", pattern)
