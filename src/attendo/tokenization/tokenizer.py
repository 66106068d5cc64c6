"""The tokenizer that every part of attendo uses: text to ids and back."""

from collections.abc import Sequence
from typing import Any, final

import tokenizers

from attendo.tokenization.detokenisation import detokenise
from attendo.tokenization.vocabulary import BOS, EOS, PAD, UNK, Vocabulary

_FORMAT_VERSION = 1


@final
class Tokenizer:
    """Text to ids and back; immutable, and made by the `train_*` functions or by `from_dict`.

    No text can spell a special token: the backend matches none, and what the `train_*` functions
    build never lets a piece of text equal one.

    Args:
        backend: a tokenizer of the `tokenizers` library whose first four ids are the special tokens.
            One without a decoder holds words, which attendo's own `detokenise` joins.

    Raises:
        ValueError: if the backend's vocabulary does not begin with the special tokens or if it looks
            for special tokens in the text.
    """

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        if added := backend.get_added_tokens_decoder():
            names = sorted(str(token.content) for token in added.values())
            raise ValueError(f"This backend would read the text {names[0]!r} as a special token.")
        ids: dict[str, int] = backend.get_vocab(with_added_tokens=False)
        self._backend = backend
        self._join = backend.decoder.decode if backend.decoder else detokenise
        self._vocabulary = Vocabulary(sorted(ids, key=ids.__getitem__))

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the tokens and their ids."""
        return self._vocabulary

    def __len__(self) -> int:
        return len(self._vocabulary)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without BOS and EOS."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of many texts, encoded in parallel."""
        encodings = self._backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def pieces(self, text: str) -> list[str]:
        """Return what `encode` gives ids to: one string per id, unknown ones as the text spells them."""
        if self._backend.normalizer:
            text = self._backend.normalizer.normalize_str(text)
        words = [text] if text else []
        if self._backend.pre_tokenizer:
            words = [word for word, _ in self._backend.pre_tokenizer.pre_tokenize_str(text)]
        return [piece for word in words for piece in self._word_pieces(word)]

    def _word_pieces(self, word: str) -> list[str]:
        encoded = word.encode()  # the model counts its offsets in bytes
        return [
            encoded[slice(*token.offsets)].decode() if token.id == UNK else token.value
            for token in self._backend.model.tokenize(word)
        ]

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
        return self._join(tokens)

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
        return {"format_version": _FORMAT_VERSION, "tokenizer": self._backend.to_str()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "Tokenizer":
        """Rebuild a tokenizer from what `to_dict` returned.

        Raises:
            ValueError: if the format is unknown or the content cannot be read.
        """
        version = state.get("format_version")
        if version != _FORMAT_VERSION:
            raise ValueError(
                f"This tokenizer was stored in format {version!r}; this version of attendo reads "
                f"format {_FORMAT_VERSION}. A newer format needs a newer attendo."
            )
        if not isinstance(state.get("tokenizer"), str):
            raise ValueError('A stored tokenizer has its JSON under the key "tokenizer"; there is none.')
        try:
            backend = tokenizers.Tokenizer.from_str(state["tokenizer"])
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"The stored tokenizer cannot be read: {error}") from error
        return cls(backend)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self._backend.to_str())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def __repr__(self) -> str:
        return f"Tokenizer({type(self._backend.model).__name__}, {len(self)} tokens)"
