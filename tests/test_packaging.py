"""What is built for others works where there is no checkout: conf/ travels inside the wheel."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from command_line import ENVIRONMENT, FAST, SMALL_CLASSIFIER, SMALL_DATA, attendo_process

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--sdist",
        "--outdir",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def files_of_conf() -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / "conf").rglob("*.yaml")}


def test_the_wheel_has_every_yaml_and_every_module(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"attendo/{name}" for name in files_of_conf()} <= names
    modules = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src" / "attendo").rglob("*.py")}
    assert modules | {"attendo/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests/", "conf/", "scripts/"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_distribution_has_what_a_build_and_the_tests_need(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")}
    assert (
        files_of_conf() | tests | {"pyproject.toml", "README.md", "LICENSE", "src/attendo/cli/main.py"}
        <= names
    )


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the wheel alone is installed."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    done = subprocess.run([*command, str(folder), str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_trains_and_evaluates_away_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    path = {"PYTHONPATH": str(installed)}
    where = "import attendo.cli.conf; print(attendo.cli.conf.CONF)"
    environment = {**os.environ, **ENVIRONMENT, **path}
    found = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert found.stdout.strip() == str(installed / "attendo" / "conf"), found.stderr
    ended = attendo_process("train", *FAST, *SMALL_DATA, *SMALL_CLASSIFIER, cwd=tmp_path, **path)
    assert (ended.code, ended.err) == (0, "")
    scored = attendo_process("evaluate", f"run={ended.folder}", cwd=tmp_path, **path)
    assert (scored.code, scored.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}
