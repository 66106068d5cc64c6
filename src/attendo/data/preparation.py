"""From raw text to tables of token ids: read, divided, tokenized and encoded once, then mapped."""

import inspect
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path

import numpy as np

import attendo
from attendo.data.cache import cached_folder, content_key
from attendo.data.labels import Labels, encoded_labels, label_names
from attendo.data.lengths import LengthPolicy
from attendo.data.reading import (
    REFERENCES,
    OnError,
    RawSplit,
    SkippedRow,
    TextReader,
    UnicodeForm,
    key_of_part,
    normalised,
)
from attendo.data.sources import SPLITS, Source
from attendo.data.splits import SplitPolicy
from attendo.data.tables import IdTable, IdTableWriter, Rows, TextTable
from attendo.tokenization import UNK, Tokenizer

log = logging.getLogger(__name__)

TokenizerTrainer = partial[Tokenizer]
Trainers = Mapping[str, TokenizerTrainer | Tokenizer]  # role → how its tokenizer is trained, or the tokenizer
Tokenizers = dict[str, Tokenizer]  # role → tokenizer; one object for both sides where the vocabulary is joint


@dataclass(frozen=True)
class Split:
    """One split, encoded.

    Attributes:
        origin: the source's split that its rows come from.
        texts: raw texts of all of ``origin``'s usable rows; ``ids.rows`` are the split's.
        labels: class of each row; of multi-label data (row, label), whether the row has the label; None for
            pairs of source and target.
        too_long: rows that were cut or left out by the length policy.
    """

    name: str
    origin: str
    texts: TextTable
    ids: IdTable
    labels: Labels | None
    too_long: int

    def __len__(self) -> int:
        return len(self.ids)

    def raw(self, role: str, rows: Rows) -> list[str]:
        """Raw texts of some of the split's rows."""
        return self.texts.texts(role, self.ids.rows[rows])

    def references(self, rows: Rows) -> list[list[str]]:
        """All targets of some of the split's rows; empty where no row of the split can have several."""
        if REFERENCES not in self.texts.names:
            return []
        return [json.loads(text) for text in self.raw(REFERENCES, rows)]


@dataclass(frozen=True)
class PreparedData:
    """Everything that training needs to know of the data."""

    splits: Mapping[str, Split]
    tokenizers: Tokenizers
    labels: list[str]  # class names in the order of their ids; empty for pairs
    skipped: Sequence[SkippedRow] = ()  # bad rows that data.on_error=skip left out, of all splits
    is_multilabel: bool = False  # a row may have any number of the labels

    @property
    def is_labelled(self) -> bool:
        """Labelled texts (or pairs of texts), not sources and targets."""
        return bool(self.labels)


