"""A street of tiny photos, and an index of them that brings its own model."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import at_name, write_photo

from beenhere.config.models import ModelConfig
from beenhere.models.model import VPRModel
from beenhere.retrieval.index import Index


@pytest.fixture(scope="session")
def small_model() -> VPRModel:
    """Random weights, and batch norms that can be folded."""
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "backbone": {"name": "resnet10t", "pretrained": False, "crop": 2},
        "aggregator": {"name": "gem"},
    }
    return VPRModel(ModelConfig.model_validate(options)).eval()


@pytest.fixture
def street(tmp_path: Path) -> list[str]:
    """Eight photos, 200 m apart."""
    return [
        write_photo(tmp_path / "street" / at_name(500_000 + 200 * number, 4_100_000), number)
        for number in range(8)
    ]


@pytest.fixture
def index(street: list[str], small_model: VPRModel, tmp_path: Path) -> Index:
    """Of the street."""
    folder = Path(street[0]).parent
    return Index.build(folder, small_model, tmp_path / "x.index", extract={"precision": "32"})
