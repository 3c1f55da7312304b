"""The steps of the image, outside of one, and the files that run a server elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from http_server import Serving, Start, Street, serving

DEPLOY = Path(__file__).parents[2] / "deploy"
TOKEN = "a-token-of-a-test-0123456789"

FAKE_PYTHON = """#!/bin/sh
# A python whose venv is a copy of itself and whose pip keeps a diary.
case "$*" in
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    *) echo "$*" >>"{diary}" ;;
esac
"""


def step(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", DEPLOY / "run.sh", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_installed(tmp_path: Path) -> None:
    diary, python = tmp_path / "diary", tmp_path / "python"
    python.write_text(FAKE_PYTHON.format(diary=diary))
    python.chmod(0o755)
    environment = {"PYTHON": str(python), "TORCH_INDEX": "https://wheels.example/cpu"}
    run = step("install", "/source", tmp_path / "venv", **environment)
    assert run.returncode == 0, run.stderr
    torch, own = diary.read_text().splitlines()
    assert torch.endswith("--index-url https://wheels.example/cpu torch torchvision")
    assert "--constraint /source/constraints.txt" in torch
    assert own.endswith("--constraint /source/constraints.txt /source[serve]")
    diary.unlink()
    step("install", "/source", tmp_path / "again", PYTHON=str(python))
    assert len(diary.read_text().splitlines()) == 1


@pytest.fixture
def mounted(street: Street, tmp_path: Path) -> Path:
    """A folder as an image mounts it, with a token beside it."""
    (tmp_path / "indexes").mkdir()
    (tmp_path / "indexes/a street").symlink_to(street.index)
    (tmp_path / "indexes/notes").mkdir()
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path


def test_the_image_serves_what_is_mounted(
    mounted: Path, street: Street, warm_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `sh run.sh serve` in the place of `beenhere serve`, and the port that is free chosen before.
    program = mounted / "program"
    program.write_text(f'#!/bin/sh\nshift\nexec sh "{DEPLOY / "run.sh"}" serve\n')
    program.chmod(0o755)
    for name, value in {
        "INDEXES": str(mounted / "indexes"),
        "SECRET": str(mounted / "token"),
        "PORT": "0",
        "PATH": f"{warm_python}{os.pathsep}{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    with serving(program, mounted / "log") as running:
        assert "at http://0.0.0.0:" in running.log.read_text()
        assert running.get("/v1/indexes").status == 401
        found = running.get("/v1/indexes", Authorization=f"Bearer {TOKEN}").json
        assert [one["name"] for one in found["indexes"]] == ["street"]
        assert step("health", PORT=str(running.port)).returncode == 0
    assert step("health", PORT=str(running.port)).returncode != 0


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    run = step("serve", INDEXES=str(tmp_path))
    assert run.returncode == 2 and "holds no index; mount a folder" in run.stderr
    run = step("dance")
    assert run.returncode == 2 and "there is no step dance" in run.stderr


def test_the_files_fit_each_other(server: Serving, start: Start, street: Street) -> None:
    docker = (DEPLOY / "Dockerfile").read_text()
    assert "USER 10001" in docker and docker.rstrip().endswith('run.sh", "serve"]')
    assert "HEALTHCHECK" in docker and "ADD " not in docker
    for name in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "src"):
        assert name in docker and (DEPLOY.parent / name).exists()
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (service,) = compose["services"].values()
    assert service["ports"] == ["127.0.0.1:8000:8000"] and service["cap_drop"] == ["ALL"]
    assert service["build"]["dockerfile"] == "deploy/Dockerfile"
    nginx = (DEPLOY / "nginx.conf").read_text()
    assert nginx.count("{") == nginx.count("}") and "client_max_body_size 256m" in nginx
    # Options that the files name are options that there are.
    command = subprocess.run(
        [sys.executable, "-m", "beenhere", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for file in DEPLOY.iterdir():
        for word in file.read_text().split():
            option = word.strip('"[],;')
            if option.startswith("--") and file.suffix in (".conf", ".service", "", ".yaml"):
                known = option in command.stdout or option.split("=")[0] in (
                    *("--build-arg", "--create-home", "--uid", "--from", "--interval", "--timeout"),
                    *("--start-period", "--now"),
                )
                assert known, (file.name, option)
    # What a proxy says of itself is taken from this machine.
    options = ("--allow-host", "maps.example", "--rate", "5")
    with start(street.index, *options) as running:
        headers = {"Host": "maps.example", "X-Forwarded-Proto": "https"}
        statuses = {
            running.ask(
                "GET", "/v1/indexes", headers={**headers, "X-Forwarded-For": f"10.0.0.{n}"}
            ).status
            for n in range(40)
        }
        assert statuses == {200}
        assert json.loads(running.ask("GET", "/health", headers=headers).body)["status"] == "ok"