@dataclass(frozen=True)
class Preparation:
    """How raw text becomes tables.

    Args:
        source: where the text is.
        splits: what is held out.
        lengths: what happens to long texts.
        unicode: normal form that every text is brought to, or None to leave it as it is.
        labels: class names in the order of their ids, or None for the training split's names, sorted.
        cache_dir: folder of the tables; safe to delete.
        on_error: what a bad row does: "error" refuses it, "skip" leaves it out.
        label_separator: text between several labels of one row, or None if every row has one.
    """

    source: Source
    splits: SplitPolicy
    lengths: LengthPolicy
    unicode: UnicodeForm | None
    labels: Sequence[str] | None
    cache_dir: Path
    on_error: OnError = "error"
    label_separator: str | None = None

    def __post_init__(self) -> None:
        if self.label_separator == "":
            raise ValueError("data.label_separator='': expected at least one character, or null")
        if self.label_separator is not None and "label" not in self.source.roles:
            raise ValueError(f"data.label_separator={self.label_separator!r}: this data has no labels")

    @cached_property
    def reader(self) -> TextReader:
        return TextReader(self.source, self.unicode, self.on_error, self.cache_dir, self.separator)

    @property
    def separator(self) -> str | None:
        """Between the labels as they stand in the tables."""
        return None if self.label_separator is None else normalised(self.label_separator, self.unicode)

    @property
    def text_roles(self) -> tuple[str, ...]:
        return tuple(role for role in self.source.roles if role != "label")

    def train(self, trainers: Trainers) -> PreparedData:
        """Tables of all splits, with tokenizers trained on the training split alone.

        Args:
            trainers: of each role, or, under the one key "joint", of all of them.

        Raises:
            ValueError, FileNotFoundError: what is wrong with the user's files or settings.
        """
        self.check_roles(trainers)
        raw = self.divided()
        labels = self.labels_of(raw["train"])
        raw = {name: self.with_known_labels(raw[name], labels) for name in SPLITS if name in raw}
        tokenizers = self.trained_tokenizers(trainers, raw["train"])
        splits = {name: self.encoded(part, tokenizers, labels) for name, part in raw.items()}
        if len(splits["train"]) == 0:
            raise ValueError(
                "data.train: no training row is left: all are longer than "
                f"data.max_length={self.lengths.max_length}"
            )
        skipped = [row for part in raw.values() for row in part.skipped]
        return PreparedData(splits, tokenizers, labels, skipped, self.separator is not None)

    def evaluate(self, split: str, tokenizers: Tokenizers, labels: list[str]) -> PreparedData:
        """The table of one split, with the tokenizers and labels of a trained model."""
        self.check_roles(tokenizers)
        raw = {split: self.whole_split(split)} if self.source.has(split) else self.divided()
        if split not in raw:
            raise ValueError(f"the data has no {split} split; it has {', '.join(sorted(raw))}")
        part = self.with_known_labels(raw[split], labels)
        splits = {split: self.encoded(part, tokenizers, labels)}
        return PreparedData(splits, tokenizers, labels, part.skipped, self.separator is not None)

    def check_roles(self, tokenizers: Mapping[str, object]) -> None:
        """Raises ValueError unless every text has its tokenizer, and every tokenizer its texts."""
        if set(tokenizers) not in ({"joint"}, set(self.text_roles)):
            raise ValueError(
                f"there are tokenizers for {' and '.join(tokenizers)}, but the data's texts are "
                f"{' and '.join(self.text_roles)}: expected one for each, or one for all"
            )

    def divided(self) -> dict[str, RawSplit]:
        """Every split: the source's own, and those held out from its training rows."""
        if not self.source.has("train"):
            raise ValueError("data.train is missing: there is nothing to train on")
        named = [name for name in SPLITS if self.source.has(name)]
        for name in named:  # every mistake in a name before the first split is read
            self.reader.begin(name)
        raw = {name: self.whole_split(name) for name in named}
        whole = raw["train"]
        labels = whole.texts.texts("label", whole.rows) if "label" in self.source.roles else None
        parts = self.splits.divide(
            len(whole.rows),
            labels,
            has_validation="validation" in raw,
            has_test="test" in raw,
            is_multilabel=self.separator is not None,
        )
        for name, places in parts.items():
            rows = whole.rows[places]
            skipped = whole.skipped if name == "train" else ()
            raw[name] = RawSplit(name, "train", whole.texts, rows, key_of_part(whole, rows), skipped)
        return raw

    def whole_split(self, name: str) -> RawSplit:
        """All rows of one of the source's own splits."""
        raw = self.reader.read(name)
        if self.labels is None or "label" not in self.source.roles:
            return raw
        names = [normalised(name, self.unicode) for name in self.labels]
        return self.reader.with_labels(raw, names, "is not in data.labels")

    def with_known_labels(self, raw: RawSplit, labels: Sequence[str]) -> RawSplit:
        """The split with those rows only whose label training had."""
        return self.reader.with_labels(raw, labels, "does not occur in training") if labels else raw

    def places(self, split: Split, rows: Rows) -> Sequence[str]:
        """File and line of some of a split's rows."""
        return self.reader.places(split.origin, split.ids.rows[rows])

    def where(self, raw: RawSplit, row: int) -> str:
        """Place of a row of the text table, for messages."""
        return self.reader.places(raw.origin, np.array([row]))[0]

    def trained_tokenizers(self, trainers: Trainers, raw: RawSplit) -> Tokenizers:
        tokenizers: Tokenizers = {}
        for name, trainer in trainers.items():
            roles = self.text_roles if name == "joint" else (name,)
            made = trainer if isinstance(trainer, Tokenizer) else self.trained(trainer, roles, raw)
            tokenizers.update(dict.fromkeys(roles, made))
        return tokenizers

    def trained(self, trainer: TokenizerTrainer, roles: Sequence[str], raw: RawSplit) -> Tokenizer:
        function = f"{trainer.func.__module__}.{trainer.func.__qualname__}"
        settings = [repr(trainer.args), {name: repr(value) for name, value in trainer.keywords.items()}]
        versions = [attendo.__version__, metadata.version("tokenizers"), inspect.getsource(trainer.func)]

        def build(folder: Path) -> None:
            count = len(raw.rows) * len(roles)
            log.info("training the tokenizer on %d texts (%s)", count, ", ".join(roles))
            lines = (text for role in roles for chunk in raw.texts.stream(role, raw.rows) for text in chunk)
            (folder / "tokenizer.json").write_text(json.dumps(trainer(lines).to_dict()), encoding="utf-8")

        key = content_key("tokenizer", raw.key, list(roles), function, settings, versions)
        file = cached_folder(self.cache_dir, key, build) / "tokenizer.json"
        return Tokenizer.from_dict(json.loads(file.read_text(encoding="utf-8")))

    def labels_of(self, raw: RawSplit) -> list[str]:
        """Class names in the order of their ids.

        Of multi-label data they are those of held-out training rows too: no division keeps every rare one.
        """
        if "label" not in self.source.roles:
            return []
        if self.labels is None:
            rows = raw.rows if self.separator is None else np.arange(len(raw.texts))
            texts = set(raw.texts.texts("label", rows))
            names = sorted({name for text in texts for name in label_names(text, self.separator)})
        else:
            names = [normalised(name, self.unicode) for name in self.labels]
        if len(set(names)) < len(names):
            raise ValueError(f"data.labels={names}: expected every class once")
        if not names:
            raise ValueError("data.train: no training row has a label; expected one or more")
        if len(names) < 2 and self.separator is None:
            raise ValueError(
                f"data.train: the training rows have one class only, {names}; expected two or more"
            )
        return names

    def encoded(self, raw: RawSplit, tokenizers: Tokenizers, labels: list[str]) -> Split:
        roles = self.text_roles
        policy = [self.lengths.max_length, self.lengths.too_long, raw.name == "train"]
        parts = [tokenizers[role].to_dict() for role in roles]

        def build(folder: Path) -> None:
            log.info("encoding %d %s rows", len(raw.rows), raw.name)
            writer = IdTableWriter(folder, roles, [len(tokenizers[role]) for role in roles])
            too_long = 0
            for kept, columns, long_here in self.encoded_chunks(raw, tokenizers):
                writer.append(kept, columns)
                too_long += long_here
            writer.finish()
            (folder / "counts.json").write_text(json.dumps({"too_long": too_long}), encoding="utf-8")

        folder = cached_folder(self.cache_dir, content_key("ids", raw.key, policy, parts), build)
        ids = IdTable.open(folder, roles)
        counts: dict[str, int] = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
        codes = encoded_labels(raw.texts.texts("label", ids.rows), labels, self.separator) if labels else None
        return Split(raw.name, raw.origin, raw.texts, ids, codes, counts["too_long"])

    def encoded_chunks(
        self, raw: RawSplit, tokenizers: Tokenizers
    ) -> Iterator[tuple[Rows, list[list[list[int]]], int]]:
        """Chunks of rows that are kept, their ids (role, row, token), and how many rows were too long."""
        streams = [raw.texts.stream(role, raw.rows) for role in self.text_roles]
        start = 0
        for columns in zip(*streams, strict=True):
            encoded = [tokenizers[r].encode_batch(c) for r, c in zip(self.text_roles, columns, strict=True)]
            rows = raw.rows[start : start + len(encoded[0])]
            start += len(rows)
            fitted = [
                self.lengths.apply([ids or [UNK] for ids in sides], raw.name, partial(self.where, raw, row))
                for row, *sides in zip(rows.tolist(), *encoded, strict=True)
            ]
            kept = [sides for sides, _ in fitted if sides is not None]
            is_kept = np.array([sides is not None for sides, _ in fitted])
            ids = [[sides[side] for sides in kept] for side in range(len(encoded))]
            yield rows[is_kept], ids, sum(was_long for _, was_long in fitted)
