"""Every option of conf/ composes, passes the check, and trains a batch the moment it exists.

The options that download a corpus are in test_corpora.py.
"""

import gzip
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from attendo.cli.conf import CONF
from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, Ended, composed, trained
from small_corpora import PAIRS, TEXTS, write_corpora, write_table

CLASSIFIER = (*SMALL_DATA, *SMALL_CLASSIFIER)
TRANSFORMER = (*SMALL_DATA, *SMALL_TRANSFORMER)
DATES = (*TRANSFORMER, "data.source.train=512")  # enough for subwords

FILES = sorted(file.relative_to(CONF).with_suffix("") for file in Path(CONF).glob("*/**/*.yaml"))
OPTIONS = [(str(file.parent), file.name) for file in FILES if not file.name.startswith("_")]
NOT_HERE = {("trainer", "gpu"), ("trainer", "mps"), ("tokenizer", "from_run")}  # need hardware, or a run
ELSEWHERE = {
    "data",
    "experiment",
}  # groups whose options have tests of their own, below and in test_corpora.py
NEEDED = {  # what an option needs beside itself
    ("scheduler", "noam"): ["model=transformer"],
    ("metrics", "summarization"): ["monitor.metric=validation/rougeL"],
    ("metrics", "transduction"): ["monitor.metric=validation/exact_match"],
    **{
        ("scheduled_sampling/replacement", option): ["scheduled_sampling=linear"]
        for group, option in OPTIONS
        if group == "scheduled_sampling/replacement"
    },
}
WITH_CLASSIFIER = {
    "tokenizer", "model/encoder", "model/attention", "model/feature_attention", "model/pair",
    "optimizer", "scheduler", "regularization", "clipping",
    "trainer", "callbacks", "logger", "debug", "model", "hydra/job_logging", "hydra/hydra_logging",
}  # fmt: skip
WITH_TRANSFORMER = {
    "tokenizer", "model/copy", "model/decoder", "optimizer", "scheduler", "regularization", "clipping",
    "decoding", "metrics", "scheduled_sampling", "scheduled_sampling/replacement",
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# -------------------------------------------------------------------------------------------------- composing
def what_is_missing(group: str, option: str) -> list[str]:
    """Values for the keys that an option leaves to the user."""
    text = (Path(CONF) / group / f"{option}.yaml").read_text(encoding="utf-8")
    return [f"{group}.{key}=somewhere" for key, value in yaml.safe_load(text).items() if value == "???"]


@pytest.mark.parametrize(("group", "option"), [o for o in OPTIONS if o in NOT_HERE or o[0] in ELSEWHERE])
def test_options_that_cannot_be_trained_here_compose_and_pass_the_check(group: str, option: str) -> None:
    words = [*NEEDED.get((group, option), []), f"{group}={option}", *what_is_missing(group, option)]
    assert composed("train", *words)["seed"] == 1


@pytest.mark.parametrize("command", ["evaluate", "explain", "predict", "score"])
def test_what_asks_a_run_composes(command: str) -> None:
    assert composed(command, "run=somewhere")["checkpoint"] == "best"


def test_import_composes() -> None:
    assert composed("import", "marian=somewhere")["output"] is None


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "decoding"])
def test_a_run_may_be_asked_to_decode_in_every_way(command: str, option: str) -> None:
    assert composed(command, "run=somewhere", f"decoding={option}")["decoding"]["length_factor"] is not None


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "metrics"])
def test_a_run_may_be_scored_by_all_metrics(option: str) -> None:
    assert composed("evaluate", "run=somewhere", f"metrics={option}")["metrics"]


def test_inspect_takes_the_words_of_train() -> None:
    assert composed("inspect", "experiment=dates")["model"]["width"] == 128


def test_every_yaml_says_what_it_is_or_names_its_class() -> None:
    for file in FILES:
        text = (Path(CONF) / file).with_suffix(".yaml").read_text(encoding="utf-8")
        assert "#" in text or "_target_" in text or "defaults:" in text, file


# --------------------------------------------------------------------------------------------------- training
SMALL_ENCODERS = {  # what makes those small that have no hidden_size
    "transformer": ("model.encoder.width=6", "model.encoder.heads=2", "model.encoder.feed_forward_size=6"),
    "convolutional": ("model.encoder.channels=3",),
    "bag": (),
}
TWO_TEXTS = (
    "data=labelled_texts",
    "data.train=two.tsv",
    "data.test=two.tsv",
    "data.columns={text: premise, text_b: hypothesis, label: label}",
)


def small_classifier(group: str, option: str) -> tuple[str, ...]:
    size = SMALL_CLASSIFIER
    if group == "model/encoder" and option in SMALL_ENCODERS:
        size = (*SMALL_ENCODERS[option], *SMALL_CLASSIFIER[1:])
    return (*TWO_TEXTS, *size) if group == "model/pair" else (*SMALL_DATA, *size)


