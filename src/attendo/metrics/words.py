"""Words of a text in any script."""

import unicodedata

import regex  # type: ignore[import-untyped]

SPACELESS_SCRIPTS = r"[\p{Han}\p{Bopomofo}\p{Hiragana}\p{Katakana}ーｰ\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
SPACELESS_CHARACTER = regex.compile(rf"(?V1){SPACELESS_SCRIPTS}")
SPACELESS = (
    rf"[{SPACELESS_SCRIPTS}&&\p{{L}}]"  # each of these letters, with the marks on it, counts as a word
)
WORD = regex.compile(rf"(?V1){SPACELESS}\p{{M}}*|[[\p{{L}}\p{{M}}\p{{N}}]--{SPACELESS}]+")
INVISIBLE = regex.compile(r"(?V1)[\p{Cf}--\u200B]")  # joiners and soft hyphens; not the space without width


def words(text: str) -> list[str]:
    """Runs of letters, marks and digits, in order; in scripts without spaces, single letters.

    Of ASCII text, what rouge-score would find, but for case.
    """
    found: list[str] = WORD.findall(INVISIBLE.sub("", unicodedata.normalize("NFC", text)))
    return found


def is_spaceless(character: str) -> bool:
    """Whether a character (or "") is of a script that does without spaces."""
    return SPACELESS_CHARACTER.fullmatch(character) is not None
