"""A small set of photos in two cities, as files and as shards."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beenhere.config.training import ShardsConfig
from beenhere.photos.table import PhotoTable
from beenhere.training.shards import write_shards


def write_photos(root: Path, places: int, photos: int) -> PhotoTable:
    """Noise of 30 KB, whose first pixel says place and number; labels repeat between cities."""
    rows = []
    for place in range(places):
        city = "Aston" if place % 2 else "Bray"
        for number in range(photos):
            path = root / city / f"{place // 2}.{number}.PNG"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([place, number]).integers(0, 256, (80, 125, 3), np.uint8)
            pixels[0, 0] = place, number, 0
            Image.fromarray(pixels).save(path)
            rows.append((str(path), city, str(place // 2), 48.0 + place / 1000, 2.0))
    paths, cities, labels, lats, lons = zip(*rows, strict=True)
    return PhotoTable.from_columns(
        {"path": paths, "city": cities, "place": labels, "lat": lats, "lon": lons}
    )


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoTable:
    """24 places of 5 photos."""
    return write_photos(tmp_path_factory.mktemp("photos"), 24, 5)


@pytest.fixture(scope="session")
def shards_at(tmp_path_factory: pytest.TempPathFactory, photos: PhotoTable) -> Path:
    """Four shards of 1 MiB; tests change nothing in it."""
    out = tmp_path_factory.mktemp("shards") / "set"
    written = write_shards(photos, out, ShardsConfig(mib=1))
    assert written.shards == 4
    return out
