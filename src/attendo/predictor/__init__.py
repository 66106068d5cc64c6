"""A trained model that answers new text: what ``attendo.load`` returns."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attendo.checkpoint import build_stored
from attendo.predictor.classifier import Attention, Classification, Classifier
from attendo.predictor.combined import combined
from attendo.predictor.decoding import decoding_node, with_ids
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
    "combined",
    "decoding_node",
    "device_of",
    "load",
    "precision_on",
    "with_ids",
]


def load(
    run: str | Path | Sequence[str | Path],
    checkpoint: str = "best",
    *,
    combine: str | None = None,
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
        run: a run folder or a checkpoint file; or several, with ``combine``. A stranger's runs no code.
        checkpoint: which file of a folder: "best", "last", …
        combine: what several become: an "ensemble" of translators, whose probabilities are averaged at every
            token, or the "average" of their weights, which makes sense of checkpoints of one training.
        trust: packages beside attendo and torch that the checkpoint may build objects from.
        accelerator: auto, cpu, gpu, cuda or mps.
        precision: 32-true, bf16-mixed or 16-mixed; None: the run's on an accelerator, 32-true on a CPU.
        batch_tokens: tokens, padding included, that are held at a time; None: as in training.
        decoding: what is to be different in the run's decoding, such as ``{"beam_size": 10}``; with another
            ``_target_`` (attendo.tasks.GreedyDecoding, …) only its limits stay.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: the file is damaged or not safe, or an argument makes no sense.
    """
    device = device_of(accelerator)
    trained, *others = combined(run, checkpoint, combine, trust)
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
        node = decoding_node(config, decoding or {}, trained.contents.tokenizers["target"])
        return Translator(trained, machine, build_stored(node, "decoding", trust), others)
    except (KeyError, TypeError) as error:  # a stranger's configuration may lack anything
        raise ValueError(f"{trained.path} is damaged: {type(error).__name__}: {error}") from error
