"""The set-up scripts, without a network: what they find, reuse and say."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def shell(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables}
    script = f". {ROOT}/scripts/environment.sh; {code}"
    return subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)


def fake_python(path: Path, version: str) -> None:
    """A program that answers the version question as that Python would, and cannot do anything else."""
    major, minor = version.split(".")
    supported = (3, 11) <= (int(major), int(minor)) < (3, 14)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\ncase "$2" in *version_info*) exit {0 if supported else 1};; esac\nexit 3\n')
    path.chmod(0o755)


def test_scripts_are_valid_shell_and_executable() -> None:
    for name in ("scripts/run", "scripts/test", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK)
        subprocess.run(["bash", "-n", str(ROOT / name)], check=True)


def test_a_python_that_is_too_old_is_passed_over(tmp_path) -> None:
    fake_python(tmp_path / "bin" / "python3", "3.9")
    fake_python(tmp_path / "bin" / "python3.12", "3.12")
    found = shell("find_python", tmp_path, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert found.stdout == "python3.12"


def test_a_python_that_the_user_names_comes_first(tmp_path) -> None:
    fake_python(tmp_path / "bin" / "python3", "3.12")
    fake_python(tmp_path / "mine" / "python", "3.13")
    found = shell(
        "find_python", tmp_path, PATH=f"{tmp_path}/bin:/usr/bin:/bin", PYTHON=f"{tmp_path}/mine/python"
    )
    assert found.stdout == f"{tmp_path}/mine/python"


def test_no_python_is_said_plainly(tmp_path) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11", "python"):
        fake_python(tmp_path / "bin" / name, "3.9")
    done = shell("find_python", tmp_path, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13" in done.stderr and "PYTHON=" in done.stderr


def test_a_missing_venv_module_is_said_plainly(tmp_path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    fake_python(tmp_path / "bin" / "python3", "3.12")
    done = shell("environment ''", tmp_path, PATH=f"{tmp_path}/bin:/usr/bin:/bin")
    assert done.returncode == 1
    assert "python3-venv" in done.stderr


def test_an_environment_that_fits_is_used_again(tmp_path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text("")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\ncase "$*" in *pip*install*) echo installed >> calls;; esac\nexit 0\n')
    python.chmod(0o755)
    for _ in range(2):
        assert shell("environment dev", tmp_path).returncode == 0
    assert (tmp_path / "calls").read_text().count("installed") == 1
    (tmp_path / "constraints.txt").write_text("changed\n")
    assert shell("environment dev", tmp_path).returncode == 0
    assert (tmp_path / "calls").read_text().count("installed") == 2
