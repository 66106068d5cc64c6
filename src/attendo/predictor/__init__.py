"""A trained model that answers new text: what ``attendo.load`` returns."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from attendo.checkpoint import build_stored, load_trained
from attendo.predictor.classifier import Attention, Classification, Classifier
from attendo.predictor.machine import PRECISIONS, Machine, device_of, precision_on
from attendo.predictor.reader import CHUNK, TruncationWarning, chunks
from attendo.predictor.translator import Score, Translation, Translator

__all__ = [
    "CHUNK",
    "PRECISIONS",
    "Attention",
    "Classification",
    "Classifier",
    "Score",
    "Translation",
    "Translator",
    "TruncationWarning",
    "chunks",
    "device_of",
    "load",
    "precision_on",
]


def load(
    run: str | Path,
    checkpoint: str = "best",
    *,
    trust: Iterable[str] = (),
    accelerator: str = "auto",
    precision: str | None = None,
    batch_tokens: int | None = None,
    decoding: Mapping[str, object] | None = None,
) -> Classifier | Translator:
    """A trained model to ask: a ``Classifier`` or a ``Translator``.

    Texts are read as in training: white space at both ends goes, the Unicode form, the tokenizer and the
    longest length are the run's. What is said of one text does not depend on the others, up to rounding.

    Args:
        run: a run folder or a checkpoint file. A stranger's runs no code.
        checkpoint: which file of a folder: "best" or "last".
        trust: packages beside attendo and torch that the checkpoint may build objects from.
        accelerator: auto, cpu, gpu, cuda or mps.
        precision: 32-true, bf16-mixed or 16-mixed; None: the run's on an accelerator, 32-true on a CPU.
        batch_tokens: tokens, padding included, that are held at a time; None: as in training.
        decoding: what is to be different in the run's decoding, such as ``{"length_factor": 1.5}``.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: the file is damaged or not safe, or an argument makes no sense.
    """
    device = device_of(accelerator)
    trained = load_trained(run, checkpoint, trust)
    config = trained.contents.config
    try:
        precision = precision_on(device, precision, config["trainer"]["precision"])
        if batch_tokens is None:
            batch_tokens = config["data"]["tokens_per_micro_batch"]
        machine = Machine(device, precision, batch_tokens)
        if trained.contents.labels:
            if decoding:
                raise ValueError(f"decoding: {trained.path} is a classifier, which decodes nothing")
            return Classifier(trained, machine)
        return Translator(trained, machine, build_stored(config, "decoding", decoding or {}, trust))
    except (KeyError, TypeError) as error:  # a stranger's configuration may lack anything
        raise ValueError(f"{trained.path} is damaged: {type(error).__name__}: {error}") from error
