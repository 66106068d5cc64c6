"""Ten times as many lines take no more memory."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, SMALL_CLASSIFIER, SMALL_DATA, trained

LIMIT = 60  # MB; the answers to 200,000 lines would take far more

# Runs the command in this process, and prints the highest memory it took, in MB.
PROGRAM = """
import resource, sys
from attendo.cli.main import main
main()
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(kilobytes / 2**10, file=sys.stderr)
"""


def highest(count: int, folder: Path) -> float:
    texts = itertools.islice(itertools.cycle(["a great film", "dull, dull and dull " * 4, ""]), count)
    (folder / "lines.txt").write_text("".join(f"{text}\n" for text in texts))
    words = ("predict", "run=run", "accelerator=cpu", "threads=1")
    with open(folder / "lines.txt") as lines, open(folder / "answers.tsv", "w") as answers:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words], cwd=folder, env={**os.environ, **ENVIRONMENT},
            stdin=lines, stdout=answers, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len((folder / "answers.tsv").read_text().splitlines()) == count
    return float(done.stderr)


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere, the highest memory is told in bytes"
)
def test_memory_does_not_grow_with_the_number_of_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").symlink_to(trained(*SMALL_DATA, *SMALL_CLASSIFIER).folder.resolve())
    few, many = (highest(count, tmp_path) for count in (20_000, 200_000))
    print(f"{few:.0f} MB for 20,000 lines, {many:.0f} MB for 200,000")
    assert many - few < LIMIT
