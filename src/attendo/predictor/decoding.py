"""How a run decodes, as its configuration says it and as the user says otherwise."""

from collections.abc import Mapping
from typing import Any

from attendo.suggestions import did_you_mean
from attendo.tokenization import Tokenizer

LIMITS = ("length_factor", "length_offset", "minimum_factor", "minimum_offset", "no_repeat_ngram", "banned")


def decoding_node(
    config: Mapping[str, Any], changed: Mapping[str, object], target: Tokenizer
) -> dict[str, Any]:
    """How a run decodes.

    Args:
        config: of its checkpoint.
        changed: arguments that are given otherwise now; with another ``_target_``, all but its limits.
        target: names the ids of words that are banned.
    """
    own = config.get("decoding") or {}
    if "_target_" in changed and changed["_target_"] != own.get("_target_"):
        own = {name: own[name] for name in LIMITS if name in own}
    return with_ids({**own, **changed}, target)


def with_ids(node: Mapping[str, Any], target: Tokenizer) -> dict[str, Any]:
    """A decoding whose banned words are ids.

    Raises:
        ValueError: a word is none of the vocabulary's.
    """
    vocabulary, ids = target.vocabulary, []
    for word in node.get("banned") or ():
        if isinstance(word, int) and not 0 <= word < len(vocabulary):
            raise ValueError(
                f"decoding.banned: {word} is no id of the target's vocabulary (0 … {len(vocabulary) - 1})"
            )
        if not isinstance(word, int) and word not in vocabulary:
            hint = did_you_mean(str(word), vocabulary.tokens)
            raise ValueError(f"decoding.banned: {word!r} is no token of the target's vocabulary.{hint}")
        ids.append(word if isinstance(word, int) else vocabulary.id(word))
    return {**node, "banned": ids}
