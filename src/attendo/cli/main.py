"""The program ``attendo``: finds the command and hands over to its Hydra app."""

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Callable
from io import TextIOWrapper

import attendo
from attendo.suggestions import did_you_mean

COMMANDS = {
    "train": "train a model, keep the best checkpoint, test it",
    "evaluate": "score a trained model",
    "predict": "label or translate new text",
    "explain": "show where a classifier looks: a page, heat maps, raw weights",
    "inspect": "look at the data and the model before training",
    "score": "say how probable a translator finds given pairs",
    "import": "make a run of a Marian (Opus-MT) model",
}
MODULES = {"import": "import_run"}  # where a command is a word of Python

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
  attendo train resume=outputs/…                     go on with a run that was interrupted
  attendo evaluate run=outputs/…
  attendo predict run=outputs/… input=new.txt output=answers.tsv
  attendo explain run=outputs/… input=reviews.txt
  attendo inspect data=labelled_texts data.train=reviews.tsv
  attendo score run=outputs/… input=[test.en,test.de]
  attendo import marian=opus-mt-en-de
  attendo COMMAND --help                             options of a command
  eval "$(attendo -sc install=bash)"                 tab completion (bash)
"""


def main() -> None:
    """Runs a command. Mistakes of the user become one message and exit code 2; ours keep their traceback."""
    from attendo.cli.completion import complete, is_completion
    from attendo.cli.messages import AlreadyTold, composition_mistake, explain_errors, wants_traceback
    from attendo.cli.words import check_words, with_quotes

    if is_completion(sys.argv):
        complete(COMMANDS, app_of)
        return
    use_any_terminal()
    command = take_command(sys.argv)
    words = sys.argv[1:] = with_quotes(overrides_last(sys.argv[1:]))
    explain_errors()
    quiet_libraries()
    try:
        try:
            check_words(command, words)
            if command == "train" and any(word.startswith("resume=") for word in words):
                from attendo.cli.resume import resumed

                words = sys.argv[1:] = resumed(words)
            app_of(command, words)()
        except SystemExit:
            flush_output(is_told=True)
            raise
        flush_output(is_told=False)
    except BrokenPipeError:  # whoever reads us has seen enough, as in `attendo train --help | head`
        from attendo.cli.console import (
            discard_output,
        )  # its consoles measure the terminal when it is imported

        discard_output()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except AlreadyTold:
        sys.exit(2)
    except Exception as error:
        message = None if wants_traceback() else composition_mistake(error, command, words)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        flush_output(is_told=True)
        sys.exit(2)


def flush_output(is_told: bool) -> None:
    """Here, not when the program ends, where a closed pipe or a full disk would change its exit code.

    Args:
        is_told: whether what is wrong has been said, so that this need not be.
    """
    try:
        sys.stdout.flush()
    except OSError:
        from attendo.cli.console import discard_output

        discard_output()
        if not is_told:
            raise


def use_any_terminal() -> None:
    """Letters that the terminal's encoding lacks are shown as escapes; a width of 0 would show nothing."""
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def app_of(command: str, words: list[str]) -> Callable[[], None]:
    """The command's Hydra app; for a mere look at its configuration one that does not wait for torch."""
    import hydra

    from attendo.cli.conf import CONF

    app: Callable[[], None]
    if any(word.split("=")[0] in LOOKING for word in words):
        app = hydra.main(version_base="1.3", config_path=CONF, config_name=command)(lambda config: None)
    else:
        app = importlib.import_module(f"attendo.cli.{MODULES.get(command, command)}").main
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
    for pattern in (
        ".*does not have many workers.*",
        ".*The number of training batches.*",
        ".*LeafSpec.*",
        "`ModelCheckpoint.* could not find the monitored key",  # at an epoch's end; we look for it
        "Be aware that when using `ckpt_path`, callbacks",  # they were switched off for that
        "Checkpoint directory .* exists and is not empty",  # a run that goes on
    ):
        warnings.filterwarnings("ignore", pattern)
