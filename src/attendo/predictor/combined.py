"""One model out of several runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from attendo.checkpoint import Trained, averaged, checkpoint_of, load_trained
from attendo.suggestions import did_you_mean

Combine = Literal["ensemble", "average"]


def combined(
    run: str | Path | Sequence[str | Path],
    checkpoint: str,
    combine: str | None,
    trust: Iterable[str] = (),
) -> list[Trained]:
    """The model of a run, that of several runs' mean weights, or the members of an ensemble.

    Args:
        run: one run or several.
        checkpoint: which file of a folder.
        combine: what several become.
        trust: as for ``load_trained``.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: runs that do not fit each other, or a single one to combine.
    """
    runs = [run] if isinstance(run, str | Path) else list(run)
    if combine is not None and combine not in get_args(Combine):
        choices = get_args(Combine)
        raise ValueError(
            f"combine={combine}: expected {' or '.join(choices)}.{did_you_mean(combine, choices)}"
        )
    if not runs or len(set(map(str, runs))) < len(runs):
        raise ValueError(f"run={list(map(str, runs))}: expected a run, or a list of different ones")
    if combine is None and len(runs) > 1:
        raise ValueError(f"run: found {len(runs)} runs: say combine=ensemble or combine=average")
    if combine is not None and len(runs) == 1:
        raise ValueError(f"combine={combine} needs several runs: run=[A,B]")
    if combine == "average":
        return [average_of([checkpoint_of(each, checkpoint) for each in runs], trust)]
    found = [load_trained(each, checkpoint, trust) for each in runs]
    for other in found[1:]:
        check_ensemble(found[0], other)
    return found


def average_of(paths: Sequence[Path], trust: Iterable[str]) -> Trained:
    """The model with the mean of some checkpoints' weights."""
    mean = averaged(paths)
    trained = load_trained(paths[-1], trust=trust)
    trained.model.load_state_dict(dict(mean.values))
    return replace(trained, contents=mean.contents)


def check_ensemble(first: Trained, other: Trained) -> None:
    """Raises ValueError unless both say the same with the same ids."""
    if first.contents.labels or other.contents.labels:
        raise ValueError("combine=ensemble is for translators; without it, classifiers answer side by side")
    if dict(first.contents.tokenizers) != dict(other.contents.tokenizers):
        raise ValueError(
            f"combine=ensemble: {other.path} has other tokenizers than {first.path}; expected one vocabulary"
        )
    copies = [each.contents.config["model"].get("copy") is not None for each in (first, other)]
    if copies[0] != copies[1]:
        raise ValueError(
            f"combine=ensemble: of {first.path} and {other.path} one copies words and one does not"
        )