def trainings() -> Iterator[object]:
    for group, option in OPTIONS:
        if (group, option) in NOT_HERE or group in ELSEWHERE:
            continue
        if group in WITH_CLASSIFIER and ("model=transformer" not in NEEDED.get((group, option), [])):
            is_other = (group, option) == ("model", "transformer")
            words = SMALL_DATA if is_other else small_classifier(group, option)
            yield pytest.param((*words, f"{group}={option}"), id=f"classifier, {group}={option}")
        if group in WITH_TRANSFORMER:
            data = DATES if group == "tokenizer" else TRANSFORMER
            size = ("tokenizer.vocabulary_size=90",) if option in ("bpe", "unigram") else ()
            words = (*data, *NEEDED.get((group, option), []), f"{group}={option}", *size)
            yield pytest.param(words, id=f"transformer, {group}={option}")
        assert group in WITH_CLASSIFIER | WITH_TRANSFORMER, f"say how {group}={option} is to be trained"


@pytest.mark.parametrize("words", list(trainings()))
def test_every_option_trains_a_batch(words: tuple[str, ...]) -> None:
    if "data.train=two.tsv" in words:
        rows = [(text, text[::-1], label) for text, label in TEXTS]
        write_table(Path("two.tsv"), ("premise", "hypothesis", "label"), rows)
    if "debug=overfit" in words:
        words = (*words, "trainer.max_epochs=3")
    if "debug=profile" in words:
        words = (*words, "trainer.limit_train_batches=2")
    folder = trained(*words, draws=any(word.startswith(("model", "callbacks")) for word in words)).folder
    scores = json.loads((folder / "metrics.json").read_text())
    assert scores["training"]["train/epoch_loss"] > 0
    assert (folder / "predictions" / "test.jsonl").is_file() == ("debug=overfit" not in words)
    assert (folder / "fit-profile.txt").is_file() == ("debug=profile" in words)
    assert (folder / "checkpoints" / "best.ckpt").is_file() == ("callbacks=none" not in words)
    assert bool(list(folder.glob("tensorboard/events*"))) == (not {"logger=csv", "logger=none"} & set(words))
    assert (folder / "csv" / "metrics.csv").is_file() == bool({"logger=csv", "logger=both"} & set(words))


@pytest.mark.parametrize("option", [o for group, o in OPTIONS if group == "tokenizer" and o != "from_run"])
def test_every_tokenizer_can_be_the_targets_own(option: str) -> None:
    size = ("target_tokenizer.vocabulary_size=40",) if option in ("bpe", "unigram") else ()
    words = (f"tokenizer@target_tokenizer={option}", "model.tied_embeddings=decoder", *size)
    ended = trained(*DATES, *words)
    source, target = ended.out.split("vocabulary")[1].splitlines()[0].split(",")
    assert source.split() != target.split()


def test_overfitting_is_not_stopped_early_and_learns_its_sentences_by_heart() -> None:
    words = ("debug=overfit", "trainer.max_epochs=80", "optimizer.lr=0.02", "data.sentences_per_step=8")
    training = json.loads((trained(*CLASSIFIER, *words).folder / "metrics.json").read_text())["training"]
    assert training["train/epoch_accuracy"] == 1
    assert training["train/epoch_loss"] < 0.05


def test_a_callback_of_lightnings_can_be_added_under_any_name() -> None:
    node = "+callbacks.watch={_target_: pytorch_lightning.callbacks.DeviceStatsMonitor, cpu_stats: false}"
    assert trained(*CLASSIFIER, node).code == 0


# -------------------------------------------------------------------------------------------------- own files
def lines_of(ended: Ended) -> set[str]:
    """What is printed, up to the first comma of a line."""
    return {" ".join(line.partition(", ")[0].split()) for line in ended.out.splitlines()}


@pytest.mark.parametrize(
    "kind", ["tsv", "csv", "jsonl", "parquet", "tsv.gz", "csv.xz", "jsonl.gz", "jsonl.xz"]
)
def test_own_labelled_texts_train(kind: str, tmp_path: Path) -> None:
    train = write_table(tmp_path / f"train.{kind}", ("review", "stars"), TEXTS)
    test = write_table(tmp_path / f"test.{kind}", ("review", "stars"), TEXTS[:6])
    columns = ("data.columns.text=review", "data.columns.label=stars")
    ended = trained(
        "data=labelled_texts", f"data.train={train}", f"data.test={test}", *columns, *SMALL_CLASSIFIER
    )
    assert "classes    neg 50.0 %, pos 50.0 %" in ended.out
    assert {"train 36 rows", "validation 4 rows", "test 6 rows"} < lines_of(ended)


