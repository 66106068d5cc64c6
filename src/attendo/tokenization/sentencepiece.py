"""Tokenizers that come with a SentencePiece model, such as those of Marian and Opus-MT."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attendo.tokenization.vocabulary import SPECIAL_TOKENS, UNK

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

_SPACE = "▁"
_UNKNOWN = SPECIAL_TOKENS[UNK]
_STAND_IN = "\ue000"  # for "<unk>", which SentencePiece would show as " ⁇ "
_CODE_BEGIN, _CODE_END = ">>", "<<"


class SentencePieces:
    """A SentencePiece model (Kudo & Richardson 2018) with a vocabulary of its own, which ids belong to.

    The model splits texts into pieces; a piece that the vocabulary lacks is UNK. A text may begin with the
    code of the language to translate into, such as ">>fra<<", which is one token. All this as Hugging Face's
    MarianTokenizer does it, except that no text can spell a special token.

    The package `sentencepiece` does the work: other readers of its models differ from it where two ways to
    split a text are as good up to rounding ("aaaa"), and in how they normalise composed characters.

    Args:
        model: the bytes of a .spm file.
        tokens: the vocabulary in the order of its ids, the four special tokens first.

    Raises:
        ValueError: if the package is not installed or the bytes are no SentencePiece model.
    """

    format_version = 2
    kind = "SentencePiece"

    def __init__(self, model: bytes, tokens: Sequence[str]) -> None:
        self.model, self.tokens = model, list(tokens)
        self._processor = _processor(model)
        self._ids = {token: index for index, token in enumerate(tokens) if index >= len(SPECIAL_TOKENS)}

    def encode(self, text: str) -> list[int]:
        return [self._ids.get(piece, UNK) for piece in self.pieces(text)]

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        split = [_language_code(text) for text in texts]
        pieces = self._processor.encode([text for _, text in split], out_type=str)
        return [
            [self._ids.get(piece, UNK) for piece in (*code, *rest)]
            for (code, _), rest in zip(split, pieces, strict=True)
        ]

    def pieces(self, text: str) -> list[str]:
        code, text = _language_code(text)
        return [*code, *self._processor.encode(text, out_type=str)]

    def join(self, tokens: Sequence[str]) -> str:
        pieces = [_STAND_IN if token == _UNKNOWN else token for token in tokens]
        text: str = self._processor.decode_pieces(pieces)
        return text.replace(_SPACE, " ").replace(_STAND_IN, _UNKNOWN).strip()

    def to_dict(self) -> dict[str, Any]:
        return {"sentencepiece": base64.b64encode(self.model).decode(), "tokens": self.tokens}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "SentencePieces":
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: if the content cannot be read.
        """
        model, tokens = state.get("sentencepiece"), state.get("tokens")
        if not isinstance(model, str) or not isinstance(tokens, list):
            raise ValueError(
                'A stored SentencePiece tokenizer has "sentencepiece" and "tokens"; one is missing.'
            )
        return cls(base64.b64decode(model), tokens)


def _language_code(text: str) -> tuple[list[str], str]:
    """Return the code that a text begins with, if any, and the rest."""
    code, end, rest = text.partition(_CODE_END)
    return ([code + end], rest) if code.startswith(_CODE_BEGIN) and end else ([], text)


def _processor(model: bytes) -> "SentencePieceProcessor":
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise ValueError(
            "This tokenizer needs the package sentencepiece: pip install 'attendo[marian]'"
        ) from error
    try:
        if model:
            return SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise ValueError(f"These bytes are no SentencePiece model: {str(error)[:80]}") from error
    raise ValueError("This SentencePiece model is empty.")
