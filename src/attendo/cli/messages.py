"""One message for one mistake."""

import os
import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    InstantiationException,
    MissingConfigException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from attendo.cli.conf import CONF
from attendo.cli.words import unreadable_word
from attendo.suggestions import did_you_mean

EXPLAINING = "ATTENDO_EXPLAINS_ERRORS"  # set for this process and those that it starts


class AlreadyTold(Exception):
    """Stands for a mistake in one job of a sweep, of which the user has read the message."""


def wants_traceback() -> bool:
    """Whether the user set HYDRA_FULL_ERROR=1."""
    return os.environ.get("HYDRA_FULL_ERROR") == "1" and EXPLAINING not in os.environ


def explain_errors() -> None:
    """Makes Hydra raise its errors, which it would otherwise print in its own way."""
    if not wants_traceback():
        os.environ.update({"HYDRA_FULL_ERROR": "1", EXPLAINING: "1"})


def mistake(error: BaseException) -> str | None:
    """What to tell the user, or None if the mistake is ours and its traceback should show."""
    if isinstance(error, ValueError) or is_misconfiguration(error):
        text = str(error)
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif isinstance(error, OSError):  # without an errno it was raised by us, with a message
        text = str(error) if error.errno is None else f"a file cannot be read or written: {error.strerror}"
    else:
        return None
    return text if is_ours(error) else f"{text}\n(HYDRA_FULL_ERROR=1 shows where this was found)"


def is_ours(error: BaseException) -> bool:
    """Whether attendo itself worded the message; that of a library may need its traceback."""
    if isinstance(error.__cause__, InstantiationException) and error.__cause__.__cause__:
        return is_ours(error.__cause__.__cause__)
    frames = list(traceback.walk_tb(error.__traceback__))
    return not frames or str(frames[-1][0].f_globals.get("__name__")).partition(".")[0] == "attendo"


OF_TRANSFORMERS = ("decoding", "metrics", "scheduled_sampling", "validation_decoding")  # groups


def is_misconfiguration(error: BaseException) -> bool:
    """Whether Lightning refused its arguments. Its class is not imported: that takes a second."""
    return any(kind.__name__ == "MisconfigurationException" for kind in type(error).__mro__)


def composition_mistake(error: BaseException, command: str, words: Sequence[str]) -> str | None:
    """The same for what goes wrong before a job: in the words, in conf/, or with the run folder."""
    if isinstance(error, MissingConfigException):
        return missing_option(error)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException | HydraException):
        key, unreadable = wrong_key(error), unreadable_word(error)
        if key or unreadable:
            return unreadable or no_such_key(str(key), command, words)
        text = str(error).split("\nSee https://")[0].split("\nConfig search path")[0].strip()
        several = re.match(r"Ambiguous value for argument '(.*?)=(.*)'\n", text)
        return several_values(*map(str, several.groups())) if several else text
    if "Config group override must be" in str(error):
        groups_set_to_null = [word for word in words if word.endswith("=null") and "." not in word]
        return f"{', '.join(groups_set_to_null)}: choose an option, or leave the group out: ~GROUP"
    if isinstance(error, yaml.YAMLError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        advice = "choose another: hydra.run.dir=…"
        return f"the run folder {error.filename} cannot be made: {error.strerror}; {advice}"
    return mistake(error)


def several_values(key: str, values: str) -> str:
    return (
        f"{key}={values}: found several values, expected one; -m runs a job with each of them, a list is "
        f"""{key}=[{values}], and one text with commas is "{key}='{values}'\""""
    )


def missing_option(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if error.options is None:
        wanted = group or f"--config-name {name}"
        return f"there is no {wanted}.{did_you_mean(group, groups())}"
    choices = [choice for choice in error.options if not choice.startswith("_")]
    return f"{group} has no option {name!r}.{did_you_mean(name, choices)} It has: {', '.join(choices)}"


def wrong_key(error: BaseException) -> str | None:
    """The key that a composition stumbled over, in dots."""
    if isinstance(error.__cause__, OmegaConfBaseException) and error.__cause__.full_key:
        return error.__cause__.full_key
    found = re.search(r"Could not override '([^']+)'", str(error))
    return found.group(1) if found else None


def no_such_key(key: str, command: str, words: Sequence[str]) -> str:
    """Names the key's first unknown part, and the nearest of the names beside it or the groups."""
    node = composed = composed_without(key, command, words)
    beginning = ""
    for name in key.split("."):
        choices = [str(choice) for choice in node]
        if name not in choices:
            near = did_you_mean(name, [*choices, *groups()] if name == key else choices)
            if near == did_you_mean(name, [name]):  # a group that other models or commands have
                near = f" Those of {command} are {', '.join(choices)}."
                if command == "train" and (Path(CONF, "model", name).is_dir() or name in OF_TRANSFORMERS):
                    near = f" {name}=… belongs to another model: add model=transformer."
            return f"there is no key {key}.{had_by_options(key) or near or had_elsewhere(key, composed)}"
        beginning = f"{beginning}.{name}".lstrip(".")
        if not isinstance(node[name], DictConfig):
            options = sorted(file.stem for file in Path(CONF, beginning.replace(".", "/")).glob("[!_]*.yaml"))
            if options:
                choice = f"{beginning.replace('.', '/')}={'|'.join(options)}"
                return f"there is no key {key}: {beginning} has none of its own until you choose {choice}"
            whole = f"{beginning}={{{key.removeprefix(f'{beginning}.')}: …}}"
            return (
                f"there is no key {key}: {beginning} has none of its own. Give it as a whole, as in {whole}"
            )
        node = node[name]
    inner = [str(name) for name in node]
    return f"{key}: has keys of its own ({', '.join(inner)}), which are set one by one"


def had_by_options(key: str) -> str:
    """Options of the key's group that have it, though the chosen one has not."""
    group, _, name = key.rpartition(".")
    files = sorted(Path(CONF, group.replace(".", "/")).glob("*.yaml")) if group else []
    having = [file.stem for file in files if name in (yaml.safe_load(file.read_text(encoding="utf-8")) or {})]
    return f" {', '.join(f'{group}={option}' for option in having)} would have it." if having else ""


def had_elsewhere(key: str, node: DictConfig) -> str:
    """Keys of the same name at other places."""
    places = [path for path in paths(node, "") if path.rpartition(".")[2] == key.rpartition(".")[2]]
    return f" There is {' and '.join(places)}." if places else ""


def paths(node: DictConfig, prefix: str) -> Iterator[str]:
    for name in map(str, node):
        yield f"{prefix}{name}"
        if not OmegaConf.is_interpolation(node, name) and not OmegaConf.is_missing(node, name):
            inner = node[name]
            if isinstance(inner, DictConfig):
                yield from paths(inner, f"{prefix}{name}.")


def composed_without(key: str, command: str, words: Sequence[str]) -> DictConfig:
    """The configuration that the other words make; without any of them, if they have mistakes, too."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    wrong = (f"{key}=", f"{key}.")
    others = [w for w in words if "=" in w and not w.startswith("-") and not w.lstrip("+").startswith(wrong)]
    for attempt in (others, []):
        GlobalHydra.instance().clear()
        try:
            with initialize_config_dir(CONF, version_base="1.3"):
                return compose(command, overrides=attempt, return_hydra_config=key.startswith("hydra."))
        except HydraException:
            continue
    return DictConfig({})


def groups() -> list[str]:
    """Names of all configuration groups, such as ``model/encoder``."""
    return [str(folder.relative_to(CONF)) for folder in Path(CONF).rglob("*") if folder.is_dir()]