def test_columns_of_a_file_without_a_header_are_positions(tmp_path: Path) -> None:
    table = write_table(tmp_path / "train.tsv", *[(TEXTS[0][1], TEXTS[0][0]), [(b, a) for a, b in TEXTS[1:]]])
    words = (f"data.train={table}", "data.columns.text=1", "data.columns.label=0")
    ended = trained("data=labelled_texts", *words, *SMALL_CLASSIFIER)
    assert "train 36 rows" in lines_of(ended)
    assert not (ended.folder / "predictions").exists()


def test_cross_validation_takes_each_row_for_the_test_once(tmp_path: Path) -> None:
    table = write_table(tmp_path / "all.tsv", ("text", "label"), TEXTS)
    tested = []
    for fold in (0, 3):
        words = ("data.folds=10", f"data.fold={fold}", "trainer.limit_test_batches=null")
        ended = trained("data=labelled_texts", f"data.train={table}", *words, *SMALL_CLASSIFIER)
        lines = (ended.folder / "predictions" / "test.jsonl").read_text().splitlines()
        tested.append({json.loads(line)["text"] for line in lines})
    assert [len(texts) for texts in tested] == [4, 4]
    assert not tested[0] & tested[1]


@pytest.mark.parametrize("kind", ["tsv", "jsonl.gz"])
def test_own_pairs_in_one_table_train(kind: str, tmp_path: Path) -> None:
    table = write_table(tmp_path / f"pairs.{kind}", ("en", "de"), PAIRS)
    columns = ("data.columns.source=en", "data.columns.target=de", "tokenizer=word")
    ended = trained(*SMALL_TRANSFORMER, "data=paired_texts", f"data.train={table}", *columns)
    assert "vocabulary source" in ended.out


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_an_own_parallel_corpus_trains(suffix: str, tmp_path: Path) -> None:
    opened = {".gz": gzip.open, ".xz": lzma.open}.get(suffix, open)
    for side, language in enumerate(("en", "de")):
        with opened(tmp_path / f"train.{language}{suffix}", "wt", encoding="utf-8") as file:
            file.writelines(f"{pair[side]}\n" for pair in PAIRS)
    files = f"[train.en{suffix},train.de{suffix}]"
    words = (f"data.train={files}", f"data.test={files}", "tokenizer.vocabulary_size=60")
    ended = trained(*SMALL_TRANSFORMER, "data=parallel_texts", *words)
    first = (ended.folder / "predictions" / "test.jsonl").read_text().splitlines()[0]
    assert json.loads(first)["target"] == "das Haus 0"


# ---------------------------------------------------------------------------------------------------- recipes
RECIPES = {
    "sst2": SMALL_CLASSIFIER,
    "imdb": SMALL_CLASSIFIER,
    "r8": SMALL_CLASSIFIER,
    "mr": (*SMALL_CLASSIFIER, "data.folds=2"),
    "sst2_glove": (SMALL_CLASSIFIER[0], SMALL_CLASSIFIER[2]),
    "dates": (*SMALL_DATA, *SMALL_TRANSFORMER[1:]),
    "dates_copy": (*SMALL_DATA, *SMALL_TRANSFORMER[1:], "tokenizer.minimum_count=2"),
    "multi30k": (*SMALL_TRANSFORMER[1:], "tokenizer.vocabulary_size=60"),
    "e2e_nlg": (*SMALL_TRANSFORMER[1:], "tokenizer.vocabulary_size=60"),
    **dict.fromkeys(("django", "g2p_fre", "g2p_kor", "g2p_ady"), SMALL_TRANSFORMER[1:]),
}


@pytest.mark.parametrize("name", [option for group, option in OPTIONS if group == "experiment"])
def test_every_recipe_trains_on_small_files_of_the_right_names(name: str, tmp_path: Path) -> None:
    write_corpora(tmp_path / "corpora")
    ended = trained(f"experiment={name}", *RECIPES[name], ATTENDO_DATA_DIR=str(tmp_path / "corpora"))
    assert json.loads((ended.folder / "metrics.json").read_text())["test"]
    assert ended.folder.parent.name == OmegaConf.load(ended.folder / "config.yaml").data.name


def test_every_recipe_gives_its_command_and_what_it_reaches_where() -> None:
    for file in (Path(CONF) / "experiment").glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert f"#   attendo train experiment={file.stem}\n" in text
        assert "\n# Measured" in text and "AMD EPYC" in text


def test_the_built_in_data_train_without_being_asked_for() -> None:
    assert "data" in ELSEWHERE
    assert trained(*CLASSIFIER).folder.parent.name == "synthetic_sentiment"
    assert trained(*TRANSFORMER).folder.parent.name == "synthetic_dates"
