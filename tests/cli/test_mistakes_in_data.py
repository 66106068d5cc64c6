"""Mistakes in files of text: one message with file and line, exit code 2, before anything is trained."""

import shutil
from pathlib import Path

import pytest

from command_line import SMALL_CLASSIFIER, SMALL_TRANSFORMER, attendo, trained
from mistakes import assert_is_one_message, assert_refused, write_mistakes

OF_TEXTS = {  # what is given as data.train; in brackets: as data.test
    "good.tsv data.columns.text=txet": 'good.tsv:1: no column "txet"; the columns are "text", "label". Did',
    "labels.tsv": 'labels.tsv:1: no column "label"; the columns are "text", "labels". Did you mean "labels"?',
    "reviews.csv": 'reviews.csv:1: no column "text"; the columns are "review", "label"',
    "semicolons.csv": 'semicolons.csv:1: no column "text"; the columns are "text;label"',
    "lacking.jsonl": 'lacking.jsonl:41: no column "label"; the columns are "text", "labl". Did you mean',
    "good.parquet data.columns.text=txt": 'good.parquet: no column "txt"; the columns are "text", "label".',
    "good.tsv data.columns={text:0,label:2}": "good.tsv:1: ",
    "good.tsv data.columns.text=0": "found {'text': 0, 'text_b': None, 'label': 'label'}; expected",
    "good.tsv data.columns=[text,label]": "data.columns: has keys of its own (text, text_b, label)",
    "twice.tsv": 'twice.tsv:1: found 2 columns "text", expected one',
    "few.tsv": "few.tsv:42: found 1 column, expected 2 columns as in the first line",
    "many.tsv": "many.tsv:42: found 3 columns, expected 2 columns as in the first line",
    "blank.tsv": "blank.tsv:42: found an empty line, expected 2 columns",
    "no_text.tsv": "no_text.tsv:42: the text is empty; expected something other than white space",
    "no_label.tsv": "no_label.tsv:42: the label is empty",
    "latin.tsv": "latin.tsv:42: byte 0xf6 at offset 1064 is no UTF-8",
    "utf16.tsv": "utf16.tsv:1: byte 0xff at offset 0 is no UTF-8",
    "early.tsv.gz": "early.tsv.gz:36: the compressed file is damaged or ends early",
    "early.tsv.xz": "early.tsv.xz:42: the compressed file is damaged or ends early",
    "plain.tsv.gz": "plain.tsv.gz:1: the compressed file is damaged or ends early (Not a gzipped file",
    "empty.tsv": "empty.tsv: the file is empty; expected at least one line",
    "header.tsv": "header.tsv: found a header and no rows",
    "folder.tsv": "folder.tsv: is a folder; expected a file",
    "gone.tsv": 'gone.tsv: no such file. Did you mean',
    "nowhere/good.tsv": "nowhere/good.tsv: no such file; the folder nowhere does not exist either",
    "dangling.tsv": "dangling.tsv: is a link to gone.tsv, which does not exist",
    "words.doc": 'words.doc: unknown file type; expected a name that ends in ".tsv"',
    "quote.csv": "quote.csv:42: unexpected end of data; expected CSV",
    "broken.jsonl": "broken.jsonl:41: invalid JSON",
    "nested.jsonl": "nested.jsonl:41: ",
    "broken.parquet": "broken.parquet: cannot be read as Parquet",
    "one_class.tsv": "the training rows have one class only, ['pos']; expected two or more",
    "one_row.tsv": "no row is left to train on: 1 in all, held out: validation 1",
    "good.tsv data.labels=[pos]": "good.tsv:2: label 'neg' is not in data.labels (classes: pos)",
    "good.tsv data.validation=third.tsv": "third.tsv:42: label 'neutral' does not occur in training",
    "good.tsv data.test=third.tsv": "third.tsv:42: label 'neutral' does not occur in training",
    "good.tsv data.test=gone.tsv": "gone.tsv: no such file",
    "good.tsv data.test=latin.tsv": "latin.tsv:42: byte 0xf6",
    "third.tsv data.folds=5 data.fold=0": "data.folds=5: there are only 1 rows of class 'neutral';",
    "good.tsv data.test=good.tsv data.folds=5 data.fold=0": "data.folds makes its own test sets: set",
    "good.tsv data.folds=5 data.fold=5": "data.fold=5: expected 0 … 4 (data.folds=5)",
    "good.tsv data.too_long=error data.max_length=3": ": 6 tokens; expected at most data.max_length=3",
    "good.tsv data.too_long=drop data.max_length=1": "no training row is left: all are longer than",
    "good.tsv data.cache_dir=good.tsv/cache": "data.cache_dir=good.tsv/cache cannot be written",
    "good.tsv data.cache_dir=/proc/none": "data.cache_dir=/proc/none cannot be written",
    "good.tsv hydra.run.dir=good.tsv/run": "the run folder good.tsv/run cannot be made",
    "good.tsv model=transformer": "has labelled texts, but the model needs pairs",
}  # fmt: skip
OF_PAIRS = {
    "[a.en,short.de]": "a.en has 40 lines and short.de has 39; expected as many, line i of one the",
    "[a.en,hole.de]": "a.en:8 and hole.de:8: the target is empty; expected text on both sides",
    "[hole.de,a.en]": "hole.de:8 and a.en:8: the source is empty; expected text on both sides",
    "[a.en,latin.de]": "latin.de:1: byte 0xe4 at offset 1 is no UTF-8",
    "[a.en,gone.de]": "gone.de: no such file.",
    "[a.en,empty.tsv]": "empty.tsv: the file is empty",
    "a.en": "data.source: train: found 'a.en'; expected two entries, the source's and the target's files",
    "[a.en,a.de,short.de]": "expected two entries, the source's and the target's files",
    "[[a.en,a.en],[a.de]]": "train: found 2 source and 1 target files; expected as many",
    "[a.en,a.de] data.test=[a.en,short.de]": "a.en has 40 lines and short.de has 39",
    "[a.en,a.de] model.positions=learned model.max_positions=9": "model.positions=learned has room for",
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    write_mistakes(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = (*SMALL_CLASSIFIER, "data=labelled_texts", "data.train=good.tsv", "hydra.run.dir=texts")
        trained(*words)
        words = (*SMALL_TRANSFORMER, "data=parallel_texts", "data.train=[a.en,a.de]", "hydra.run.dir=pairs")
        trained(*words, "tokenizer=word")
    return folder


@pytest.fixture(autouse=True)
def own_folder(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written)


@pytest.mark.parametrize("words", OF_TEXTS)
def test_labelled_texts_that_cannot_be_trained_on(words: str, written: Path) -> None:
    assert_refused(written, "train", f"data=labelled_texts data.train={words}", OF_TEXTS[words])


@pytest.mark.parametrize("words", OF_PAIRS)
def test_pairs_that_cannot_be_trained_on(words: str, written: Path) -> None:
    words_of_train = f"model=transformer data=parallel_texts data.train={words}"
    assert_refused(written, "train", words_of_train, OF_PAIRS[words])


@pytest.mark.parametrize("words", [words for words in OF_TEXTS if "hydra.run" not in words][::3])
def test_inspect_says_the_same(words: str, written: Path) -> None:
    assert_refused(written, "inspect", f"data=labelled_texts data.train={words}", OF_TEXTS[words])


@pytest.mark.parametrize(("words", "expected"), [
    ("run=texts", "the data has no test split; it has train, validation"),
    ("run=texts data.test=gone.tsv", "gone.tsv: no such file"),
    ("run=texts data.test=folder.tsv", "folder.tsv: is a folder"),
    ("run=texts data.test=labels.tsv", 'labels.tsv:1: no column "label"'),
    ("run=texts data.test=few.tsv", "few.tsv:42: found 1 column"),
    ("run=texts data.test=many.tsv", "many.tsv:42: found 3 columns"),
    ("run=texts data.test=blank.tsv", "blank.tsv:42: found an empty line"),
    ("run=texts data.test=no_text.tsv", "no_text.tsv:42: the text is empty"),
    ("run=texts data.test=latin.tsv", "latin.tsv:42: byte 0xf6"),
    ("run=texts data.test=third.tsv", "third.tsv:42: label 'neutral' does not occur in training (classes:"),
    ("run=texts data.test=early.tsv.gz", "early.tsv.gz:36: the compressed file is damaged or ends early"),
    ("run=texts data.test=empty.tsv", "empty.tsv: the file is empty"),
    ("run=texts data.test=[a.en,a.de]", "a.en: unknown file type"),
    ("run=pairs data.test=good.tsv", "test: found 'good.tsv'; expected two entries"),
    ("run=pairs data.test=[a.en,short.de]", "a.en has 40 lines and short.de has 39"),
    ("run=pairs data.test=[a.en,hole.de]", "a.en:8 and hole.de:8: the target is empty"),
    ("run=texts data.test=good.tsv data.columns={text:txet,label:label}", 'good.tsv:1: no column "txet"'),
    ("run=texts data.test=good.tsv data.columns.text=a", "data.columns={text: …}"),
    ("run=texts data.test=good.tsv data.cache_dir=/proc/none", "data.cache_dir=/proc/none cannot be written"),
    ("run=texts data.test=good.tsv output=/proc/none", "/proc/none"),
    ("run=texts data.test=good.tsv output=good.tsv", "good.tsv"),
    ("run=texts split=tset", 'split=tset: expected train, validation, test. Did you mean "test"?'),
])  # fmt: skip
def test_what_cannot_be_evaluated(words: str, expected: str, written: Path) -> None:
    assert_refused(written, "evaluate", words, expected)


@pytest.mark.parametrize(("words", "expected"), [
    ("run=texts input=latin.txt", "latin.txt:1: byte 0xf6 at offset 3 is no UTF-8"),
    ("run=texts input=latin.tsv", "latin.tsv:42: byte 0xf6"),
    ("run=texts input=reviews.csv", 'reviews.csv:1: no column "text"; the columns are "review", "label"'),
    ("run=texts input=lacking.jsonl column=txt", 'lacking.jsonl:1: no column "txt"'),
    ("run=texts input=good.parquet column=txt", 'good.parquet: no column "txt"'),
    ("run=texts input=many.tsv", "many.tsv:42: found 3 columns"),
    ("run=texts input=broken.parquet", "broken.parquet: cannot be read as Parquet"),
    ("run=texts input=early.tsv.gz", "early.tsv.gz:36: the compressed file is damaged or ends early"),
    ("run=texts input=header.tsv", "header.tsv: found a header and no rows"),
    ("run=texts input=folder.tsv", "folder.tsv: is a folder"),
    ("run=texts input=new.txt output=new.txt/out.tsv", "output=new.txt/out.tsv: the folder new.txt does"),
    ("run=pairs input=good.tsv", "the run does not say which column to read: give column=…"),
])  # fmt: skip
def test_what_cannot_be_answered(words: str, expected: str, written: Path, tmp_path: Path) -> None:
    output = "" if "output=" in words else f" output={tmp_path / 'answers.tsv'}"
    ended = attendo("predict", "accelerator=cpu", *f"{words}{output}".split())
    assert expected in ended.err
    assert (ended.code, ended.out) == (2, "")
    assert not (tmp_path / "answers.tsv").exists()
    if "the answers so far" not in ended.err and " texts " not in ended.err:
        assert_is_one_message(ended, expected)


@pytest.mark.parametrize(
    "name", ["my file.tsv", "a, b = c ü (1);#~.tsv", "東京.tsv", "link.tsv", "dir/../good.tsv"]
)
def test_paths_may_have_any_characters(name: str, written: Path) -> None:
    if name == "link.tsv":
        Path(name).symlink_to("good.tsv")
    elif "/" in name:
        Path("dir").mkdir()
    else:
        shutil.copy("good.tsv", name)
    words = (f"data.train='{name}'" if "," in name else f"data.train={name}", "data=labelled_texts")
    assert "too long" not in trained(*words, *SMALL_CLASSIFIER, "trainer.max_steps=1").err


def test_a_tilde_is_the_home_folder(written: Path) -> None:
    words = ("data=labelled_texts", "data.train=~/good.tsv", *SMALL_CLASSIFIER)
    assert trained(*words, HOME=str(written)).code == 0


def test_a_byte_order_mark_and_carriage_returns_are_no_mistakes(written: Path) -> None:
    good = Path("good.tsv").read_bytes()
    Path("marked.tsv").write_bytes(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"))
    assert trained("data=labelled_texts", "data.train=marked.tsv", *SMALL_CLASSIFIER).code == 0
