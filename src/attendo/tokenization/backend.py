"""What does a tokenizer's work."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import tokenizers

from attendo.tokenization.detokenisation import detokenise
from attendo.tokenization.vocabulary import UNK


@runtime_checkable
class Backend(Protocol):
    """Splits texts into tokens with ids, and joins tokens to texts.

    Attributes:
        format_version: of what `to_dict` returns.
        kind: what it is, for people.
        tokens: the vocabulary in the order of its ids, the four special tokens first.
    """

    @property
    def format_version(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def tokens(self) -> Sequence[str]: ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; no text may spell PAD, BOS or EOS."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many texts."""

    def pieces(self, text: str) -> list[str]:
        """Return one string per id of a text, unknown ones as the text spells them."""

    def join(self, tokens: Sequence[str]) -> str:
        """Return the text of tokens."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain containers."""


class Library:
    """A tokenizer of the library `tokenizers`.

    Args:
        backend: its first four ids are the special tokens. One without a decoder holds words, which
            attendo's own `detokenise` joins.

    Raises:
        ValueError: if it looks for special tokens in the text.
    """

    format_version = 1

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        if added := backend.get_added_tokens_decoder():
            names = sorted(str(token.content) for token in added.values())
            raise ValueError(f"This backend would read the text {names[0]!r} as a special token.")
        ids: dict[str, int] = backend.get_vocab(with_added_tokens=False)
        self.backend = backend
        self.tokens = sorted(ids, key=ids.__getitem__)
        self.kind = type(backend.model).__name__

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many texts, encoded in parallel."""
        encodings = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def pieces(self, text: str) -> list[str]:
        if self.backend.normalizer:
            text = self.backend.normalizer.normalize_str(text)
        words = [text] if text else []
        if self.backend.pre_tokenizer:
            words = [word for word, _ in self.backend.pre_tokenizer.pre_tokenize_str(text)]
        return [piece for word in words for piece in self._word_pieces(word)]

    def _word_pieces(self, word: str) -> list[str]:
        encoded = word.encode()  # the model counts its offsets in bytes
        return [
            encoded[slice(*token.offsets)].decode() if token.id == UNK else token.value
            for token in self.backend.model.tokenize(word)
        ]

    def join(self, tokens: Sequence[str]) -> str:
        if not self.backend.decoder:
            return detokenise(tokens)
        text: str = self.backend.decoder.decode(list(tokens))
        return text

    def to_dict(self) -> dict[str, Any]:
        return {"tokenizer": self.backend.to_str()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Library":
        """Rebuild what `to_dict` returned.

        Raises:
            ValueError: if the content cannot be read.
        """
        if not isinstance(state.get("tokenizer"), str):
            raise ValueError('A stored tokenizer has its JSON under the key "tokenizer"; there is none.')
        try:
            backend = tokenizers.Tokenizer.from_str(state["tokenizer"])
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"The stored tokenizer cannot be read: {error}") from error
        return cls(backend)
