"""Words of a text, in any language, and the text of such words."""

import unicodedata
from collections.abc import Sequence

# Scripts written without spaces, in which every character is a token: Thai and Lao, Burmese, Khmer,
# Chinese radicals, Chinese marks and numerals, kana, ideographs, halfwidth kana, rare kana and ideographs.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u303c"
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U0001aff0-\U0001b16f\U00020000-\U0003fffd"
)
_UNSPACED_RANGES = tuple((part[0], part[2]) for part in zip(*[iter(_UNSPACED)] * 3, strict=True))
_INNER = ".'’‐@&_-"  # letters or digits around them: one word (don't, E-Mail, z.B, example.com, 3.14)
_INNER_OF_NUMBERS = ",:"  # digits around them: one number (1,000 or 20:15)
_FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"  # two of them: 🇩🇪
_JOINER = "\u200d"  # zero width: 👨‍👩‍👧 is three people and two joiners
_EXTENDING = "\u200c\u200d\U0001f3fb-\U0001f3ff"  # with all marks: what belongs to the character before it

_START = rf"[\p{{L}}\p{{N}}&&[^{_UNSPACED}]]"
_MARK = rf"[\p{{M}}{_EXTENDING}]"
_RUN = rf"{_START}(?:{_START}|{_MARK})*"
_SYMBOL = rf"\S{_MARK}*"

WORD_PATTERN = (
    rf"{_RUN}(?:(?:[{_INNER}]|(?<=\p{{Nd}})[{_INNER_OF_NUMBERS}](?=\p{{Nd}})){_RUN})*(?:[-‐](?![-‐]))?"
    rf"|[{_FLAG_LETTERS}]{{2}}"
    rf"|{_SYMBOL}(?:(?<={_JOINER}){_SYMBOL})*"
)
"""Oniguruma pattern of one word: a run of letters, marks and digits; an unspaced character; or a symbol.

A hyphen that ends a word stays with it ("Vor- und Nachteile").
"""

_CLOSING = frozenset(".,;:!?…%‰°′″)]}”’")
_OPENING = frozenset("([{¿¡")
_BINDING = frozenset("/—")  # no space on either side
_BEFORE_NUMBERS = frozenset("$£€¥#@+-−±~")
_BEFORE_WORDS = frozenset("#@")
_CLOSING_QUOTES = {
    '"': '"', "'": "'", "“": "”", "‘": "’", "„": "“”", "‚": "‘’", "«": "»", "»": "«", "‹": "›", "›": "‹",
}  # fmt: skip
_UNSPACED_PUNCTUATION = frozenset("·…—–“”‘’\"'")  # ours between unspaced characters, without spaces


def detokenise(tokens: Sequence[str]) -> str:
    """Join words and symbols to a text as people write it; splitting the text gives the tokens again.

    Rules for punctuation, brackets, quotes and numbers, the same for all languages. Unspaced
    characters stand without spaces, also next to other words where they are the majority.
    """
    unspaced = [_is_unspaced(token) for token in tokens]
    is_dense = sum(unspaced) > sum(map(_is_word, tokens))
    sides = _sides(tokens, is_dense)
    parts: list[str] = list(tokens[:1])
    was_glued = False
    for index in range(1, len(tokens)):
        left, right = tokens[index - 1 : index + 1]
        wants_glue = sides[index - 1][1] or sides[index][0] or (unspaced[index - 1] and unspaced[index])
        if is_dense and unspaced[index - 1] != unspaced[index]:
            wants_glue |= _is_word(left) or _is_word(right)
        # "a." and "b" must not become the one word "a.b"
        would_merge = was_glued and left in _INNER + _INNER_OF_NUMBERS and _is_word(right)
        was_glued = wants_glue and not would_merge and not _belong_together(left, right)
        parts.append(right if was_glued else f" {right}")
    return "".join(parts)


def _belong_together(left: str, right: str) -> bool:
    """Say whether the characters at the border of two tokens would become one token without a space."""
    is_mark = unicodedata.category(right[0])[0] == "M" or right[0] in "\u200c\u200d🏻🏼🏽🏾🏿"
    return is_mark or left[-1] == _JOINER or (_is_word(left) and _is_word(right))


def _is_unspaced(token: str) -> bool:
    return any(first <= token[0] <= last for first, last in _UNSPACED_RANGES)


def _is_word(token: str) -> bool:
    """Say whether a token is a run of letters and digits, or stands for one ("<unk>")."""
    is_run = unicodedata.category(token[0])[0] in "LN" and not _is_unspaced(token)
    return is_run or (token[0] == "<" and len(token) > 1)


def _is_number(token: str) -> bool:
    return token[0].isdecimal()


def _sides(tokens: Sequence[str], is_dense: bool) -> list[tuple[bool, bool]]:
    """Return for every token whether it attaches to the token on its left and on its right."""
    quotes = _quote_sides(tokens)
    sides: list[tuple[bool, bool]] = []
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in _BINDING or _is_wide(token) or (is_dense and token in _UNSPACED_PUNCTUATION):
            sides.append((True, True))
        elif index in quotes:
            sides.append(quotes[index])
        else:
            repeats = token == before and token.isascii() and not _is_word(token)  # "--" or "**"
            is_left = token in _CLOSING or repeats or _is_range(before, token, after)
            is_right = (
                token in _OPENING or _is_range(before, token, after) or _is_prefix(before, token, after)
            )
            sides.append((is_left, is_right))
    return sides


def _is_wide(token: str) -> bool:
    """Say whether a token is Chinese or Japanese punctuation, whose space is part of its shape."""
    return ("\u3000" <= token[0] <= "\u303f" or "\uff01" <= token[0] <= "\uff65") and not _is_word(token)


def _is_range(before: str, token: str, after: str) -> bool:
    return token == "–" and bool(before) and bool(after) and _is_number(before) and _is_number(after)


def _is_prefix(before: str, token: str, after: str) -> bool:
    """Say whether a symbol belongs to the word after it: "$5", "-5" (but "8 - 5"), "#tag"."""
    if not after or (before and _is_number(before)):
        return False
    return (token in _BEFORE_NUMBERS and _is_number(after)) or (token in _BEFORE_WORDS and _is_word(after))


def _quote_sides(tokens: Sequence[str]) -> dict[int, tuple[bool, bool]]:
    """Return the sides of every quotation mark that may open: „so“, “so”, «so», »so«, "so", 'so'."""
    sides: dict[int, tuple[bool, bool]] = {}
    awaited: list[str] = []
    for index, token in enumerate(tokens):
        if len(token) > 1 or token not in "".join(_CLOSING_QUOTES):
            continue
        if awaited and token in awaited[-1]:
            awaited.pop()
            sides[index] = (True, False)
        elif token in "\"'" and token not in tokens[index + 1 :]:
            sides[index] = (True, False)  # alone: an apostrophe ("the dogs' bones") or inches
        else:
            awaited.append(_CLOSING_QUOTES[token])
            sides[index] = (False, True)
    return sides
