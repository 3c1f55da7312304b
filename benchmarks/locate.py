"""How far off is a position? The nearest match's, ours, and with verification, on the same photos.

    beenhere demo                                  # makes beenhere-demo, with a city and a model
    python benchmarks/locate.py [--demo beenhere-demo] [--real FOLDER] [--only city|real|time]

All queries count, also those of which the map has no photo. Intervals are 95% bootstrap intervals
over queries. `--real` takes the folder of sample photos with `lund` (EXIF positions; each photo is
taken out of the index, located and put back), `corridor` (frames of a walk along a corridor; one
frame counts as 10 metres) and `street` (no positions; is the first match the right one?).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import beenhere
from beenhere import geo
from beenhere.config.training import EvaluationData
from beenhere.photos.formats import read_evaluation, read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.locate.answer import Location, Match

CONSOLE = Console(highlight=False, width=120)
WITHIN = (5, 10, 25, 50)
"""Metres."""
RESAMPLES = 2000
FRAME = 10.0
"""Metres that one frame of the corridor counts: right is then within 25 m, two frames."""

Floats = NDArray[np.float64]
T = TypeVar("T")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--demo", type=Path, default=Path("beenhere-demo"))
    parser.add_argument("--real", type=Path)
    parser.add_argument("--only", choices=("city", "real", "time"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "city"):
            measure_city(options.demo, Path(folder))
        if options.real is not None and options.only in (None, "real"):
            measure_lund(options.real / "lund", Path(folder))
            measure_corridor(options.real / "corridor", Path(folder))
            count_street(options.real / "street", Path(folder))
        if options.only in (None, "time"):
            measure_time(options.demo, Path(folder))


def measure_city(demo: Path, folder: Path) -> None:
    """The demo city by day and by night."""
    for light, tree in (("by day", "sf_xs/test"), ("by night", "tokyo_xs/test")):
        tables = read_evaluation(EvaluationData(tree=demo / "city" / tree))
        index = beenhere.Index.build(tables.database, demo / "run", folder / f"{light}.index")
        plain = index.locate_many(tables.queries.paths, verify=False).locations
        verified = index.locate_many(tables.queries.paths, verify=True).locations
        CONSOLE.print(_table(f"Demo city {light}", plain, verified, tables.queries.positions))


def measure_lund(photos: Path, folder: Path) -> None:
    """A walk: each photo is taken out of the index, located, and put back."""
    table = read_photos(photos)
    index = beenhere.Index.build(table, "offline-lite0", folder / "lund.index")
    plain, verified = [], []
    for row, path in enumerate(table.paths):
        index.remove(path)
        plain.append(index.locate(path, verify=False))
        verified.append(index.locate(path, verify=True))
        index.add(table.rows([row]))
    CONSOLE.print(_table("Lund, each photo in the rest", plain, verified, table.positions))


def measure_corridor(photos: Path, folder: Path) -> None:
    """A walk along a corridor, twice: frames of the second are located among those of the first."""
    tables = []
    for walk in ("ref", "query"):
        frames = sorted((photos / walk).glob("*.jpg"))
        columns = {
            "path": [str(frame) for frame in frames],
            "easting": [500_000.0] * len(frames),
            "northing": [5_000_000 + FRAME * number for number in range(len(frames))],
            "zone": ["32T"] * len(frames),
        }
        tables.append(PhotoTable.from_columns(columns))
    database, queries = tables
    index = beenhere.Index.build(database, "offline-lite0", folder / "corridor.index")
    plain = index.locate_many(queries.paths, verify=False).locations
    verified = index.locate_many(queries.paths, verify=True).locations
    path = index.locate_sequence(queries.paths, step=2 * FRAME, verify=True).locations
    title = f"Corridor, a frame counts {FRAME:.0f} m"
    CONSOLE.print(_table(title, plain, verified, queries.positions, path))


def count_street(photos: Path, folder: Path) -> None:
    """Street views without positions: whether the first match is the right photo."""
    labels = pl.read_csv(photos.parent / "labels_street.csv")
    index = beenhere.Index.build(photos / "database", "offline-lite0", folder / "street.index")
    queries = [photos / "queries" / name for name in labels["query"]]
    for way, verify in (("similarity", False), ("verification", True)):
        found = index.locate_many(queries, verify=verify).locations
        first = [Path(answer.matches[0].path).name for answer in found if answer is not None]
        right = sum(a == b for a, b in zip(first, labels["database"], strict=True))
        CONSOLE.print(f"Street views, first match by {way}: {right} of {len(queries)} right")


@dataclass(frozen=True)
class Way:
    """A way to a position: its name, and the positions that it gives, None for none."""

    name: str
    found: Sequence[tuple[float, float] | None]


def _ways(plain: Sequence[Location | None], verified: Sequence[Location | None]) -> Iterator[Way]:
    yield Way("nearest match", [_first(answer, by_rank=True) for answer in plain])
    yield Way("our position", [_position(answer) for answer in plain])
    yield Way("best verified match", [_first(answer, by_rank=False) for answer in verified])
    yield Way("our position, verified", [_position(answer) for answer in verified])


def _first(answer: Location | None, by_rank: bool) -> tuple[float, float] | None:
    """Of the first match that has a position."""
    matches: Sequence[Match] = answer.matches if answer is not None else ()
    ordered = sorted(matches, key=lambda match: match.rank) if by_rank else matches
    for match in ordered:
        if match.lat is not None and match.lon is not None:
            return match.lat, match.lon
    return None


def _position(answer: Location | None) -> tuple[float, float] | None:
    place = None if answer is None else answer.place
    if place is None or place.lat is None or place.lon is None:
        return None
    return place.lat, place.lon


def _table(
    title: str,
    plain: Sequence[Location | None],
    verified: Sequence[Location | None],
    truth: geo.Positions,
    path: Sequence[Location | None] = (),
) -> Table:
    table = Table(title=f"{title}: {len(plain):,} queries")
    table.add_column("position")
    table.add_column("median error, m", justify="right")
    for metres in WITHIN:
        table.add_column(f"within {metres} m, %", justify="right")
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(plain), (RESAMPLES, len(plain)))
    ways = list(_ways(plain, verified))
    if path:
        ways.append(Way("our position, as a sequence", [_position(answer) for answer in path]))
    for way in ways:
        errors = _errors(way, truth)
        cells = [_median(errors, draws)]
        cells += [_share(errors <= metres, draws) for metres in WITHIN]
        table.add_row(way.name, *cells)
    return table


def _errors(way: Way, truth: geo.Positions) -> Floats:
    """Metres, ``(n,)``; infinite where there is no answer."""
    lat = np.array([np.nan if at is None else at[0] for at in way.found])
    lon = np.array([np.nan if at is None else at[1] for at in way.found])
    paths = [str(number) for number in range(len(lat))]
    found = PhotoTable.from_columns({"path": paths, "lat": lat, "lon": lon}).positions
    errors = geo.distance(found, truth)
    return np.where(np.isfinite(errors), errors, np.inf)


def _median(errors: Floats, draws: NDArray[np.int64]) -> str:
    # Not numpy's median, which takes the mean of two: of metres and infinity there is none.
    middle = (len(errors) - 1) // 2
    medians = np.sort(errors[draws], axis=1)[:, middle]
    low, high = np.quantile(medians, (0.025, 0.975), method="inverted_cdf")
    return f"{np.sort(errors)[middle]:,.1f} [{low:,.1f}, {high:,.1f}]"


def _share(hits: NDArray[np.bool_], draws: NDArray[np.int64]) -> str:
    low, high = np.quantile(hits[draws].mean(axis=1), (0.025, 0.975))
    return f"{100 * hits.mean():.1f} [{100 * low:.0f}, {100 * high:.0f}]"


def measure_time(demo: Path, folder: Path) -> None:
    """What a call costs: opening, the first photo, and the next ones."""
    tables = read_evaluation(EvaluationData(tree=demo / "city" / "sf_xs/test"))
    path = folder / "time.index"
    beenhere.Index.build(tables.database, demo / "run", path)
    queries = tables.queries.paths[:40]
    index, opened = _timed(lambda: beenhere.Index.open(path))
    _, first = _timed(lambda: index.locate(queries[0], verify=False))
    next_ones = [_timed(partial(index.locate, photo, verify=False))[1] for photo in queries[1:]]
    descriptors = np.asarray(index.describe(tables.queries.rows([0])).vectors)
    searches = [_timed(lambda: index.search(descriptors, 20))[1] for _ in range(40)]
    verified = [_timed(partial(index.locate, photo, verify=True))[1] for photo in queries[1:]]
    many, batch = _timed(lambda: index.locate_many(queries, verify=False))
    table = Table(title=f"What a call costs, {len(index):,} photos in the index")
    table.add_column("call")
    table.add_column("ms", justify="right")
    table.add_row("Index.open", f"{1000 * opened:.1f}")
    table.add_row("first locate: reads the model", f"{1000 * first:.0f}")
    table.add_row("each next locate, median", f"{1000 * statistics.median(next_ones):.1f}")
    table.add_row("of which the search", f"{1000 * statistics.median(searches):.1f}")
    table.add_row("locate with verification, median", f"{1000 * statistics.median(verified):.0f}")
    each = 1000 * batch / len(many.locations)
    table.add_row(f"locate_many, of {len(queries)} photos each", f"{each:.1f}")
    CONSOLE.print(table)


def _timed(call: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start


if __name__ == "__main__":
    main()
