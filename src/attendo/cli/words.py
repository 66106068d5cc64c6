"""The words of a command line before Hydra reads them."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from attendo.suggestions import did_you_mean

OPTIONS = (
    *("--help", "--hydra-help", "--version", "--cfg", "--resolve", "--package", "--run", "--multirun"),
    *(
        "--shell-completion",
        "--config-path",
        "--config-name",
        "--config-dir",
        "--experimental-rerun",
        "--info",
    ),
)
SHORT = ("-h", "-c", "-p", "-r", "-m", "-sc", "-cp", "-cn", "-cd", "-i")
FLAGS = (
    "--help",
    "--hydra-help",
    "--version",
    "--resolve",
    "--run",
    "--multirun",
    "-h",
    "-r",
    "-m",
)  # take no value
SPECIAL = "[]{}'\"$,"  # a value with one of these means something to Hydra: a list, a sweep, a reference …


def check_words(command: str, words: Sequence[str]) -> None:
    """Raises ValueError for a word that is neither ``key=value`` nor one of Hydra's options."""
    for before, word in zip(("", *words), words, strict=False):
        if word.startswith("-"):
            check_option(word)
        elif "=" not in word and not word.startswith("~") and not takes_value(before):
            if command in ("evaluate", "predict", "score") and not any(
                word.startswith("run=") for word in words
            ):
                raise ValueError(f"{word}: expected key=value; a run is given as run={word}")
            raise ValueError(f'{word}: expected key=value. (A value with spaces: "key=one two")')


def takes_value(word: str) -> bool:
    return word.startswith("-") and "=" not in word and word not in FLAGS


def check_option(word: str) -> None:
    """Raises ValueError unless it is one of Hydra's options or, with two dashes, the beginning of one."""
    name, equals, value = word.partition("=")
    key = name.lstrip("-")
    if name in FLAGS and equals:
        raise ValueError(f"{name} takes no value; a key is given without dashes: {key}={value}")
    if name not in SHORT and not (key and any(option.startswith(name) for option in OPTIONS)):
        hint = did_you_mean(name, OPTIONS)
        raise ValueError(
            f"there is no option {name}.{hint} Keys are given without dashes: {key}={value or '…'}"
        )


def with_quotes(words: Sequence[str]) -> list[str]:
    """Puts into quotation marks what Hydra cannot read, but can only be one text, such as a path."""
    return [quoted(word) if "=" in word and not is_readable(word) else word for word in words]


def quoted(word: str) -> str:
    key, _, value = word.partition("=")
    if word.startswith("-") or any(letter in SPECIAL for letter in value):
        return word
    escaped = value.replace("\\", "\\\\")
    return f"{key}='{escaped}'"


def is_readable(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True


def unreadable_word(error: BaseException) -> str | None:
    """What to tell of the word that Hydra could not read, if that is what its error is about."""
    word = getattr(error, "override", None)
    if word is None:
        return None
    reason = str(error).split("\nSee https://")[0].splitlines()[-1].strip()
    key, _, value = word.partition("=")
    advice = f"""if it is one text, quotation marks within quotation marks: "{key}='{value}'\""""
    return f"{word}: cannot be read ({reason}); {advice}"
