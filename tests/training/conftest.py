"""A tiny town to train on, and options that train on it in a second."""

from pathlib import Path
from typing import Any

import pytest
from town import town_options, write_town

from beenhere.config.training import TrainConfig


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def options(town: Path) -> dict[str, Any]:
    return town_options(town)


@pytest.fixture
def config(options: dict[str, Any]) -> TrainConfig:
    return TrainConfig.model_validate(options)
