"""How long the doctor takes over half a million photos, and how sure its copies are.

    python benchmarks/doctor.py [--photos 500000] [--city beenhere-demo/city]

1. Metadata: a training set with names as GSV-XS has them and an evaluation set as SF-XS, made up:
   empty files of which no pixel is read. Reading the names and every check on them, and the same
   from a table.
2. Copies: the search among as many made-up hashes, some of them near copies.
3. With `--city`, a folder of photos of which none is a copy: the least distance of any two, and how
   many copies are found that were saved again, resized, brightened, darkened or cropped.
"""

import argparse
import io
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from rich.console import Console
from rich.table import Table

from beenhere import geo
from beenhere.config.tools import CheckConfig
from beenhere.photos.formats.listing import list_photos
from beenhere.tools.doctor import examine, gather
from beenhere.tools.doctor.copies import COARSE_BITS, near_pairs
from beenhere.tools.doctor.fingerprints import brightness, hashes

CONSOLE = Console(highlight=False, width=110)
CITIES = ((37.77, -122.42), (51.51, -0.09), (48.85, 2.35), (35.68, 139.76), (-33.87, 151.21))
A_PLACE = 8


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=500_000)
    parser.add_argument("--city", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_metadata(Path(folder), options.photos)
    measure_search(options.photos)
    if options.city is not None:
        measure_copies(options.city)


def measure_metadata(folder: Path, count: int) -> None:
    """Names and a table of so many photos."""
    table = Table(title=f"Metadata of {count:,} photos", title_justify="left")
    for column in ("", "read, s", "checked, s", "findings", "memory at most, MiB"):
        table.add_column(column, justify="left" if not column else "right")
    trees = folder / "names"
    make_names(trees, count)
    for name, path in (("@ names", trees), ("a Parquet table", folder / "table.parquet")):
        if not path.exists():
            gather(trees / "gsv_xs/train").parts[0].table.write(path)
        with timed() as read:
            collection = gather(path)
        with timed() as checked:
            findings = examine(collection, CheckConfig(pixels=False))
        table.add_row(
            f"{name} ({len(collection):,})",
            f"{read[0]:.1f}",
            f"{checked[0]:.1f}",
            ", ".join(f"{each.name} {len(each):,}" for each in findings),
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f}",
        )
    CONSOLE.print(table)


def make_names(root: Path, count: int) -> None:
    """Empty files with names as GSV-XS and SF-XS have them; 1 in 40 is of an evaluation set."""
    rng = np.random.default_rng(0)
    tested = count // 40
    for city, (lat, lon) in enumerate(CITIES):
        places = (count - tested) // len(CITIES) // A_PLACE
        north = rng.uniform(-0.15, 0.15, places).repeat(A_PLACE) + lat
        east = rng.uniform(-0.15, 0.15, places).repeat(A_PLACE) + lon
        place = np.arange(places).repeat(A_PLACE) + city * places
        notes = [f"{number:07d}_City{city}" for number in place]
        write_names(root / f"gsv_xs/train/City{city}", north, east, notes, rng)
    for side, share in (("database", 0.9), ("queries", 0.1)):
        number = int(tested * share)
        north, east = 45 + rng.uniform(0, 0.02, number), 9 + rng.uniform(0, 0.02, number)
        write_names(root / f"sf_xs/test/{side}", north, east, [""] * number, rng)


def write_names(
    folder: Path,
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    notes: list[str],
    rng: np.random.Generator,
) -> None:
    """Empty files of photos at these positions, with headings from 0 to 719."""
    folder.mkdir(parents=True)
    easting, northing, zones = geo.to_utm(lat, lon)
    headings = rng.integers(0, 720, len(lat))
    for number, (e, n, zone, y, x, h, note) in enumerate(
        zip(easting, northing, zones, lat, lon, headings, notes, strict=True)
    ):
        assert zone is not None
        name = (
            f"@{e:010.2f}@{n:010.2f}@{zone[:-1]}@{zone[-1]}@{y:.5f}@{x:.5f}@{number:022d}"
            f"@@{h}@@@@201506@{note}@.jpg"
        )
        os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY))


