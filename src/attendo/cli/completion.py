"""Tab completion: Hydra's own, taught that the first word is a command."""

import os
import sys
from collections.abc import Callable, Iterable


def is_completion(words: list[str]) -> bool:
    return len(words) > 2 and words[1] in ("-sc", "--shell_completion", "--shell-completion")


def complete(commands: Iterable[str], app_of: Callable[[str, list[str]], Callable[[], None]]) -> None:
    """Installs the completion, or answers the shell.

    The shell gives the whole line in COMP_LINE and the place of the cursor in COMP_POINT; Hydra knows only
    one command a program, so the command's word is taken out before it is asked.

    Args:
        commands: names of the commands.
        app_of: (command, words) → Hydra app.
    """
    line, point = os.environ.get("COMP_LINE", ""), int(os.environ.get("COMP_POINT", "0") or 0)
    words = line[:point].split(" ")
    if "query=" not in sys.argv[2]:
        command = next(iter(commands))  # any of them installs the same
    elif len(words) < 3:
        print("\n".join(name for name in commands if name.startswith(words[-1])))
        return
    else:
        command = words[1]
        if command not in commands:
            return
        os.environ["COMP_LINE"] = line.replace(f" {command}", "", 1)
        os.environ["COMP_POINT"] = str(point - len(command) - 1)
    app_of(command, sys.argv[1:])()
