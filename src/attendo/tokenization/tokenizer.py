"""The tokenizer that every part of attendo uses: text to ids and back."""

import json
from collections.abc import Sequence
from typing import Any, final

import tokenizers

from attendo.tokenization.backend import Backend, Library
from attendo.tokenization.sentencepiece import SentencePieces
from attendo.tokenization.vocabulary import BOS, EOS, PAD, Vocabulary

_FORMATS = {backend.format_version: backend for backend in (Library, SentencePieces)}


@final
class Tokenizer:
    """Text to ids and back; immutable, and made by the `train_*` functions or by `from_dict`.

    No text can spell a special token: the backend matches none, and what the `train_*` functions
    build never lets a piece of text equal one.

    Args:
        backend: a tokenizer of the `tokenizers` library whose first four ids are the special tokens (one
            without a decoder holds words, which attendo's own `detokenise` joins), or another backend.

    Raises:
        ValueError: if the backend's vocabulary does not begin with the special tokens or if it looks
            for special tokens in the text.
    """

    def __init__(self, backend: tokenizers.Tokenizer | Backend) -> None:
        self._backend: Backend = Library(backend) if isinstance(backend, tokenizers.Tokenizer) else backend
        self._vocabulary = Vocabulary(self._backend.tokens)

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the tokens and their ids."""
        return self._vocabulary

    def __len__(self) -> int:
        return len(self._vocabulary)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without BOS and EOS."""
        return self._backend.encode(text)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many texts, encoded in parallel."""
        return self._backend.encode_batch(texts)

    def pieces(self, text: str) -> list[str]:
        """Return what `encode` gives ids to: one string per id, unknown ones as the text spells them."""
        return self._backend.pieces(text)

    def decode(self, ids: Sequence[int], unknown_words: Sequence[str] = ()) -> str:
        """Return the text of some ids: PAD and BOS are skipped, the first EOS ends it, UNK is "<unk>".

        Args:
            ids: ids of this tokenizer; the id `len(tokenizer) + i` stands for `unknown_words[i]`.
            unknown_words: pieces of the source text that are not in the vocabulary.

        Raises:
            ValueError: if an id is neither in the vocabulary nor stands for an unknown word.
        """
        tokens: list[str] = []
        for index in ids:
            if index == EOS:
                break
            if index not in (PAD, BOS):
                tokens.append(self._token(index, unknown_words))
        return self._backend.join(tokens)

    def _token(self, index: int, unknown_words: Sequence[str]) -> str:
        if 0 <= index < len(self):
            return self._vocabulary.token(index)
        if len(self) <= index < len(self) + len(unknown_words):
            return unknown_words[index - len(self)]
        raise ValueError(
            f"The id {index} means nothing here: the vocabulary has {len(self)} tokens and the "
            f"sentence {len(unknown_words)} unknown words. Were the ids made by another tokenizer?"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain containers for a checkpoint; `from_dict` reads them."""
        return {"format_version": self._backend.format_version, **self._backend.to_dict()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Tokenizer":
        """Rebuild a tokenizer from what `to_dict` returned.

        Raises:
            ValueError: if the format is unknown or the content cannot be read.
        """
        version = state.get("format_version")
        if version not in _FORMATS:
            known = " and ".join(map(str, _FORMATS))
            raise ValueError(
                f"This tokenizer was stored in format {version!r}; this version of attendo reads "
                f"format {known}. A newer format needs a newer attendo."
            )
        return cls(_FORMATS[version].from_dict(state))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def __repr__(self) -> str:
        return f"Tokenizer({self._backend.kind}, {len(self)} tokens)"