def measure_search(count: int) -> None:
    """Hashes with as many independent directions as those of photos have, about, and copies."""
    rng = np.random.default_rng(0)
    waves = rng.normal(size=(count, 24)).astype(np.float32) @ rng.normal(size=(24, 256)).astype(
        np.float32
    )
    waves += 3 * rng.normal(size=waves.shape).astype(np.float32)
    copies = np.arange(0, count - 1, 100)
    waves[copies + 1] = waves[copies] + 0.4 * rng.normal(size=(len(copies), 256))
    fine = np.packbits(waves > np.median(waves, axis=1, keepdims=True), axis=1)
    few = waves[:, :64]
    coarse = np.packbits(few > np.median(few, axis=1, keepdims=True), axis=1)
    with timed() as seconds:
        a, b, _ = near_pairs(coarse, fine, np.zeros(count, np.intp), CheckConfig().near_bits)
    found = np.isin(copies, a[b == a + 1])
    differ = np.bitwise_count(coarse[copies] ^ coarse[copies + 1]).sum(axis=1)
    CONSOLE.print(
        f"\nNear copies among {count:,} hashes: {seconds[0]:.0f} s; {found.sum():,} of "
        f"{len(copies):,} planted ones found, {(differ <= COARSE_BITS).sum():,} within reach"
    )


def measure_copies(city: Path) -> None:
    """Real distances of pictures that are no copies, and of copies."""
    listing = list_photos(city)
    paths = listing.paths(listing.photos)
    codes = [look(path) for path in paths]
    coarse, fine = (np.array(each) for each in zip(*codes, strict=True))
    near = [
        np.bitwise_count(fine[row] ^ fine[row + 1 :]).sum(axis=1) for row in range(len(fine) - 1)
    ]
    limit = CheckConfig().near_bits
    apart = np.concatenate(near)
    CONSOLE.print(
        f"\n{len(paths):,} different photos, {len(apart):,} pairs: the nearest differ in "
        f"{int(apart.min())} of 256 bits ({limit} make a copy)"
    )
    table = Table(title="Copies found", title_justify="left")
    for column in ("changed", "found", "bits of 64, median", "bits of 256, median"):
        table.add_column(column, justify="left" if column == "changed" else "right")
    some = np.random.default_rng(0).permutation(len(paths))[:300]
    for name, change, quality in CHANGES:
        bits = []
        for row in some.tolist():
            one, other = look(changed(paths[row], change, quality))
            bits.append(
                [
                    np.bitwise_count(coarse[row] ^ one).sum(),
                    np.bitwise_count(fine[row] ^ other).sum(),
                ]
            )
        of = np.array(bits)
        found = (of[:, 0] <= COARSE_BITS) & (of[:, 1] <= limit)
        medians = np.median(of, axis=0)
        table.add_row(name, f"{found.mean():.0%}", f"{medians[0]:.0f}", f"{medians[1]:.0f}")
    CONSOLE.print(table)


def cropped(share: float) -> Callable[[Image.Image], Image.Image]:
    """Cut off at each side, and brought back to the old size."""

    def crop(photo: Image.Image) -> Image.Image:
        x, y = photo.width * share, photo.height * share
        box = round(x), round(y), round(photo.width - x), round(photo.height - y)
        return photo.crop(box).resize(photo.size)

    return crop


CHANGES: tuple[tuple[str, Callable[[Image.Image], Image.Image], int], ...] = (
    ("saved again, JPEG quality 40", lambda photo: photo, 40),
    ("half the size", lambda photo: photo.resize((photo.width // 2, photo.height // 2)), 90),
    ("30% brighter", lambda photo: ImageEnhance.Brightness(photo).enhance(1.3), 90),
    ("40% darker", lambda photo: ImageEnhance.Brightness(photo).enhance(0.6), 90),
    ("1% cropped at each side", cropped(0.01), 90),
    ("2% cropped at each side", cropped(0.02), 90),
    ("4% cropped at each side", cropped(0.04), 90),
)


def changed(path: str, change: Callable[[Image.Image], Image.Image], quality: int) -> bytes:
    """The file of a changed photo."""
    with Image.open(path) as photo:
        buffer = io.BytesIO()
        change(photo.convert("RGB")).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def look(photo: str | bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The two hashes of a photo, as the doctor takes them."""
    return hashes(brightness(photo))


@contextmanager
def timed() -> Iterator[list[float]]:
    """The seconds that the block takes."""
    seconds: list[float] = []
    start = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - start)


if __name__ == "__main__":
    main()
