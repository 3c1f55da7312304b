"""Streets of walls to calibrate on: a map, queries of a few metres beside, and photos elsewhere."""

from pathlib import Path
from typing import Any

import torch
from facade import facade, seen_from, write_jpeg
from tiny import at_name

from beenhere.config.models import ModelConfig
from beenhere.models.model import VPRModel

EAST, NORTH = 500_000.0, 4_100_000.0
SIZE = 96, 128


def write_streets(root: Path, streets: int = 5, photos: int = 12, elsewhere: int = 6) -> Path:
    """``map/``, ``queries/`` with one for each photo, and ``elsewhere/``.

    Streets are 500 m apart and photos of one 8 m; queries stand 3 m beside and look askance.
    """
    for folder in ("map", "queries", "elsewhere"):
        (root / folder).mkdir(parents=True)
    for street in range(streets):
        for number in range(photos):
            wall = facade(100 * street + number, SIZE)
            east, north = EAST + 500 * street, NORTH + 8 * number
            write_jpeg(root / "map" / at_name(east, north), wall)
            beside = seen_from(wall, 0.2 + 0.05 * (number % 6))
            write_jpeg(root / "queries" / at_name(east + 3, north), beside)
    for number in range(elsewhere):
        name = at_name(EAST, NORTH + 50_000 + number)
        write_jpeg(root / "elsewhere" / name, facade(10_000 + number, SIZE))
    return root


def street_model() -> VPRModel:
    """Random weights; good enough to find the same wall."""
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "backbone": {"name": "resnet10t", "pretrained": False, "crop": 2},
        "aggregator": {"name": "gem"},
    }
    return VPRModel(ModelConfig.model_validate(options)).eval()
