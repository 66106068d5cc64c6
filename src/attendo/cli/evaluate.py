"""attendo evaluate"""

import copy
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
from omegaconf import DictConfig
from torch import Tensor, nn

from attendo.checkpoint import build_model, check_safe, checkpoint_of, read_checkpoint
from attendo.cli.building import build_batch_sizes, build_preparation, build_task, use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.job import job
from attendo.cli.run_folder import as_text, numbers, write_json, write_records
from attendo.data import PreparedData, TextDataModule
from attendo.data.sources import SPLITS
from attendo.suggestions import did_you_mean
from attendo.tasks import Task

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
@job
def main(config: DictConfig) -> None:
    evaluate(check(config))


def evaluate(config: Mapping[str, Any]) -> dict[str, float | None]:
    """Scores a checkpoint on a split, prints the scores, and writes them beside the predictions.

    Args:
        config: of conf/evaluate.yaml, checked and resolved.
    """
    split = config["split"]
    if split not in SPLITS:
        raise ValueError(f"split={split}: expected {', '.join(SPLITS)}.{did_you_mean(str(split), SPLITS)}")
    use_threads(config["threads"])
    path = checkpoint_of(config["run"], config["checkpoint"])
    contents, weights = read_checkpoint(path)
    for node in ("model", "data", "task", "decoding"):
        check_safe(contents.config.get(node, {}), config["trust"], node)
    trained = with_overrides(contents.config, config)
    trainer = build_evaluator(config["accelerator"], trained["trainer"]["precision"])
    preparation, sizes = build_preparation(trained["data"]), build_batch_sizes(trained["data"])
    model = build_model(trained["model"], contents.tokenizers, contents.labels)
    load_weights(model, weights, path)
    data = preparation.evaluate(split, dict(contents.tokenizers), contents.labels)
    # whatever the split, Lightning's test loop scores it
    data = PreparedData({"test": data.splits[split]}, data.tokenizers, data.labels)
    task = build_task(trained, model, data, None)
    trainer.test(task, datamodule=TextDataModule(data, sizes, trained["seed"]), verbose=False)
    scores = {
        f"{split}/{n.removeprefix('test/')}": v for n, v in numbers(trainer.callback_metrics, "test/").items()
    }
    report(scores, task, path, config)
    return scores


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path}: its weights do not fit its configuration: {error}") from error


def build_evaluator(accelerator: str, precision: str) -> pl.Trainer:
    return pl.Trainer(
        accelerator=accelerator,
        devices=1,
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def with_overrides(trained: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """The run's own configuration with what the user says otherwise."""
    changed = copy.deepcopy(dict(trained))
    data, wanted = changed["data"], config["data"]
    data["cache_dir"] = wanted["cache_dir"]  # a stranger's checkpoint does not say where we write
    if wanted["columns"] is not None:
        if "columns" not in data["source"]:
            raise ValueError(f"data.columns: this run's data ({data['name']}) has no columns")
        data["source"]["columns"] = wanted["columns"]
    if wanted["tokens_per_micro_batch"] is not None:
        data["tokens_per_micro_batch"] = wanted["tokens_per_micro_batch"]
    if wanted["test"] is not None:
        if "test" not in data:
            raise ValueError(f"data.test: this run's data ({data['name']}) does not come from files")
        if config["split"] != "test":
            raise ValueError(f"data.test and split={config['split']} contradict each other")
        data["source"]["test"] = wanted["test"]
        data.update(folds=None, fold=None)
    return changed


def report(
    scores: Mapping[str, float | None], task: Task, checkpoint: Path, config: Mapping[str, Any]
) -> None:
    """Writes scores and predictions under the name of the split, or of the file that stood in for it."""
    test = config["data"]["test"]
    file = [] if test is None else [slug(test)]
    which = [] if config["checkpoint"] == "best" else [config["checkpoint"]]
    name = "_".join([config["split"], *file, *which])
    folder = Path(config["output"] or run_folder_of(checkpoint) / "predictions")
    write_records(folder / f"{name}.jsonl", task.records)
    facts = {"checkpoint": str(checkpoint), "data.test": test, "scores": scores, **task.signatures()}
    write_json(folder / f"{name}.json", facts)
    for metric, value in scores.items():
        log.info("%-28s %s", metric, as_text(value))
    for signature, text in task.signatures().items():
        log.info("%-28s %s", signature, text)
    log.info("%-28s %s", "predictions", folder / f"{name}.jsonl")


def slug(paths: object) -> str:
    """A file name that tells other test files apart, and from the run's own."""
    return re.sub(r"\W+", "_", str(paths)).strip("_")[-100:]


def run_folder_of(checkpoint: Path) -> Path:
    """The run's folder, or, for a checkpoint that was taken out of it, the one where it lies now."""
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint.parent
