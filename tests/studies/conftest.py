"""Studies of a tiny town, whose rows train in seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from town import town_options, write_town

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="session")
def base(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration without data."""
    options = town_options(town)
    del options["data"]
    path = tmp_path_factory.mktemp("base") / "base.yaml"
    path.write_text(yaml.safe_dump(options))
    return path


@pytest.fixture(scope="session")
def profile(town: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data profile with two test sets."""
    path = tmp_path_factory.mktemp("profile") / "town.yaml"
    data: dict[str, Any] = {
        "train": str(town / "train"),
        "validation": str(town / "val"),
        "tests": {"near": str(town / "test"), "far": str(town / "far")},
    }
    path.write_text(yaml.safe_dump({"title": "a tiny town", "data": data}, sort_keys=False))
    return path


@pytest.fixture
def write(tmp_path: Path, base: Path) -> Write:
    """Write a study's file: rows from names and what they set."""

    def written(rows: dict[str, Any], name: str = "mine.yaml", **fields: Any) -> Path:
        path = tmp_path / name
        listed = [{"name": row, "set": changes} for row, changes in rows.items()]
        values = {
            "title": "Mine",
            "base": str(base),
            **({"rows": listed} if rows else {}),
            **fields,
        }
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        return path

    return written
