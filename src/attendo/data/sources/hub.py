"""Examples from a Hugging Face dataset, on the hub or in a local folder."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from attendo.data.sources.rows import (
    SPLITS,
    BadRow,
    Row,
    digest,
    nested_value,
    ordered_roles,
    quoted,
    row_or_bad,
)
from attendo.data.sources.tables import check_schema, refusing_damage
from attendo.data.sources.text_lines import check_file, file_digest
from attendo.suggestions import did_you_mean

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features

SAVED_TO_DISK = ("dataset_dict.json", "state.json")
INSTEAD = (
    "To do without the hub, give local files instead: data.path=FOLDER with a downloaded copy of the "
    "dataset, or data=labelled_texts data.train=FILE, or data=parallel_texts"
)


class HubDataset:
    """Examples from a dataset of the Hugging Face hub, or from a folder with one.

    A folder is either a copy of the hub's repository (Parquet, JSON Lines or CSV files) or was written by
    ``save_to_disk``. Class labels become their names.

    Args:
        path: name on the hub ("stanfordnlp/imdb") or folder.
        columns: role -> column name or dot path ("translation.de"). Roles: text and label, with text_b for
            pairs of texts (None: no such column), or source and target.
        splits: "train", "validation", "test" -> the dataset's own split, or a slice of one
            ("train[90%:]"), or None.
        name: configuration of a dataset that has several.
        revision: branch, tag or commit on the hub; a local folder is taken as it is.

    Raises:
        ValueError: for wrong roles, or unknown splits.
    """

    def __init__(
        self,
        path: str,
        columns: Mapping[str, str | None],
        splits: Mapping[str, str | None],
        name: str | None = None,
        revision: str | None = None,
    ) -> None:
        self.path, self.name, self.revision = path, name, revision
        self.roles = ordered_roles(columns)
        self.columns = [column for role in self.roles if (column := columns[role]) is not None]
        for split in splits:
            if split not in SPLITS:
                hint = did_you_mean(split, SPLITS)
                raise ValueError(f'splits: found "{split}", expected {quoted(SPLITS)}.{hint}')
        self.splits = {split: theirs for split, theirs in splits.items() if theirs is not None}
        self.folder = Path(path).expanduser()

    def check(self, split: str) -> None:
        """Load the dataset (from the hub: download it, once) and look for the split and its columns."""
        if not self.folder.is_dir() and (self.path.startswith((".", "/", "~")) or self.folder.exists()):
            check_file(self.folder)
            raise ValueError(f"{self.path}: is a file, expected a folder. {INSTEAD}")
        check_schema(self._where(split), self._dataset(split).features.arrow_schema, self.columns)

    def has(self, split: str) -> bool:
        """Return whether the split was named."""
        return split in self.splits

    def fingerprint(self, split: str) -> str:
        """Return a hash of the data (hub: name and commit, folder: all bytes) and of the options."""
        options = (self.name or "", self.splits[split], *self.columns)
        if not self.folder.is_dir():
            return digest("HubDataset", self.path, self._loaded[1], *options)
        files = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        visible = sorted(path for path in files if not any(part.startswith(".") for part in path.parts))
        parts = (
            part
            for path in visible
            if (self.folder / path).is_file()
            for part in (path.as_posix(), file_digest(self.folder / path))
        )
        return digest("HubDataset", *options, *parts)

    def rows(self, split: str) -> Iterator[Row | BadRow]:
        """Yield the rows of the split in the dataset's order."""
        label_names = [_label_names(self._dataset(split).features, column) for column in self.columns]
        where = self._where(split)
        number = 0
        for number, record in enumerate(self._records(split), start=1):
            try:
                values = [
                    _named(nested_value(record, column), names)
                    for column, names in zip(self.columns, label_names, strict=True)
                ]
            except ValueError as error:
                yield BadRow(f"{where}:{number}", str(error))
            else:
                yield row_or_bad(values, self.roles, f"{where}:{number}")
        if number == 0:
            raise ValueError(f"{where}: found no rows; expected at least one row")

    def _records(self, split: str) -> Iterator[dict[str, object]]:
        dataset, where = self._dataset(split), self._where(split)
        wanted = check_schema(where, dataset.features.arrow_schema, self.columns)
        batches = dataset.select_columns(wanted).with_format(None).iter(batch_size=1024)
        with refusing_damage(where, "Arrow"):
            for batch in batches:
                for cells in zip(*(batch[column] for column in wanted), strict=True):
                    yield dict(zip(wanted, cells, strict=True))

    def _where(self, split: str) -> str:
        return f"{self.path}, split {self.splits[split]}"

    def _dataset(self, split: str) -> "Dataset":
        from datasets import ReadInstruction, concatenate_datasets

        loaded, wanted = self._loaded[0], self.splits[split]
        try:
            parts = ReadInstruction.from_spec(wanted).to_absolute(
                {name: len(loaded[name]) for name in loaded}
            )
        except ValueError as error:
            hint = did_you_mean(wanted.partition("[")[0], loaded)
            raise ValueError(
                f'{self.path}: no split "{wanted}" ({error}); the splits are {quoted(loaded)}.{hint}'
            ) from None
        slices = [loaded[part.splitname].select(range(part.from_, part.to)) for part in parts]
        return concatenate_datasets(slices) if len(slices) > 1 else slices[0]

    @cached_property
    def _loaded(self) -> "tuple[DatasetDict, str]":
        """All splits, and the commit they come from."""
        if any((self.folder / name).exists() for name in SAVED_TO_DISK):
            return self._load_from_disk(), ""
        from datasets import load_dataset_builder

        path = str(self.folder) if self.folder.is_dir() else self.path
        try:
            builder = load_dataset_builder(path, self.name, revision=self.revision)
            builder.download_and_prepare()
            return builder.as_dataset(), str(builder.hash)
        except Exception as error:  # the libraries below raise their own HTTP, SSL, socket and file errors
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> ValueError:
        from datasets.exceptions import DatasetNotFoundError

        if isinstance(error, ValueError):
            return ValueError(f"{self.path}: cannot be loaded as a dataset: {error}")
        reason = f"{type(error).__name__}: {error.__cause__ or error}"
        if self.folder.is_dir():
            return ValueError(
                f"{self.path}: the files in this folder cannot be read as a dataset ({reason}); "
                "expected Parquet, JSON Lines or CSV files, or a folder written by save_to_disk"
            )
        if isinstance(error, DatasetNotFoundError):
            return ValueError(
                f"{self.path}: no such folder, and no such or a private dataset ({error}). {INSTEAD}."
            )
        return ValueError(
            f"{self.path}: the dataset cannot be fetched from the Hugging Face hub ({reason}). "
            f"It needs the network once; then it comes from the cache. {INSTEAD}."
        )

    def _load_from_disk(self) -> "DatasetDict":
        from datasets import DatasetDict, load_from_disk

        if self.name is not None:
            raise ValueError(
                f'{self.path}: was written by save_to_disk and has no configuration "{self.name}"'
            )
        loaded = load_from_disk(str(self.folder))
        return (
            loaded if isinstance(loaded, DatasetDict) else DatasetDict({str(loaded.split or "train"): loaded})
        )


def _label_names(features: "Features", column: str) -> list[str] | None:
    """Return the names of the classes when the column is a ClassLabel, or has lists of them."""
    from datasets import ClassLabel

    feature: object = features.get(column)
    if feature is None:
        feature = features
        for key in column.split("."):
            feature = feature.get(key) if isinstance(feature, Mapping) else None
    if not isinstance(feature, Mapping):
        feature = getattr(feature, "feature", feature)  # of the elements of a list
    return list(feature.names) if isinstance(feature, ClassLabel) else None


def _named(value: object, names: list[str] | None) -> object:
    if isinstance(value, list):
        return [_named(element, names) for element in value]
    if names is None or not isinstance(value, int):
        return value
    if not 0 <= value < len(names):
        raise ValueError(f"found class {value}, expected 0 to {len(names) - 1}; is the split unlabelled?")
    return names[value]
