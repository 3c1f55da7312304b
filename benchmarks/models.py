"""What published models cost: milliseconds a photo, MB, and numbers of a descriptor.

    python benchmarks/models.py [--only NAME ...] [--kept rows.csv] [--limit 180]
    python benchmarks/models.py --against-plain megaloc [--photos 48]

Weights are random: time and size do not depend on them. Of each family the one with the longest
descriptor is taken, unless names are given. Milliseconds are of the network alone, a photo at a
time, in float32 and, where the processor has it, in bfloat16; the lowest cosine says how far the
two are apart. Each model is measured in a process of its own, which is ended after ``--limit``
seconds. Rows are kept in a file, if one is given, and the next run measures what is not in it: what
was ended, too.
``--against-plain`` extracts
descriptors of rendered photos from files, by this project and by the plain loop of public code
(``benchmarks/plain.py``: float32, a DataLoader), on the same weights in turn.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import plain
from beenhere.city import write_city
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.models import BUILT_IN
from beenhere.config.tools import CityConfig
from beenhere.devices import has_bfloat16
from beenhere.models import VPRModel, build_model
from beenhere.models.published.catalogue import families, published_model
from beenhere.photos.formats import read_photos
from beenhere.retrieval.extract import extract, milliseconds_per_photo

Descriptors = NDArray[np.floating[Any]]

NATIVE = (480, 640)
"""Height and width of a photo that is measured."""


HEADINGS = ("model", "seen as", "dim", "M parameters", "MB", "ms float32", "ms bfloat16", "cosine")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these models")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="of rows, to go on with (CSV)")
    parser.add_argument("--limit", type=float, default=180, metavar="S", help="for one model")
    parser.add_argument("--row", metavar="NAME", help=argparse.SUPPRESS)  # a process of our own
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against-plain", metavar="NAME")
    parser.add_argument("--photos", type=int, default=48)
    options = parser.parse_args()
    console = Console(highlight=False, width=120)
    if options.against_plain:
        console.print(_against_plain(options.against_plain, options.photos, options.rounds))
        return
    if options.row:
        print(json.dumps(_costs(options.row)))
        return
    rows: dict[str, list[str]] = {}
    if options.kept is not None and options.kept.exists():
        with options.kept.open(newline="") as file:
            rows = {row[0]: row for row in csv.reader(file)}
    names = options.only or ["offline-lite0", *_largest()]
    for name in names:
        if name not in rows:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows[name] = _measured(name, options.limit)
            if options.kept is not None and len(rows[name][1]) > 1:  # one that ran to its end
                with options.kept.open("a", newline="") as file:
                    csv.writer(file).writerow(rows[name])
    table = Table(box=None)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name in names:
        table.add_row(*rows[name])
    console.print(table)


def _largest() -> list[str]:
    """Of each family the model with the longest descriptor."""
    return [
        max(family.variants, key=lambda name: published_model(name).dim)
        for family in families()
        if family.variants
    ]


def _model(name: str) -> VPRModel:
    torch.manual_seed(0)
    if name in BUILT_IN:
        return build_model(BUILT_IN[name]).eval()
    model = VPRModel(published_model(name).config).eval()
    with torch.no_grad():  # random networks give nearly the same descriptor for all photos
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.01)
    return model


def _measured(name: str, limit: float) -> list[str]:
    """A row by a process of its own, which gives its memory back and can be ended."""
    command = [sys.executable, __file__, "--row", name]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return [name, *["-"] * 4, f"not in {limit:g} s", "-", "-"]
    row: list[str] = json.loads(done.stdout)
    return row


def _costs(name: str) -> list[str]:
    half = has_bfloat16(torch.device("cpu"))
    model = _model(name)
    height, width = model.preprocessing.target_size(*NATIVE)
    count = sum(parameter.numel() for parameter in model.parameters())
    times = {
        precision: milliseconds_per_photo(
            model, ExtractConfig(device="cpu", precision=precision), height, width, photos=1
        )
        for precision in ("32", *(("bf16",) if half else ()))
    }
    photos = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8)
    with torch.inference_mode():
        exact = model(photos)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            rounded = model(photos)
    return [
        name,
        f"{height} x {width}",
        f"{model.descriptor_dim:,}",
        f"{count / 1e6:.1f}",
        f"{4 * count / 1e6:.0f}",
        f"{times['32']:.0f}",
        f"{times['bf16']:.0f}" if half else "-",
        f"{float((exact * rounded).sum()):.5f}" if half else "-",
    ]


def _against_plain(name: str, photos: int, rounds: int) -> Table:
    model = _model(name)
    table = Table(title=f"{name}: descriptors of {photos} photos of 640 x 640 from files")
    for heading in ("pipeline", "s", "photos/s", "ours is", "cosine, lowest"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        city = CityConfig(
            cities=1, places=2, images_per_place=4, database=photos, queries=8, size=640
        )
        written = write_city(Path(folder) / "city", city, what="photos to measure on")
        listed = read_photos(written.sf_xs / "test" / "database")
        ways: dict[str, Callable[[], Descriptors]] = {
            "beenhere": lambda: extract(model, listed, ExtractConfig(), None, None).vectors,
            "plain": lambda: plain.describe(model, listed.paths, batch_size=16),
            "plain, 2 workers": lambda: plain.describe(
                model, listed.paths, batch_size=16, workers=2
            ),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        found = {}
        for _ in range(rounds):
            for way, run in ways.items():
                start = time.perf_counter()
                found[way] = run()
                seconds[way].append(time.perf_counter() - start)
    medians = {way: statistics.median(each) for way, each in seconds.items()}
    cosine = float((found["beenhere"] * found["plain"]).sum(axis=1).min())
    for way, median in medians.items():
        ours = way == "beenhere"
        ratio = "" if ours else f"{median / medians['beenhere']:.2f} x"
        cells = (f"{median:.1f}", f"{photos / median:.2f}", ratio)
        table.add_row(way, *cells, f"{cosine:.5f}" if ours else "")
    return table


if __name__ == "__main__":
    main()
