"""Every command of the README and of CONTRIBUTING runs as it stands there (trainings in debug=fast)."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Ended, attendo
from small_corpora import PAIRS, TEXTS, write_corpora, write_table

ROOT = Path(__file__).parents[1]
EXAMPLE_RUN = re.compile(r"outputs/\w+/2026-11-20_10-00-00-ab12")


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


def test_the_documents_have_commands_to_run() -> None:
    assert len([line for line in ALL_COMMANDS if line.startswith("attendo")]) > 20
    assert {line.split()[0] for line in ALL_COMMANDS} == {"attendo", "scripts/run", "scripts/test"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of, and the package that CONTRIBUTING shows."""
    for name in ("reviews.tsv", "test.tsv", "new.tsv"):
        write_table(tmp_path / name, ("text", "label"), TEXTS)
    for name in ("reviews.csv", "my_reviews.tsv"):
        write_table(tmp_path / name, ("review", "stars"), TEXTS)
    write_table(tmp_path / "pairs.jsonl", ("en", "de"), PAIRS)
    for name in ("train", "test"):
        for side, language in enumerate(("en", "de")):
            lines = "".join(f"{pair[side]}\n" for pair in PAIRS)
            (tmp_path / f"{name}.{language}").write_text(lines, encoding="utf-8")
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
    ended = attendo(*words, "trainer=cpu" if words[0] == "train" else "accelerator=cpu")
    assert ended.code == 0, ended.err
    return ended


@pytest.mark.parametrize("line", [line for line in ALL_COMMANDS if line.startswith("attendo train")])
def test_a_training_runs_as_it_stands_in_the_documents(line: str, project: Path) -> None:
    words = shlex.split(line, comments=True)[1:]
    ended = run(*words, "debug=fast", "data.tokens_per_micro_batch=1024")  # small batches to decode
    if "--cfg" in words:
        assert "_target_: attendo.models.SelfAttentiveClassifier" in ended.out
    else:
        assert "run folder" in ended.out
        assert list(project.glob("outputs/*/*/**/metrics.json"))


@pytest.mark.parametrize("line", [line for line in ALL_COMMANDS if line.startswith("attendo evaluate")])
def test_an_evaluation_runs_as_it_stands_in_the_documents(line: str, project: Path) -> None:
    own = ["--config-dir", "my_package/conf", "model/encoder=averages"] if "trust" in line else []
    files = ("data=labelled_texts", "data.train=reviews.tsv", "data.test=test.tsv")
    made = run("train", *own, *files, "debug=fast").folder
    assert "test/accuracy" in run(*shlex.split(EXAMPLE_RUN.sub(str(made), line))[1:]).out


def test_the_scripts_of_the_documents_are_there() -> None:
    for line in ALL_COMMANDS:
        if line.startswith("scripts/"):
            subprocess.run(["bash", "-n", str(ROOT / line.split()[0])], check=True)
