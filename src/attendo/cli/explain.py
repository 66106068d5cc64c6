"""attendo explain"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import hydra
from omegaconf import DictConfig

from attendo.analysis.explained import Explanations
from attendo.analysis.explained_pairs import KINDS, PairExplanations
from attendo.checkpoint import checkpoint_of
from attendo.cli.building import use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.evaluate import run_folder_of
from attendo.cli.explain_classifier import explain_classifier
from attendo.cli.explain_input import name_of
from attendo.cli.explain_translator import explain_translator
from attendo.cli.job import job
from attendo.cli.run_folder import probe
from attendo.cli.text_input import check_input
from attendo.data.reading import OnError
from attendo.data.sources import SPLITS
from attendo.predictor import Classifier, Translator, load
from attendo.suggestions import did_you_mean

Settings = Mapping[str, Any]

LEAST = {"figures": 0, "faithfulness": 0, "limit": 1, "batch_tokens": 1}
CHOICES = {
    "split": SPLITS,
    "on_error": (*get_args(OnError), None),
    "targets": ("own", "given", None),
    "alignment.kind": ("cross", "copy", None),
}
# What only one kind of model has a use for, and what it is without.
OF_CLASSIFIERS = {"label_column": None}
OF_TRANSLATORS = {
    "targets": None,
    "attention": None,
    "alignment.kind": None,
    "alignment.layer": None,
    "alignment.head": None,
}


@hydra.main(version_base="1.3", config_path=CONF, config_name="explain")
@job
def main(config: DictConfig) -> None:
    explain(check(config))


def explain(config: Settings) -> Explanations | PairExplanations:
    """Writes what a model says of texts, and where it looks, into a folder.

    Args:
        config: of conf/explain.yaml, checked and resolved.
    """
    use_threads(config["threads"])
    config = {**config, "input": None if config["input"] is None else str(config["input"])}
    check_values(config)
    check_input(config["input"], {key: config[key] for key in ("column", "label_column")})
    folder = folder_of(config)
    probe(folder, "the folder of explanations")
    model = loaded(config)
    if isinstance(model, Translator):
        refuse(config, OF_CLASSIFIERS, "a translator")
        return explain_translator(config, model, folder)
    refuse(config, OF_TRANSLATORS, "a classifier")
    return explain_classifier(config, model, folder)


# --------------------------------------------------------------------------------- before the model is loaded
def check_values(config: Settings) -> None:
    """Single values; no class stands behind them that would refuse them."""
    values = flat(config)
    for name, allowed in CHOICES.items():
        check_among(name, values[name], allowed)
    kinds = config["attention"]
    if kinds is not None and (not isinstance(kinds, list) or not kinds):
        raise ValueError(f"attention={kinds}: expected a list of {', '.join(KINDS)}, or null")
    for kind in kinds or ():
        check_among("attention", kind, tuple(KINDS))
    for name, least in {**LEAST, "alignment.layer": 1, "alignment.head": 1}.items():
        value = values[name]
        is_missing = value is None and name not in ("figures", "faithfulness")
        if not is_missing and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise ValueError(f"{name}={value}: expected a whole number, {least} or more")


def flat(config: Settings) -> dict[str, Any]:
    """The configuration, with the alignment's keys beside the others."""
    return {**config, **{f"alignment.{name}": value for name, value in config["alignment"].items()}}


def check_among(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        known = ["null" if choice is None else str(choice) for choice in allowed]
        raise ValueError(f"{name}={value}: expected {', '.join(known)}.{did_you_mean(str(value), known)}")


def refuse(config: Settings, usual: Mapping[str, object], model: str) -> None:
    """Raises ValueError where something is asked for that the model does not have."""
    values = flat(config)
    for name, value in usual.items():
        if values[name] != value:
            raise ValueError(
                f"{name}={values[name]}: run={config['run']} is {model}, which has no use for it"
            )


def folder_of(config: Settings) -> Path:
    """Where to write; the run has to be there."""
    run = run_folder_of(checkpoint_of(config["run"], config["checkpoint"]))
    if config["output"] is not None:
        return Path(str(config["output"])).expanduser()
    which = "" if config["checkpoint"] == "best" else f"_{config['checkpoint']}"
    return run / "explanations" / f"{name_of(config).replace(' ', '_')}{which}"


def loaded(config: Settings) -> Classifier | Translator:
    return load(
        config["run"],
        config["checkpoint"],
        trust=config["trust"],
        accelerator=config["accelerator"],
        precision=config["precision"],
        batch_tokens=config["batch_tokens"],
    )
