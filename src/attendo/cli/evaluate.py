"""attendo evaluate"""

import copy
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
from omegaconf import DictConfig

from attendo.checkpoint import Contents, Trained, build_stored, check_safe
from attendo.cli.answering import as_list
from attendo.cli.building import build_batch_sizes, build_preparation, build_task, given, use_threads
from attendo.cli.check import check
from attendo.cli.conf import CONF
from attendo.cli.job import job
from attendo.cli.run_folder import as_text, numbers, probe, write_json, write_records, write_skipped
from attendo.data import TextDataModule
from attendo.data.sources import SPLITS
from attendo.models import Ensemble
from attendo.predictor import combined, decoding_node, device_of, precision_on
from attendo.suggestions import did_you_mean
from attendo.tasks import Seq2SeqTask, Task

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
    members = combined(config["run"], config["checkpoint"], config["combine"], config["trust"])
    loaded = members[0]
    contents = loaded.contents
    check_safe(contents.config["data"].get("source"), config["trust"], "data.source")
    check_safe(contents.config["task"], config["trust"], "task")
    trained = with_overrides(contents.config, config)
    if not contents.labels:
        trained |= answering(contents, config)
    folder = Path(config["output"] or run_folder_of(loaded.path) / "predictions")
    probe(folder, "the folder of predictions")
    device = device_of(config["accelerator"])
    precision = precision_on(device, config["precision"], trained["trainer"]["precision"])
    trainer = build_evaluator(device.type, precision)
    preparation, sizes = build_preparation(trained["data"]), build_batch_sizes(trained["data"])
    data = preparation.evaluate(split, dict(contents.tokenizers), contents.labels)
    # whatever the split, Lightning's test loop scores it
    data = replace(data, splits={"test": data.splits[split]})
    model = Ensemble([each.model for each in members]) if len(members) > 1 else loaded.model
    task = build_task(trained, model, data, None)
    name = name_of(config, members, task)
    write_skipped(folder / f"{name}_skipped.tsv", data.skipped)
    copies = trained["model"].get("copy") is not None
    module = TextDataModule(data, sizes, trained["seed"], copies=copies)
    trainer.test(task, datamodule=module, verbose=False)
    scores = {
        f"{split}/{n.removeprefix('test/')}": v for n, v in numbers(trainer.callback_metrics, "test/").items()
    }
    facts = {
        "checkpoint": str(loaded.path) if len(runs := as_list(config["run"])) == 1 else runs,
        "combine": config["combine"],
        "data.test": config["data"]["test"],
        "scores": scores,
    }
    report(folder / name, scores, task, facts)
    return scores


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
    data.setdefault("on_error", "error")  # what runs did before there were these keys
    data.setdefault("label_separator", None)
    data["cache_dir"] = wanted["cache_dir"]  # a stranger's checkpoint does not say where we write
    if not isinstance(wanted["columns"], Mapping | None):
        raise ValueError(
            f"data.columns={wanted['columns']}: expected {{text: …, label: …}}, or as in training"
        )
    if wanted["columns"] is not None:
        if "columns" not in data["source"]:
            raise ValueError(f"data.columns: this run's data ({data['name']}) has no columns")
        data["source"]["columns"] = wanted["columns"]
    for name in ("tokens_per_micro_batch", "on_error"):
        if wanted[name] is not None:
            data[name] = wanted[name]
    if wanted["test"] is not None:
        if "test" not in data:
            raise ValueError(f"data.test: this run's data ({data['name']}) does not come from files")
        if config["split"] != "test":
            raise ValueError(f"data.test and split={config['split']} contradict each other")
        data["source"]["test"] = wanted["test"]
        data.update(folds=None, fold=None)
    return changed


def answering(contents: Contents, config: Mapping[str, Any]) -> dict[str, Any]:
    """How a translator answers and is scored: as in training, or as the user says."""
    trained = contents.config
    decoding = decoding_node(trained, given(config["decoding"]), contents.tokenizers["target"])
    build_stored(decoding, "decoding", config["trust"])  # refuses what the run's class does not take
    task = trained["task"] if config["metrics"] is None else {**trained["task"], "metrics": config["metrics"]}
    return {"decoding": decoding, "validation_decoding": decoding, "scheduled_sampling": None, "task": task}


def name_of(config: Mapping[str, Any], loaded: Sequence[Trained], task: Task) -> str:
    """Of the files: the split's, or that of the file that stood in for it, and what is not the best."""
    test = config["data"]["test"]
    file = [] if test is None else [slug(test)]
    path = loaded[0].path
    is_one_of_several = path.parent.name == "checkpoints" and path.stem != "best"
    which = [path.stem] if is_one_of_several else []
    together = [config["combine"]] if config["combine"] else []
    decoding = (
        [slug(task.decoding.name)] if given(config["decoding"]) and isinstance(task, Seq2SeqTask) else []
    )
    return "_".join([config["split"], *file, *which, *together, *decoding])


def report(place: Path, scores: Mapping[str, float | None], task: Task, facts: Mapping[str, object]) -> None:
    """Writes predictions and scores to ``place``.jsonl and .json, and shows the scores."""
    predictions = place.with_name(f"{place.name}.jsonl")
    write_records(predictions, task.records)
    write_json(place.with_name(f"{place.name}.json"), {**facts, **task.signatures(), **task.details()})
    for metric, value in scores.items():
        log.info("%-32s %s", metric, as_text(value))
    for signature, text in task.signatures().items():
        log.info("%-32s %s", signature, text)
    log.info("%-32s %s", "predictions", predictions)


def slug(paths: object) -> str:
    """A file name that tells other test files apart, and from the run's own."""
    return re.sub(r"\W+", "_", str(paths)).strip("_")[-100:]


def run_folder_of(checkpoint: Path) -> Path:
    """The run's folder, or, for a checkpoint that was taken out of it, the one where it lies now."""
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint.parent
