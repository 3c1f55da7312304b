"""How far "known" can be trusted on an index that nobody has calibrated.

    python benchmarks/known.py [--seeds 21 22] [--photos 150] [--queries 60] [--real FOLDER]
        [--models offline-lite0 offline-lite0-gem]

Cities of two seeds are rendered. The photos of the first are the index; its queries by day and by
night were taken there, those of the second were not. With ``--real`` FOLDER/lund is an index, too:
half of a walk, asked with the other half, and with FOLDER/berlin, FOLDER/street, every fifth frame
of FOLDER/corridor, and the queries of the first city. The city is asked with all real photos.

Known: the share of queries that are answered, in percent; right: of those, within 25 m; foreign:
the share of photos from elsewhere that are "known", with Wilson's 95% interval. A row for each gap
of inliers that might be asked for; the one that is asked for is marked.
"""

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from beenhere import geo
from beenhere.city import write_city
from beenhere.config.tools import CityConfig
from beenhere.config.training import EvaluationData
from beenhere.evaluation.statistics import wilson_score
from beenhere.photos.formats import read_evaluation, read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.locate.inlier_rule import LEAST_GAP, LEAST_INLIERS

GAPS = (5, 8, 10, 12, 15, 20)


class Case(NamedTuple):
    """Photos for an index, and what it is asked: tables by name, of here or of elsewhere."""

    name: str
    photos: PhotoTable
    here: dict[str, PhotoTable]
    elsewhere: dict[str, PhotoTable]


class Answers(NamedTuple):
    """Of each query: inliers of its best match, the gap, and whether the place is right."""

    inliers: np.ndarray
    gap: np.ndarray
    right: np.ndarray


def main() -> None:
    """Print a table for each index and model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs=2, default=[21, 22])
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--models", nargs="+", default=["offline-lite0", "offline-lite0-gem"])
    options = parser.parse_args()
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(Path(folder), options)
        for name in options.models:
            for number, case in enumerate(cases):
                index = Index.build(case.photos, name, Path(folder) / f"{name}-{number}.index")
                here = {what: _ask(index, table) for what, table in case.here.items()}
                away = {what: _ask(index, table) for what, table in case.elsewhere.items()}
                console.print(_table(f"{case.name}, by {name}", here, away))


def _cases(folder: Path, options: argparse.Namespace) -> list[Case]:
    cities = []
    for seed in options.seeds:
        small = CityConfig(
            seed=seed, cities=1, places=1, images_per_place=1, database=options.photos,
            queries=options.queries, size=448,
        )  # fmt: skip
        cities.append(write_city(folder / str(seed), small, what=f"photos of city {seed}"))
    lights = {
        light: [
            read_evaluation(EvaluationData(tree=getattr(city, side) / "test")) for city in cities
        ]
        for light, side in (("day", "sf_xs"), ("night", "tokyo_xs"))
    }
    real = {} if options.real is None else _real(options.real)
    cases = [
        Case(
            f"city {options.seeds[0]} by {light}",
            here.database,
            {light: here.queries},
            {"another city": there.queries, **real},
        )
        for light, (here, there) in lights.items()
    ]
    if options.real is not None:
        walk = read_photos(options.real / "lund")
        city = {"rendered city": lights["day"][0].queries}
        foreign = {name: table for name, table in real.items() if name != "lund"} | city
        for start in (0, 1):
            rows, others = np.arange(start, len(walk), 2), np.arange(1 - start, len(walk), 2)
            asked = {"other half": walk.rows(others)}
            cases.append(Case("half of the walk", walk.rows(rows), asked, foreign))
    return cases


def _real(root: Path) -> dict[str, PhotoTable]:
    folders = {
        "lund": "lund",
        "berlin": "berlin",
        "street": "street/database",
        "corridor": "corridor/query",
    }
    tables = {name: read_photos(root / folder) for name, folder in folders.items()}
    frames = tables["corridor"]
    return tables | {"corridor": frames.rows(np.arange(0, len(frames), 5))}


def _ask(index: Index, table: PhotoTable) -> Answers:
    found = index.locate_many(table.paths).locations
    inliers, gap, right = [], [], []
    for row, location in enumerate(found):
        if location is None or location.gap is None or location.place is None:
            continue
        assert location.place.lat is not None and location.place.lon is not None
        same = any(match.rank == location.gap.rank for match in location.place.matches)
        inliers.append(location.gap.inliers if same else 0)
        gap.append(location.gap.inliers - location.gap.elsewhere)
        place = geo.positions([location.place.lat], [location.place.lon])
        truth = table.positions[np.array([row])]
        right.append(float(geo.distance(place, truth)[0]) <= 25.0)
    return Answers(np.array(inliers), np.array(gap), np.array(right, bool))


def _table(title: str, here: dict[str, Answers], away: dict[str, Answers]) -> Table:
    table = Table(title=title, title_justify="left")
    columns = [f"known of {name} ({len(found.gap)})" for name, found in here.items()]
    columns += [f"{name} ({len(found.gap)})" for name, found in away.items()]
    for column in ("gap", *columns, "foreign, all"):
        table.add_column(column, justify="right")
    for gap in GAPS:
        cells = []
        for found in here.values():
            known = (found.gap >= gap) & (found.inliers >= LEAST_INLIERS)
            right = int((known & found.right).sum())
            cells.append(f"{100 * known.mean():.0f}%, {right} of {int(known.sum())} right")
        accepted = [_accepted(found, gap) for found in away.values()]
        cells += [str(number) for number in accepted]
        low, high = wilson_score(sum(accepted), sum(len(f.gap) for f in away.values()), 0.95)
        share = 100 * sum(accepted) / max(1, sum(len(found.gap) for found in away.values()))
        cells.append(f"{share:.1f}% [{100 * low:.1f}, {100 * high:.1f}]")
        table.add_row(f"{gap} *" if gap == LEAST_GAP else str(gap), *cells)
    return table


def _accepted(found: Answers, gap: int) -> int:
    return int(((found.gap >= gap) & (found.inliers >= LEAST_INLIERS)).sum())


if __name__ == "__main__":
    main()
