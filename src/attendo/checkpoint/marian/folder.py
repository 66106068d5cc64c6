"""What the files of a Marian model say, checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from attendo.checkpoint.marian.vocabulary import MarianVocabulary
from attendo.suggestions import did_you_mean
from attendo.tokenization import Tokenizer
from attendo.tokenization.sentencepiece import SentencePieces

ACTIVATIONS = {"relu": "relu", "gelu": "gelu", "swish": "silu", "silu": "silu"}  # theirs → ours
SIZES = (
    "d_model", "encoder_layers", "decoder_layers", "encoder_attention_heads", "decoder_attention_heads",
    "encoder_ffn_dim", "decoder_ffn_dim", "max_position_embeddings", "vocab_size",
)  # fmt: skip
OLD_VARIANTS = {  # options of early versions, which no published model uses: key → the only value
    "normalize_before": False,
    "normalize_embedding": False,
    "add_final_layer_norm": False,
    "static_position_embeddings": True,
}
ARCHITECTURE = "MarianMTModel"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class MarianFolder:
    """A folder that transformers' MarianMTModel and MarianTokenizer were saved to.

    Attributes:
        config: what config.json says.
        generation: how answers are searched for: generation_config.json, or, of older folders, config.json.
        source, target: the vocabularies; the same one for both, or one for each.
    """

    path: Path
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    source: MarianVocabulary
    target: MarianVocabulary

    @classmethod
    def read(cls, path: Path) -> "MarianFolder":
        """Reads everything but the weights.

        Raises:
            FileNotFoundError: a file is missing.
            ValueError: a file is damaged, or the model is none that attendo can compute.
        """
        if not path.is_dir():
            raise FileNotFoundError(f"marian={path}: there is no such folder")
        config = read_json(path / "config.json")
        check_config(config, path)
        settings = read_json(path / "tokenizer_config.json", optional=True)
        generation = read_json(path / "generation_config.json", optional=True) or config
        source = read_vocabulary(path / "vocab.json", settings)
        is_separate = bool(settings.get("separate_vocabs"))
        target = read_vocabulary(path / "target_vocab.json", settings) if is_separate else source
        check_sizes(config, source, target, path)
        weights_file(path)
        return cls(path, config, generation, source, target)

    @cached_property
    def tokenizers(self) -> dict[str, Tokenizer]:
        """Role → tokenizer.

        Raises:
            FileNotFoundError, ValueError: source.spm or target.spm is missing or damaged.
        """
        found = {}
        for role, vocabulary in (("source", self.source), ("target", self.target)):
            file = existing(self.path / f"{role}.spm")
            try:
                found[role] = Tokenizer(SentencePieces(file.read_bytes(), vocabulary.tokens))
            except ValueError as error:
                raise ValueError(f"{file}: {error}") from error
        return found

    @property
    def is_renormalised(self) -> bool:
        """Whether the search leaves the probability of padding, which is banned, to the other tokens."""
        return bool(self.generation.get("renormalize_logits"))

    def weights(self) -> dict[str, Tensor]:
        """Hugging Face's name → value, in fp32.

        Raises:
            ValueError: the file is damaged.
        """
        file = weights_file(self.path)
        try:
            found = read_safetensors(file) if file.suffix == ".safetensors" else read_torch(file)
        except Exception as error:  # damaged bytes raise anything
            raise ValueError(f"{file} is no readable file of weights: {error}") from error
        return {name: value.float() for name, value in found.items()}


# --------------------------------------------------------------------------------------------------- checks
def check_config(config: Mapping[str, Any], path: Path) -> None:
    """Raises ValueError unless the folder holds a Marian model of the kind that transformers computes."""
    file = path / "config.json"
    kind, (architecture, *_) = config.get("model_type"), config.get("architectures") or [ARCHITECTURE]
    if kind != "marian" or architecture != ARCHITECTURE:
        found = architecture if kind == "marian" else kind
        raise ValueError(
            f"{path}: this folder holds a {found} model; attendo imports Marian ({ARCHITECTURE})"
        )
    for name in SIZES:
        if not isinstance(config.get(name), int) or config[name] < 1:
            raise ValueError(f"{file}: {name} is {config.get(name)}; expected a number above 0")
    activation = config.get("activation_function")
    if activation not in ACTIVATIONS:
        known, hint = ", ".join(ACTIVATIONS), did_you_mean(str(activation), ACTIVATIONS)
        raise ValueError(f"{file}: activation_function is {activation}; expected {known}.{hint}")
    for name, only in OLD_VARIANTS.items():
        if config.get(name, only) != only:
            raise ValueError(f"{file}: {name} is {config[name]}; attendo computes {only} only")
    start, pad = config.get("decoder_start_token_id"), config.get("pad_token_id")
    if start != pad:
        raise ValueError(
            f"{file}: decoder_start_token_id is {start} and pad_token_id {pad}; expected the same: "
            "Marian's decoder starts with padding"
        )


def check_sizes(
    config: Mapping[str, Any], source: MarianVocabulary, target: MarianVocabulary, path: Path
) -> None:
    """Raises ValueError unless every row of the embeddings has a name, and special tokens their ids."""
    for vocabulary, key in ((source, "vocab_size"), (target, "decoder_vocab_size")):
        rows = config.get(key) or config["vocab_size"]
        if len(vocabulary.names) != rows:
            raise ValueError(
                f"{vocabulary.file} has {len(vocabulary.names)} tokens, but {path / 'config.json'} says "
                f"{key}={rows}: they do not belong together"
            )
    for key, index in (("pad_token_id", target.pad), ("eos_token_id", target.eos)):
        if config.get(key) != index:
            raise ValueError(
                f"{path / 'config.json'}: {key} is {config.get(key)}, but {target.file} says {index}"
            )


# ---------------------------------------------------------------------------------------------------- files
def existing(file: Path) -> Path:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file.parent}: found no {file.name}; expected a folder of Hugging Face's Marian"
        )
    return file


def weights_file(folder: Path) -> Path:
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    others = sorted(
        file.name
        for pattern in ("*.h5", "*.msgpack", "*.ot", "*.index.json")
        for file in folder.glob(pattern)
    )
    found = f"; there is {', '.join(others)}, which attendo does not read" if others else ""
    raise FileNotFoundError(f"{folder}: found neither {' nor '.join(WEIGHT_FILES)}{found}")


def read_json(file: Path, optional: bool = False) -> dict[str, Any]:
    if optional and not file.is_file():
        return {}
    try:
        content = json.loads(existing(file).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: found a {type(content).__name__}; expected a JSON object")
    return content


def read_vocabulary(file: Path, settings: Mapping[str, Any]) -> MarianVocabulary:
    return MarianVocabulary.of(file, read_json(file), settings)


def read_safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(file)


def read_torch(file: Path) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return found
