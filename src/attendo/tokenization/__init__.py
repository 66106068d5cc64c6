"""Text to ids and back."""

from attendo.tokenization.subwords import train_bpe, train_unigram
from attendo.tokenization.tokenizer import Tokenizer
from attendo.tokenization.training import train_character, train_whitespace, train_word
from attendo.tokenization.vocabulary import BOS, EOS, PAD, SPECIAL_TOKENS, UNK, Vocabulary

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "SPECIAL_TOKENS",
    "UNK",
    "Tokenizer",
    "Vocabulary",
    "train_bpe",
    "train_character",
    "train_unigram",
    "train_whitespace",
    "train_word",
]
