"""How a Marian folder wants its answers searched for, in the words of conf/decoding."""

from collections.abc import Mapping
from typing import Any

from attendo.checkpoint.marian.folder import MarianFolder

RULES = {False: "hugging_face", True: "hugging_face_early", "never": "hugging_face_never"}
NEUTRAL: Mapping[str, tuple[object, ...]] = {  # settings that have no effect with these values
    "do_sample": (False,),
    "repetition_penalty": (1.0,),
    "encoder_repetition_penalty": (1.0,),
    "encoder_no_repeat_ngram_size": (0,),
    "num_beam_groups": (1,),
    "diversity_penalty": (0.0,),
    "penalty_alpha": (),
    "min_length": (0,),
    "min_new_tokens": (),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
    "sequence_bias": (),
    "forced_bos_token_id": (),
}


def decoding_of(folder: MarianFolder) -> tuple[str, dict[str, Any]]:
    """The option of conf/decoding, and values of its keys.

    Hugging Face's maximum counts the token that a target starts with, and EOS, which is forced at its end.
    """
    search = folder.generation
    longest = search.get("max_length") or folder.config["max_position_embeddings"]
    values = {
        "length_factor": 0.0,
        "length_offset": max(1, longest - (1 if search.get("forced_eos_token_id") is None else 2)),
        "no_repeat_ngram": search.get("no_repeat_ngram_size") or 0,
        "banned": [folder.target.rows.index(index) for index in banned_ids(folder)],
    }
    beams = search.get("num_beams") or 1
    if beams == 1:
        return "greedy", values
    beam = {
        "beam_size": beams,
        "alpha": float(1.0 if search.get("length_penalty") is None else search["length_penalty"]),
        "rules": RULES[search.get("early_stopping") or False],
    }
    return "hugging_face", {**values, **beam}


def banned_ids(folder: MarianFolder) -> list[int]:
    """Marian's ids of tokens that are never produced, beside padding."""
    words = folder.generation.get("bad_words_ids") or []
    return [word[0] for word in words if len(word) == 1 and word[0] != folder.target.pad]


def without_effect(folder: MarianFolder) -> list[str]:
    """Settings of the search that attendo does not follow."""
    search = folder.generation
    found = [
        f"{name}={search[name]}"
        for name, neutral in NEUTRAL.items()
        if search.get(name) is not None and search[name] not in neutral
    ]
    several = [word for word in search.get("bad_words_ids") or [] if len(word) > 1]
    return found + ([f"bad_words_ids={several}"] if several else [])
