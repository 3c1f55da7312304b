"""A tiny town of coloured blocks to train on, and options that train on it in a second."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from beenhere import geo

SIDE = 64


def write_photo(path: Path, place: int, number: int) -> None:
    """Blocks of colour that belong to the place; light and noise that belong to the photo."""
    blocks = np.random.default_rng(place).uniform(60, 195, (4, 4, 3))
    photo = np.random.default_rng([place, number])
    light, noise = photo.uniform(-50, 50, 3), photo.normal(0, 40, (SIDE, SIDE, 3))
    pixels = np.kron(blocks, np.ones((SIDE // 4, SIDE // 4, 1))) + light + noise
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def position_fields(place: int) -> str:
    """The first fields of a file name: places lie 100 m apart."""
    easting, northing = 550_000.0 + 100 * (place % 10), 4_180_000.0 + 100 * (place // 10)
    (lat,), (lon,) = geo.to_wgs84([easting], [northing], [10])
    return f"@{easting:.2f}@{northing:.2f}@10@S@{lat:.6f}@{lon:.6f}"


def write_town(root: Path, places: int = 10, photos: int = 4) -> Path:
    """``train/`` in two cities, ``val/``, ``test/`` and ``far/`` with a database and queries."""
    for place in range(places):
        city = "Aston" if place % 2 else "Bray"
        for number in range(photos):
            name = f"{position_fields(place)}@p{number}@@{30 * number}@@@@2015{number + 1:02}"
            write_photo(root / "train" / city / f"{name}@{place:04}_{city}@.jpg", place, number)
    for part, first in (("val", 100), ("test", 200), ("far", 300)):
        for place in range(first, first + 12):
            for number, kind in enumerate(("database", "queries")):
                name = f"{position_fields(place)}@p{number}@@0@@@@201506@@.jpg"
                write_photo(root / part / kind / name, place, number)
    return root


def town_options(town: Path) -> dict[str, Any]:
    """Options of a run of seconds: a cropped ResNet from scratch, exact arithmetic."""
    return {
        "data": {"train": str(town / "train"), "validation": str(town / "val")},
        "model": {
            "backbone": {"name": "resnet10t.c3_in1k", "pretrained": False, "crop": 2},
            "aggregator": {"name": "convap", "out_channels": 16},
        },
        "batch": {"places": 4, "images": 2, "min_images": 2},
        "augment": {"randaugment": 1},
        "optimizer": {"lr": 1e-3},
        "fit": {"epochs": 2, "precision": "32", "accelerator": "cpu", "workers": 1},
        "evaluation": {"resamples": 100, "extract": {"device": "cpu", "precision": "32"}},
    }
