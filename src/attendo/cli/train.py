"""attendo train"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only

from attendo.analysis import own_parameters, summary
from attendo.checkpoint import (
    Contents,
    Interrupted,
    StoreContents,
    build_model,
)
from attendo.cli.building import (
    build_module,
    build_optimization,
    build_preparation,
    build_task,
    build_tokenizer_trainers,
    build_trainer,
    use_threads,
)
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.curves import build_loggers, carry_over
from attendo.cli.job import job
from attendo.cli.outcome import Outcome, ended, finish, shown
from attendo.cli.rehearsal import rehearse
from attendo.cli.resume import ANEW, newest_checkpoint
from attendo.cli.run_folder import (
    check_writable,
    write_config,
    write_environment,
    write_skipped,
    write_words,
)
from attendo.cli.same_run import Saved, check_same_data, check_same_run, data_hash
from attendo.cli.starting import start_from
from attendo.data import TextDataModule
from attendo.tasks import Task

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
@job
def main(config: DictConfig) -> float | None:
    """Returns the monitored metric at its best, for sweeps."""
    words = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    assert isinstance(words, list)
    return start(config, words).best


def start(config: DictConfig, words: Sequence[str]) -> Outcome:
    """Trains into a run folder, from the start or from where the run stands.

    Args:
        config: as composed.
        words: the overrides that were typed.
    """
    settings = check(config)
    folder, resume = Path(settings["run_dir"]), settings["resume"]
    check_writable(folder, resumes=resume is not None)
    use_threads(settings["threads"])
    if settings["seed"] < 0:
        raise ValueError(f"seed={settings['seed']}: expected 0 or more")
    if resume in (None, ANEW):
        write_words(folder, words)
        describe_run(folder, config, settings)
        return run(prepare(settings, None), settings)
    if not Path(resume).is_file():
        raise ValueError(f"resume={resume}: give it as a word of the command, attendo train resume=…")
    saved = Saved.read(Path(resume))
    check_same_run(saved.contents.config, settings)
    saved.check_goes_on(settings["trainer"])
    is_asked_for_more = any(not word.startswith("resume=") for word in words)
    has_ended = (folder / "metrics.json").is_file()
    if has_ended and not is_asked_for_more and newest_checkpoint(folder) == saved.path:
        log.info("%s has ended; trainer.max_epochs=… trains it longer", folder)
        return ended(folder, settings)
    ready = prepare(settings, saved)
    describe_run(folder, config, settings)  # only now, when nothing can be refused any more
    (folder / "metrics.json").unlink(missing_ok=True)  # it says that a run has ended
    carry_over(ready.trainer.loggers, saved.steps)
    log.info("going on after step %s, from %s", f"{saved.steps:,}", shown(saved.path))
    return run(ready, settings)


def describe_run(folder: Path, config: DictConfig, settings: Mapping[str, Any]) -> None:
    write_config(folder, config, settings)
    write_environment(folder)


@dataclass(frozen=True)
class Ready:
    """Everything that training needs, built and checked.

    Attributes:
        saved: the checkpoint that the run goes on from; None from the start.
    """

    trainer: pl.Trainer
    task: Task
    module: TextDataModule
    contents: StoreContents
    saved: Saved | None


def prepare(config: Mapping[str, Any], saved: Saved | None) -> Ready:
    """Builds what trains, and reads the data.

    Args:
        config: checked and resolved; plain containers.
        saved: the checkpoint that the run goes on from; None from the start.

    Raises:
        ValueError: whatever of the configuration or the data is wrong.
    """
    preparation = build_preparation(config["data"])
    tokenizer_trainers = build_tokenizer_trainers(config)
    rehearse(config, preparation.source.roles, tokenizer_trainers)
    loggers = build_loggers(config, saved.steps if saved else None)
    trainer = build_trainer(config, loggers)  # the last thing that can refuse the user's words
    data = preparation.train(tokenizer_trainers)
    if saved:
        check_same_data(saved.contents, data, config)
    write_skipped(Path(config["run_dir"]) / "skipped.tsv", data.skipped)
    say(summary(data))
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    model = build_model(config["model"], data.tokenizers, data.labels)
    parts = ", ".join(f"{name} {count:,}" for name, count in own_parameters(model).items() if count)
    say([f"{type(model).__name__}: {sum(p.numel() for p in model.parameters()):,} parameters ({parts})"])
    if saved is None:
        say(start_from(config, model, data))
    task = build_task(config, model, data, build_optimization(config))
    if config["freeze"]:
        say([f"frozen: {task.optimization.freezing.describe(model)}"])
    contents = StoreContents(Contents(dict(config), data.tokenizers, data.labels, data_hash(data)))
    trainer.callbacks.append(contents)  # type: ignore[attr-defined]
    return Ready(trainer, task, build_module(config, data), contents, saved)


def run(ready: Ready, config: Mapping[str, Any]) -> Outcome:
    """Trains, tests, and leaves the run folder complete."""
    checkpoint = ready.saved.path if ready.saved else None
    try:
        ready.trainer.fit(ready.task, datamodule=ready.module, ckpt_path=checkpoint, weights_only=True)
    except Interrupted:
        say([f"to go on: attendo train resume={shown(Path(config['run_dir']))}"])
        raise
    return finish(config, ready.trainer, ready.task, ready.module, ready.contents.metrics)


@rank_zero_only
def say(lines: Iterable[str]) -> None:
    for line in lines:
        log.info("%s", line)
