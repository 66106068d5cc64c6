"""The program as the shell sees it: entry points, help, configuration printing, tab completion."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, FAST, SMALL_CLASSIFIER, SMALL_DATA, attendo, attendo_process

PROGRAM = Path(sys.executable).with_name("attendo")

COMPLETE = """
eval "$(attendo -sc install=bash)"
COMP_LINE="$1" COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
[[ "$1" == *" " ]] && COMP_WORDS+=("") && COMP_CWORD=$((COMP_CWORD + 1))
COMPREPLY=()
function_name=$(complete -p attendo | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
"$function_name" attendo "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_the_module_is_the_program(tmp_path: Path) -> None:
    words = ("train", *FAST, *SMALL_DATA, *SMALL_CLASSIFIER)
    ended = attendo_process(*words, cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert ended.err == ""
    assert (tmp_path / ended.folder / "checkpoints" / "best.ckpt").is_file()
    scored = attendo_process("evaluate", f"run={ended.folder}", cwd=tmp_path)
    assert (scored.code, scored.err) == (0, "")


def test_the_help_of_a_command_lists_its_groups_and_values(tmp_path: Path) -> None:
    ended = attendo_process("train", "--help", cwd=tmp_path, program=(str(PROGRAM),))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("attendo train: trains a model")
    for text in ("optimizer: adam, adamw, sgd", "model: self_attentive, transformer", "seed: 1"):
        assert text in ended.out


def test_the_configuration_can_be_printed() -> None:
    job = attendo("train", "model=transformer", "--cfg", "job").out
    assert "_target_: attendo.models.TransformerSeq2Seq" in job
    resolved = attendo("train", "--cfg", "job", "--resolve", "--package", "model.encoder").out
    assert "input_size: 100" in resolved


def test_a_look_at_the_configuration_does_not_wait_for_torch(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv[1:] = ['train', '--info', 'defaults']; import attendo.cli.main as m; m.main()"
    )
    script += "; assert 'torch' not in sys.modules"
    ended = attendo_process(cwd=tmp_path, program=(sys.executable, "-c", script))
    assert (ended.code, "| optimizer/adam " in ended.out) == (0, True), ended.err


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m attendo train --help | true; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("bash") is None or not PROGRAM.is_file():
        pytest.skip("needs bash and the installed program")
    return tmp_path_factory.mktemp("shell")


@pytest.mark.parametrize(("line", "expected"), [
    ("attendo tr", {"train"}),
    ("attendo ", {"train", "evaluate", "predict", "explain", "inspect", "score", "import"}),
    ("attendo train optimizer=", {"optimizer=adam", "optimizer=adamw", "optimizer=sgd"}),
    ("attendo train model/encoder=g", {"model/encoder=gru"}),
    ("attendo train model=transformer model.wid", {"model.width="}),
    ("attendo evaluate spl", {"split="}),
    ("attendo nothing x", set()),
])  # fmt: skip
def test_the_tab_key_completes_in_bash(line: str, expected: set[str], shell: Path) -> None:
    environment = {**os.environ, **ENVIRONMENT, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", line], cwd=shell, env=environment, capture_output=True, text=True
    )
    assert set(done.stdout.split()) == expected, done.stderr
