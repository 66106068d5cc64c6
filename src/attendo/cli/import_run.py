"""attendo import"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from torch import nn

from attendo.checkpoint import Contents, build_model
from attendo.checkpoint.averaging import write_weights
from attendo.checkpoint.marian import ACTIVATIONS, MarianFolder, converted, decoding_of, without_effect
from attendo.checkpoint.trained import load_weights
from attendo.cli.check import check, resolved
from attendo.cli.conf import CONF, run_id
from attendo.cli.job import job
from attendo.cli.outcome import shown
from attendo.cli.run_folder import check_writable, write_config, write_environment

log = logging.getLogger(__name__)

OPTIONS = (  # for a run that goes on learning from an imported one
    "model=transformer",
    "data=parallel_texts",
    "tokenizer=from_run",
    "tokenizer@target_tokenizer=from_run",
    "scheduler=constant",
)
FINE_TUNING = {
    "optimizer.lr": 2e-5
}  # of Hugging Face's course, which fine-tunes an Opus-MT model (chapter 7.4)


@hydra.main(version_base="1.3", config_path=CONF, config_name="import")
@job
def main(config: DictConfig) -> None:
    import_run(check(config))


def import_run(config: Mapping[str, Any]) -> Path:
    """Makes a run folder of a Marian model and returns it. Nothing is written before all is checked.

    Args:
        config: of conf/import.yaml, checked and resolved.
    """
    path = Path(str(config["marian"])).expanduser()
    folder = MarianFolder.read(path)
    name = str(config["name"] or path.resolve().name)
    run = Path(str(config["output"] or Path("outputs", name, run_id()))).expanduser().resolve()
    tokenizers = folder.tokenizers
    weights, tied = converted(folder.weights(), folder)
    composed = train_config(folder, {**settings_of(folder, tied), "data.name": name, "run_dir": str(run)})
    settings = resolved(composed)
    model = build_model(settings["model"], tokenizers, [])
    load_weights(model, weights, path)
    check_writable(run, resumes=False, key="output")
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    write_weights(
        run / "checkpoints" / "best.ckpt", Contents(settings, tokenizers, []).to_dict(), state, step=0
    )
    write_environment(run)
    write_config(run, composed, settings)
    if others := without_effect(folder):
        log.warning("settings of the folder's search that are not followed: %s", ", ".join(others))
    for line in farewell(folder, model, run):
        log.info("%s", line)
    return run


def train_config(folder: MarianFolder, values: Mapping[str, object]) -> DictConfig:
    """What ``attendo train`` would compose from our options, with other values for some keys."""
    decoding, search = decoding_of(folder)
    words = [*OPTIONS, f"decoding={decoding}"]
    config = GlobalHydra.instance().config_loader().load_configuration("train", words, run_mode=RunMode.RUN)
    with open_dict(config):
        del config["hydra"]
    for key, value in {**values, **{f"decoding.{name}": each for name, each in search.items()}}.items():
        OmegaConf.update(config, key, value)
    return config


def settings_of(folder: MarianFolder, tied: str) -> dict[str, object]:
    """Key → value, of all that the model decides."""
    config = folder.config
    layers: dict[str, object] = {}
    for side in ("encoder", "decoder"):
        layers[f"model.{side}.layers"] = config[f"{side}_layers"]
        layers[f"model.{side}.heads"] = config[f"{side}_attention_heads"]
        layers[f"model.{side}.feed_forward_size"] = config[f"{side}_ffn_dim"]
    return {
        **layers,
        **FINE_TUNING,
        "data.train": None,
        "data.max_length": config["max_position_embeddings"] - 1,  # and EOS
        "data.unicode": None,  # SentencePiece normalises by itself
        "tokenizer.role": "source",
        "target_tokenizer.role": "target",
        "model.width": config["d_model"],
        "model.max_positions": config["max_position_embeddings"],
        "model.tied_embeddings": tied,
        "model.output_bias": True,
        "model.encoder.norm": "post",
        "model.encoder.activation": ACTIVATIONS[config["activation_function"]],
        "regularization.dropout": float(config.get("dropout", 0.1)),
        "regularization.attention_dropout": float(config.get("attention_dropout", 0.0)),
        "regularization.activation_dropout": float(config.get("activation_dropout", 0.0)),
    }


def farewell(folder: MarianFolder, model: nn.Module, run: Path) -> list[str]:
    """What was imported, and what to do with it."""
    config, place = folder.config, shown(run)
    count = sum(parameter.numel() for parameter in model.parameters())
    layers = f"{config['encoder_layers']}+{config['decoder_layers']} layers, width {config['d_model']}"
    rows = {
        "imported": f"{folder.path}: {layers}, {len(folder.target.tokens):,} tokens, {count:,} parameters",
        "run folder": place,
        "to translate": f"attendo predict run={place} input=… output=…",
        "to fine-tune": f"attendo train --config-dir {place} --config-name config init_from={place} "
        "data.train=[…,…] data.validation=[…,…]",
    }
    return [f"{what:28} {text}" for what, text in rows.items()]
