"""Finds mistakes in a composed configuration before any data is read."""

import inspect
import json
import logging
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from beartype import BeartypeConf
from beartype.door import is_bearable
from beartype.roar import BeartypeException
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from attendo.cli.conf import CONF
from attendo.suggestions import did_you_mean

log = logging.getLogger(__name__)

OPEN_NODES = ("callbacks", "logger")  # whoever adds a callback gives it a name of their own
RECIPES = ("experiment", "debug")  # groups that may set keys, but bring none of their own
NUMBERS = BeartypeConf(is_pep484_tower=True)  # an int will do for a float

Node = Mapping[str, Any]


def check(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain containers, or one error about its first mistake.

    Raises:
        ValueError: a missing value, an unknown key, an argument that its class does not take, or one of the
            wrong type; the message names the key and the nearest spelling.
    """
    plain = OmegaConf.to_container(config, resolve=False)
    for key in missing(plain, ""):
        raise ValueError(f"{key} is missing: give {key}=…")
    settings = resolved(config)
    check_keys(settings, schema_of_choices(), "")
    check_targets(settings, plain, "")
    for line in without_effect(settings, plain):
        log.warning("%s", line)
    return settings


def missing(settings: object, key: str) -> Iterator[str]:
    """Keys whose value is ``???``."""
    if settings == "???":
        yield key
    elif isinstance(settings, Mapping):
        for name, value in settings.items():
            yield from missing(value, f"{key}.{name}" if key else str(name))


def resolved(config: DictConfig) -> dict[str, Any]:
    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{error.full_key}: {reason}" if error.full_key else reason) from error
    assert isinstance(plain, dict)
    return {str(name): value for name, value in plain.items()}


def schema_of_choices() -> Node:
    """What the chosen options say by themselves, without recipes and single values: the keys that exist."""
    hydra = HydraConfig.get()
    choices = [
        f"{group}={choice}"
        for group, choice in hydra.runtime.choices.items()
        if choice is not None and group not in RECIPES and not group.startswith("hydra/")
    ]
    overrides = [word for word in hydra.overrides.hydra if word.startswith("hydra.searchpath=")] + choices
    loader = GlobalHydra.instance().config_loader()
    schema = loader.load_configuration(hydra.job.config_name, overrides, run_mode=RunMode.RUN)
    plain = OmegaConf.to_container(schema, resolve=False)
    assert isinstance(plain, dict)
    return {str(name): value for name, value in plain.items() if name != "hydra"}


def check_keys(settings: Node, schema: Node, key: str) -> None:
    """Every key must be in the schema, unless the class of its node takes it or the node is open."""
    prefix = f"{key}." if key else ""
    for name in schema:
        if name not in settings and "_target_" not in schema and key not in OPEN_NODES:
            raise ValueError(
                f"{prefix}{name} cannot be left out; set it to null, or to an option such as none"
            )
    for name, value in settings.items():
        path = f"{prefix}{name}"
        if name not in schema:
            if key not in OPEN_NODES and not takes(settings.get("_target_"), name):
                raise ValueError(f"there is no key {path}.{did_you_mean(name, schema)}")
            continue
        expected = schema[name]
        if isinstance(value, Mapping) and isinstance(expected, Mapping):
            same_class = value.get("_target_") == expected.get("_target_")
            if same_class:  # another class has other keywords, which check_targets sees to
                check_keys(value, expected, path)
        elif isinstance(expected, Mapping) and value is not None:
            raise ValueError(
                f"{path}={value}: has keys of its own; an option is chosen with {group_of(path)}={value}"
            )
        elif isinstance(value, str) and expected is None and is_option(path, value):
            raise ValueError(f"{path}={value}: an option is chosen with {group_of(path)}={value}")
        elif "_target_" not in settings and not same_type(value, expected):
            raise ValueError(f"{path}={value!r}: expected {type(expected).__name__}, like {expected!r}")


def group_of(key: str) -> str:
    """The group that fills a key, as an override names it."""
    group = key.replace(".", "/")
    chosen = HydraConfig.get().runtime.choices
    return next((name for name in chosen if name.rpartition("@")[2] == key), group)


def is_option(key: str, value: str) -> bool:
    """Whether conf/ has such an option for a key."""
    return (Path(CONF) / key.replace(".", "/") / f"{value}.yaml").is_file()


def takes(target: object, name: str) -> bool:
    return isinstance(target, str) and (name == "_target_" or name in arguments(target)[0])


def same_type(value: object, expected: object) -> bool:
    """Whether a value may replace another one; null may become anything, and anything null."""
    if value is None or expected is None or (isinstance(expected, str) and "${" in expected):
        return True
    if isinstance(expected, str) or isinstance(value, list | dict) or isinstance(expected, list | dict):
        return True  # paths may be one or several; a number may name a class
    if isinstance(expected, bool) or isinstance(value, bool):
        return isinstance(expected, bool) and isinstance(value, bool)
    return isinstance(value, int) or (isinstance(value, float) and isinstance(expected, float))


def check_targets(settings: object, plain: object, key: str) -> None:
    """Every node with a ``_target_`` must fit its class's arguments.

    Args:
        settings: a part of the configuration.
        plain: the same with its references to other keys.
        key: where it stands.
    """
    if isinstance(settings, list):
        for number, value in enumerate(settings):
            check_targets(value, plain[number] if isinstance(plain, list) else None, f"{key}[{number}]")
    if not isinstance(settings, Mapping):
        return
    parts: Node = plain if isinstance(plain, Mapping) else {}
    if settings.get("_target_"):
        check_arguments(settings, parts, key)
    for name, value in settings.items():
        check_targets(value, parts.get(name), f"{key}.{name}" if key else str(name))


def without_effect(settings: Node, plain: object) -> Iterator[str]:
    """Numbers of the regularization that nothing in the configuration refers to."""
    used = set(re.findall(r"\$\{regularization\.(\w+)\}", json.dumps(plain, default=str)))
    for name, value in (settings.get("regularization") or {}).items():
        if value and not isinstance(value, str) and name not in used:
            yield f"regularization.{name}={value} has no effect here: nothing in this model refers to it"


def origin(plain: Node, name: str, key: str) -> str:
    """The key that an argument's value comes from, where it is a reference to another one."""
    reference = re.fullmatch(r"\$\{([\w.]+)\}", str(plain.get(name)))
    return reference[1] if reference else f"{key}.{name}"


def check_arguments(settings: Node, plain: Node, key: str) -> None:
    names, hints, open_ended = arguments(settings["_target_"], key)
    for name, value in settings.items():
        if name in ("_target_", "_partial_", "_convert_", "_recursive_", "_args_"):
            continue
        if name not in names and value is None:
            continue  # a key that a command lists for all options, and this one does not have
        if name not in names and not open_ended:
            raise ValueError(
                f"{key}.{name}: {settings['_target_']} takes no such argument.{did_you_mean(name, names)}"
            )
        is_built = any("_target_" in node for node in nodes(value))
        if name in hints and not is_built and not fits(value, hints[name]):
            raise ValueError(f"{origin(plain, name, key)}={value!r}: expected {shown(hints[name], value)}")


def fits(value: object, hint: Any) -> bool:
    """Whether a value has a type; YAML knows no tuples, so a list will do for one."""
    candidates = [value, tuple(value)] if isinstance(value, list) else [value]
    try:
        return any(is_bearable(candidate, hint, conf=NUMBERS) for candidate in candidates)
    except BeartypeException:  # a hint that cannot be checked at run time says nothing
        return True


def shown(hint: Any, value: object) -> str:
    """A type in a message, without the modules that its parts come from."""
    if get_origin(hint) is Literal:
        choices = [str(choice) for choice in get_args(hint)]
        return f"{' or '.join(choices)}.{did_you_mean(str(value), choices)}"
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(shown(part, value) for part in get_args(hint))
    text = hint.__name__ if isinstance(hint, type) else re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(hint))
    return text.replace("NoneType", "null").replace("None", "null")


def nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from nodes(inner)


def arguments(target: str, key: str = "") -> tuple[list[str], dict[str, Any], bool]:
    """Names and type hints of what a target takes, and whether it takes any name.

    Raises:
        ValueError: there is no such object, or it cannot be called.
    """
    function = located(target, key)
    if not callable(function):
        raise ValueError(f"{key}._target_={target}: is a {type(function).__name__}, which cannot be called")
    parameters = inspect.signature(function).parameters
    names = [n for n, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    open_ended = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    try:
        hints = get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except (NameError, TypeError, AttributeError):  # hints of a foreign class that cannot be resolved
        hints = {}
    return names, hints, open_ended


def located(target: str, key: str) -> object:
    """The object with a dotted name. (Hydra's own look-up logs its failures.)"""
    try:
        return pkgutil.resolve_name(target)
    except (ImportError, AttributeError, ValueError) as error:
        parent, _, name = target.rpartition(".")
        try:
            hint = did_you_mean(name, vars(pkgutil.resolve_name(parent)))
        except (ImportError, AttributeError, ValueError, TypeError):
            hint = ""
        raise ValueError(f"{key}._target_={target}: cannot be imported ({error}).{hint}") from error
