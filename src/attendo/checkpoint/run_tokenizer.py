"""The tokenizer of an earlier run, for a run that starts from its weights."""

from attendo.checkpoint.contents import checkpoint_of, read_checkpoint
from attendo.suggestions import did_you_mean
from attendo.tokenization import Tokenizer

KEY = "tokenizer.run"


def tokenizer_of_run(run: str | None, role: str | None) -> Tokenizer:
    """The tokenizer that a run was trained with.

    Args:
        run: a run folder or a checkpoint file.
        role: of its texts: source, target, text or text_b; None where all share one tokenizer.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: the file is damaged, or the run has no such role, or several tokenizers and none is named.
    """
    if run is None:
        raise ValueError(f"{KEY} is missing: give init_from=… (its tokenizers are then taken), or {KEY}=…")
    tokenizers = read_checkpoint(checkpoint_of(run, key=KEY))[0].tokenizers
    if role is not None and role not in tokenizers:
        hint = did_you_mean(role, tokenizers)
        raise ValueError(f"tokenizer.role={role}: the texts of {run} are {' and '.join(tokenizers)}.{hint}")
    if role is not None:
        return tokenizers[role]
    if len(set(tokenizers.values())) > 1:
        raise ValueError(
            f"{run} has one tokenizer for sources and one for targets; add tokenizer.role=source "
            "tokenizer@target_tokenizer=from_run target_tokenizer.role=target"
        )
    return next(iter(tokenizers.values()))
