"""What a training set of many photos costs: `python benchmarks/places.py`.

Photos that do not exist, on streets of made-up cities, are split and formed into places. Reading
headers and writing tables is not measured; both depend on the disk.
"""

import argparse
import resource
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from beenhere.config.tools import PlacesConfig
from beenhere.photos.table import PhotoTable
from beenhere.tools.places import BuiltPlaces, build_places

CONSOLE = Console()
STREET, BLOCK = 1000.0, 100.0
"""Metres of a street, and between two."""
PER_METRE = 3
"""Photos of a street, over all days and directions."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--cities", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="small sizes: is all in order?")
    arguments = parser.parse_args()
    sizes = [5_000] if arguments.quick else arguments.photos
    table = Table(title=f"`beenhere data places`, photos in {arguments.cities} cities")
    for heading in (
        "photos",
        "method",
        "CPU seconds",
        "places",
        "train",
        "val",
        "test",
        "left out",
    ):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for photos in sizes:
        taken = drives(photos, arguments.cities)
        for method in ("clusters", "cells"):
            config = PlacesConfig.model_validate({"method": method})
            start = time.process_time()
            built = build_places(taken, config)
            table.add_row(*_row(photos, method, time.process_time() - start, built))
    CONSOLE.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    CONSOLE.print(f"most memory: {peak:,.0f} MiB")


def drives(photos: int, cities: int) -> PhotoTable:
    """A photo each 10 m in four directions, along streets that are driven on several days."""
    rng = np.random.default_rng(0)
    city = rng.integers(0, cities, photos)
    streets = max(1, round(photos / cities / STREET / PER_METRE))
    street = rng.integers(0, streets, photos)
    along = np.round(rng.uniform(0, STREET, photos) / 10) * 10 + rng.normal(0, 2, photos)
    rows = int(np.ceil(streets**0.5))
    east = 500_000 + 3 * STREET * (street % rows) + along
    north = 4_000_000 + BLOCK * (street // rows) + rng.normal(0, 2, photos)
    day = rng.integers(1, 29, photos)
    return PhotoTable.from_columns(
        {
            "path": [f"/photos/{number:07d}.jpg" for number in range(photos)],
            "easting": east,
            "northing": north,
            "zone": np.char.add((10 + city).astype(str), "S"),
            "heading": rng.integers(0, 4, photos) * 90 + rng.normal(45, 5, photos),
            "captured": [f"2020-06-{number:02d}" for number in day],
        }
    )


def _row(photos: int, method: str, seconds: float, built: BuiltPlaces) -> list[str]:
    parts = [len(part.database) + len(part.queries) for part in built.evaluation.values()]
    counts = [len(built.train), *parts, len(built.left_out)]
    places = built.train.frame["place"].n_unique()
    return [f"{photos:,}", method, f"{seconds:.1f}", *(f"{n:,}" for n in (places, *counts))]


if __name__ == "__main__":
    main()
