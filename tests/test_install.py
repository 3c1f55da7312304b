"""The installer behind ``make``: what it says when something is missing, and that it does not
install twice. The real installation is what runs these tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder whose name a careless script trips over."""
    folder = tmp_path / "my check out"
    (folder / "scripts").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "scripts/install.sh"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def make(
    checkout: Path, *arguments: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-f", str(checkout / "Makefile"), *arguments],
        cwd="/",
        env={"PATH": path or "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_is_named(checkout: Path) -> None:
    old = program(checkout / "old", 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac')
    run = make(checkout, "demo", f"PYTHON={old}")
    assert run.returncode != 0
    assert "Python 3.9.2; expected Python >= 3.11" in run.stderr


def test_a_missing_python_is_named(checkout: Path) -> None:
    run = make(checkout, "demo", "PYTHON=/nowhere/python3")
    assert run.returncode != 0
    assert "PYTHON=/nowhere/python3 is not there" in run.stderr


def test_a_python_without_venv_says_what_to_install(checkout: Path) -> None:
    bare = program(checkout / "bare", 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    run = make(checkout, "demo", f"PYTHON={bare}")
    assert run.returncode != 0
    assert "sudo apt install python3-venv" in run.stderr


FAKE_PYTHON = """
# A python whose venv is a copy of itself and whose pip keeps a diary.
case "$*" in
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; cp "$0" "$3/bin/beenhere" ;;
    *"pip install"*) echo "$*" >>"{diary}"; exit {pip_exit} ;;
    *"import sys, pip"*) exit 0 ;;
esac
exit 0
"""


def test_the_second_run_installs_nothing(checkout: Path, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    python = program(checkout / "fake", FAKE_PYTHON.format(diary=diary, pip_exit=0))
    assert make(checkout, "demo", f"PYTHON={python}").returncode == 0
    first = diary.read_text()
    assert f"--constraint {checkout}/constraints.txt" in first
    assert make(checkout, "demo", f"PYTHON={python}").returncode == 0
    assert diary.read_text() == first
    (checkout / "constraints.txt").write_text("numpy==2.0.0\n")
    assert make(checkout, "demo", f"PYTHON={python}").returncode == 0
    assert diary.read_text() != first


def test_no_package_index_is_said(checkout: Path, tmp_path: Path) -> None:
    python = program(checkout / "fake", FAKE_PYTHON.format(diary=tmp_path / "diary", pip_exit=1))
    run = make(checkout, "demo", f"PYTHON={python}")
    assert run.returncode != 0
    assert "Is a Python package index reachable" in run.stderr
    assert not list(checkout.glob(".venv/installed-*"))
