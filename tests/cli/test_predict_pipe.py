"""attendo predict in a shell's pipe: answers at once, keeps order, and ends quietly or with a message."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, SMALL_CLASSIFIER, SMALL_DATA, attendo, trained

PROGRAM = (sys.executable, "-m", "attendo", "predict", "run=run", "accelerator=cpu", "threads=1")
COMMAND = " ".join(PROGRAM)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipe")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / "run").symlink_to(trained(*SMALL_DATA, *SMALL_CLASSIFIER).folder.resolve())
    return folder


def started(folder: Path, *words: str, **changed: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    environment = {**os.environ, **ENVIRONMENT, **changed}
    return subprocess.Popen(
        [*PROGRAM, *words], cwd=folder, env=environment, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    )


def in_shell(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **ENVIRONMENT}
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


def test_each_line_is_answered_before_the_next_a_thousand_in_order_and_ctrl_c_ends_it(folder: Path) -> None:
    with started(folder, PYTHONIOENCODING="latin-1") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None

        def answered(lines: list[str]) -> list[str]:
            process.stdin.write("".join(f"{line}\n" for line in lines))
            process.stdin.flush()
            return [process.stdout.readline() for _ in lines]

        answers = [answered([line])[0] for line in ("a great film", "", "dull, dull")]
        assert answers[1] == "\n"
        assert answers[0] != answers[2]
        lines = ["dull, dull" if number % 3 else "a great film" for number in range(1000)]
        expected = {"a great film": answers[0].split("\t"), "dull, dull": answers[2].split("\t")}
        for line, found in zip(lines, answered(lines), strict=True):
            label, probability = found.split("\t")
            assert label == expected[line][0]
            assert float(probability) == pytest.approx(float(expected[line][1]), abs=2e-6)
        process.send_signal(signal.SIGINT)  # while it waits for the next line
        assert process.wait(timeout=30) == 128 + signal.SIGINT
        assert process.stderr.read() == "interrupted\n"


def test_answers_can_be_joined_to_their_lines_and_who_has_seen_enough_may_leave(folder: Path) -> None:
    lines = ["a great film", "", "dull " + "film " * 300] * 3000
    (folder / "lines.txt").write_text("".join(f"{line}\n" for line in lines))
    script = f"{COMMAND} < lines.txt | paste lines.txt - | head -3; echo ${{PIPESTATUS[0]}}"
    done = in_shell(folder, script)
    *rows, code = (line.split("\t") for line in done.stdout.splitlines())
    assert [row[0] for row in rows] == lines[:3]
    assert [row[1] != "" for row in rows] == [True, False, True]
    assert (code, done.stderr) == (["0"], "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_is_one_message(folder: Path) -> None:
    (folder / "one.txt").write_text("a great film\n")
    words = (f"run={folder / 'run'}", f"input={folder / 'one.txt'}", "output=/dev/full", "accelerator=cpu")
    ended = attendo("predict", *words)
    assert (ended.code, "error: output=/dev/full: No space left on device" in ended.err) == (2, True)
