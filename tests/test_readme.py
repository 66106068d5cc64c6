"""Every command of the README and of CONTRIBUTING runs as it stands there (trainings in debug=fast)."""

import gzip
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from command_line import SHORT_ANSWERS, SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo
from small_corpora import PAIRS, TEXTS, write_corpora, write_table

ROOT = Path(__file__).parents[1]
EXAMPLE_RUN = re.compile(r"outputs/\w+/2026-11-20_1[01]-00-00-\w{4}")


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(document: str) -> list[str]:
    table = re.findall(
        r"^\| `(attendo [^`]*)` \|", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE
    )
    lines = [line for block in blocks(document, "sh") for line in block.splitlines() if line.strip()]
    return [*lines, *table]


ALL_COMMANDS = [*commands("README.md"), *commands("CONTRIBUTING.md")]
TRAININGS = [
    line for line in ALL_COMMANDS if line.startswith("attendo train") and not EXAMPLE_RUN.search(line)
]


def test_the_documents_have_commands_to_run() -> None:
    assert len([line for line in ALL_COMMANDS if line.startswith("attendo")]) > 20
    assert {line.split()[0] for line in ALL_COMMANDS} == {"attendo", "head", "scripts/run", "scripts/test"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of, and the package that CONTRIBUTING shows."""
    for name in ("reviews.tsv", "test.tsv", "new.tsv"):
        write_table(tmp_path / name, ("text", "label"), TEXTS)
    for name in ("reviews.csv", "my_reviews.tsv"):
        write_table(tmp_path / name, ("review", "stars"), TEXTS)
    genres = [(text, ("comedy", "comedy|drama", "")[number % 3]) for number, (text, _) in enumerate(TEXTS)]
    write_table(tmp_path / "films.jsonl", ("text", "genres"), genres)
    answers = [(text, text[::-1], label) for text, label in TEXTS]
    write_table(tmp_path / "questions.tsv", ("text", "answer", "label"), answers)
    with gzip.open(tmp_path / "vectors.txt.gz", "wt", encoding="utf-8") as file:
        file.writelines(f"{word}{' 0.5' * 50}\n" for word in ("good", "bad", "film"))
    (tmp_path / "new.txt").write_text("a good film\n\nmy first\n", encoding="utf-8")
    write_table(tmp_path / "pairs.jsonl", ("en", "de"), PAIRS)
    for name in ("train", "test"):
        for side, language in enumerate(("en", "de")):
            lines = "".join(f"{pair[side]}\n" for pair in PAIRS)
            (tmp_path / f"{name}.{language}").write_text(lines, encoding="utf-8")
    (tmp_path / "test.2.de").write_text((tmp_path / "test.de").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "dates.txt").write_text("5 March 2019\n2019-03-05\n", encoding="utf-8")
    (tmp_path / "pairs.tsv").write_text("source\ttarget\n5 March 2019\t2019-03-05\n", encoding="utf-8")
    files = {}
    (code,), (encoder, corpus) = blocks("CONTRIBUTING.md", "python"), blocks("CONTRIBUTING.md", "yaml")
    files["my_package/__init__.py"] = files["my_package/conf/__init__.py"] = ""
    files["my_package/averages.py"] = f"from torch import Tensor, nn\n\n\n{code}"
    files["my_package/conf/model/encoder/averages.yaml"] = encoder
    files["my_package/conf/data/reviews.yaml"] = corpus
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_corpora(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "my_package"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def run(*words: str) -> Ended:
    device = {"train": "trainer=cpu", "inspect": "trainer=cpu"}.get(words[0], "accelerator=cpu")
    ended = attendo(*words, *([] if any(word.startswith("resume=outputs") for word in words) else [device]))
    assert ended.code == 0, ended.err
    return ended


def shorter(words: list[str]) -> tuple[str, ...]:
    """What makes a training short without changing what it does."""
    reads = any(word.startswith(("data=", "experiment=")) for word in words)
    recipes = ("dates", "dates_copy", "multi30k", "django", "e2e_nlg", "g2p_fre", "g2p_kor", "g2p_ady")
    translates = {"model=transformer", *(f"experiment={recipe}" for recipe in recipes)}
    return (
        "data.tokens_per_micro_batch=1024",
        *(() if reads else ("data.source.train=600", "data.source.validation=60", "data.source.test=60")),
        *(SHORT_ANSWERS if translates & set(words) else ()),
    )


@pytest.mark.parametrize("line", TRAININGS)
def test_a_training_runs_as_it_stands_in_the_documents(line: str, project: Path) -> None:
    words = shlex.split(line, comments=True)[1:]
    ended = run(*words, "debug=fast", *shorter(words))
    if "--cfg" in words:
        assert "_target_: attendo.models.SelfAttentiveClassifier" in ended.out
    else:
        assert "run folder" in ended.out
        assert list(project.glob("outputs/*/*/**/metrics.json"))


@pytest.fixture(scope="module")
def example_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, tuple[str, ...]], None]:
    """Puts a run of some kind into a place; trains it if it is the first of its kind."""
    runs: dict[tuple[str, ...], Path] = {}

    def put(place: str, kind: tuple[str, ...]) -> None:
        if kind in runs:
            shutil.copytree(runs[kind], place)
        else:
            run("train", *kind, "debug=fast", f"hydra.run.dir={place}")
            runs[kind] = shutil.copytree(place, tmp_path_factory.mktemp("example") / "run")

    return put


@pytest.mark.parametrize("line", [line for line in ALL_COMMANDS if EXAMPLE_RUN.search(line)])
def test_what_needs_a_run_runs_as_it_stands_in_the_documents(
    line: str, project: Path, example_run: Callable[[str, tuple[str, ...]], None]
) -> None:
    own = ["--config-dir", "my_package/conf", "model/encoder=averages"] if "trust" in line else []
    files = ("data=labelled_texts", "data.train=reviews.tsv", "data.test=test.tsv")
    for place in dict.fromkeys(EXAMPLE_RUN.findall(line)):
        kind = (*SMALL_TRANSFORMER, *SMALL_DATA) if place.startswith("outputs/dates") else (*own, *files)
        example_run(place, kind)
    if line.startswith("attendo"):
        words = shlex.split(line)[1:]
        fast = ["debug=fast"] if any(word.startswith("init_from=") for word in words) else []
        ended = run(*words, *fast)
        shown = {"evaluate": "test/loss", "explain": "open it", "train": "run folder"}
        assert shown.get(words[0], "") in ended.out
    else:
        program = f"{shlex.quote(sys.executable)} -m attendo"
        shell = line.replace("attendo", program, 1)
        done = subprocess.run(["bash", "-c", shell], check=True, capture_output=True, text=True)
        answers, asked = (
            done.stdout.splitlines(),
            (project / "new.txt").read_text(encoding="utf-8").splitlines(),
        )
        assert len(answers) == len(asked)
        assert set(answers) <= {"neg", "pos", ""}
    for output in re.findall(r"output=(\S+)", line):
        written = project / output
        assert (written / "index.html" if written.is_dir() else written).stat().st_size > 0


@pytest.mark.parametrize("line", [line for line in ALL_COMMANDS if line.startswith("attendo inspect")])
def test_an_inspection_runs_as_it_stands_in_the_documents(line: str, project: Path) -> None:
    assert "Vocabulary" in run(*shlex.split(line)[1:]).out
    assert list(project.glob("outputs/*/inspect/data.html"))


def test_the_notebook_runs_as_it_stands_in_the_readme(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = blocks("README.md", "python")
    exec(code.replace('"seed=1"', '"seed=1", "trainer=cpu", "debug=fast"'), {})
    out = capsys.readouterr().out
    assert "test/accuracy" in out
    assert "Classification(label=" in out


def test_the_scripts_of_the_documents_are_there() -> None:
    for line in ALL_COMMANDS:
        if line.startswith("scripts/"):
            subprocess.run(["bash", "-n", str(ROOT / line.split()[0])], check=True)
