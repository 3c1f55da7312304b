"""Memory that extraction needs as the number of photos grows.

    python benchmarks/memory.py [--photos 100000]

Describes a set of small photos (hard links to a few files, so the disk holds only those) in a
process of its own, with the descriptors memory-mapped on disk, and prints the peak of that
process's memory for a tenth and for all of them.
"""

import argparse
import multiprocessing
import resource
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from beenhere.city import write_city
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.models import BackboneConfig, ConvAPConfig, ModelConfig, PreprocessingConfig
from beenhere.config.tools import CityConfig
from beenhere.photos.table import PhotoTable

MODEL = ModelConfig(
    backbone=BackboneConfig(name="resnet18", pretrained=False, crop=2),
    aggregator=ConvAPConfig(out_channels=512, s1=2, s2=2),
    preprocessing=PreprocessingConfig(image_size=(32, 32)),
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=100_000)
    photos = parser.parse_args().photos
    table = Table(title="Peak memory of extraction, descriptors of 2048 float16 numbers on disk")
    for heading in ("photos", "descriptors, MiB", "peak, MiB", "above the smallest run, MiB"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        small = CityConfig(cities=1, places=1, images_per_place=1, database=32, queries=1, size=32)
        source = write_city(root / "city", small).sf_xs / "test/database"
        paths = _many(sorted(source.glob("*.jpg")), root / "photos", photos)
        least = None
        for count in (64, photos // 10, photos):
            peak = _in_own_process(paths[:count], root / f"store-{count}")
            least = peak if least is None else least
            size = count * 2048 * 2 / 2**20
            table.add_row(f"{count:,}", f"{size:.0f}", f"{peak:.0f}", f"{peak - least:.0f}")
    Console(highlight=False).print(table)


def _many(sources: list[Path], folder: Path, count: int) -> list[str]:
    folder.mkdir()
    paths = []
    for number in range(count):
        path = folder / f"{number:07d}.jpg"
        path.hardlink_to(sources[number % len(sources)])
        paths.append(str(path))
    return paths


def _in_own_process(paths: list[str], store: Path) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (paths, store))


def _peak(paths: list[str], store: Path) -> float:
    """Describe the photos; the most memory this process has had, in MiB."""
    from beenhere.models import build_model
    from beenhere.retrieval.extract import extract

    table = PhotoTable.from_columns({"path": paths})
    options = ExtractConfig(dtype="float16")
    extract(build_model(MODEL), table, options, store, f"{len(paths):,} photos")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
