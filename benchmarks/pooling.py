"""How well the model that needs no training finds places, by how it pools its features.

    python benchmarks/pooling.py [--seeds 11 12 13] [--real FOLDER] [--photos N]

Each pooling reads the same feature maps: the third stage of EfficientNet-Lite0 with ImageNet
weights, photos at 320 px for the shorter side. It is measured on rendered cities of other seeds
than that of the demo, by day and by night, and, with ``--real``, on real photos: FOLDER/lund (a
walk; each photo is searched in the others, right within 25 m) and FOLDER/corridor (query frame i is
right within 2 frames of reference frame i). "+ half" is half-whitened as an index of the database
does it by ``whitening: half``, learned on the database alone.

R@1 and R@5 in percent, and the gain in R@1 over GeM with the 95% interval of a paired bootstrap.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from beenhere import geo
from beenhere.city import write_city
from beenhere.config.models import AvgConfig, ConvAPConfig, SqrtCovConfig
from beenhere.config.retrieval import WhiteningConfig
from beenhere.config.tools import CityConfig
from beenhere.config.training import EvaluationData
from beenhere.evaluation.statistics import resampled_shares
from beenhere.models import VPRModel, load_model
from beenhere.models.aggregators import AGGREGATORS, MapShape
from beenhere.photos.formats import read_evaluation, read_photos
from beenhere.photos.pixels import load_photo
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.retrieval.search.whitening import Whitening

Vectors = NDArray[np.float32]
Pool = Callable[[torch.Tensor], torch.Tensor]


class Asked(NamedTuple):
    """A set: photos to search, queries, and which rows are right for each query, ``(m, n)``.

    ``itself`` is ``(m, n)`` too: rows that are the very query and are left out.
    """

    name: str
    database: list[str]
    queries: list[str]
    right: NDArray[np.bool_]
    itself: NDArray[np.bool_]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--real", type=Path)
    parser.add_argument("--photos", type=int, default=350)
    options = parser.parse_args()
    console = Console(highlight=False, width=120)
    model = load_model("offline-lite0-gem")
    pools = _pools(model)
    console.print(_costs(model, pools))
    with tempfile.TemporaryDirectory() as folder:
        sets = [] if options.real is None else [_corridor(options.real), _lund(options.real)]
        for seed in options.seeds:
            small = CityConfig(
                seed=seed, cities=1, places=1, images_per_place=1,
                database=options.photos, queries=max(20, options.photos // 2), size=320,
            )  # fmt: skip
            city = write_city(Path(folder) / str(seed), small, what=f"photos of city {seed}")
            for light, tree in (("day", city.sf_xs), ("night", city.tokyo_xs)):
                sets.append(_city(tree / "test", seed, light))
        for asked in sets:
            console.print(_measured(model, pools, asked))


def _pools(model: VPRModel) -> dict[str, Pool]:
    shape = MapShape(model.backbone.out_channels, None)
    grid = AGGREGATORS["convap"](ConvAPConfig(out_channels=shape.channels, s1=2, s2=2), shape)
    with torch.no_grad():  # pooled in cells, without a convolution before
        grid.conv.weight[:] = torch.eye(shape.channels)[:, :, None, None]  # type: ignore[union-attr, operator]
        grid.conv.bias[:] = 0  # type: ignore[union-attr, operator]
    return {
        "gem": model.aggregator,
        "average": AGGREGATORS["avg"](AvgConfig(out_dim=None), shape),
        "2 x 2 grid": grid,
        "sqrt_cov": AGGREGATORS["sqrt_cov"](SqrtCovConfig(), shape),
        "sqrt_cov, 1024": AGGREGATORS["sqrt_cov"](SqrtCovConfig(out_dim=1024), shape),
    }


def _city(tree: Path, seed: int, light: str) -> Asked:
    tables = read_evaluation(EvaluationData(tree=tree))
    chosen = np.flatnonzero((tables.queries.frame["condition"] == light).to_numpy())
    right = np.zeros((len(chosen), len(tables.database)), np.bool_)
    for row, positives in enumerate(tables.truth.positives(25.0)[i] for i in chosen):
        right[row, positives] = True
    queries = [tables.queries.paths[i] for i in chosen]
    none = np.zeros_like(right)
    return Asked(f"city {seed}, {light}", tables.database.paths, queries, right, none)


def _lund(real: Path) -> Asked:
    table = read_photos(real / "lund")
    near = np.zeros((len(table), len(table)), np.bool_)
    for row, rows in enumerate(geo.within(table.positions, table.positions, 25.0)):
        near[row, rows] = True
    return Asked("lund, a walk", table.paths, table.paths, near, np.eye(len(table), dtype=np.bool_))


def _corridor(real: Path) -> Asked:
    database, queries = (
        sorted(map(str, (real / "corridor" / side).iterdir())) for side in ("ref", "query")
    )
    right = np.abs(np.arange(len(queries))[:, None] - np.arange(len(database))) <= 2
    return Asked("corridor", database, queries, right, np.zeros_like(right))


@torch.inference_mode()
def _describe(model: VPRModel, pools: dict[str, Pool], paths: list[str]) -> dict[str, Vectors]:
    found: dict[str, list[torch.Tensor]] = {name: [] for name in pools}
    for path in paths:
        maps = model.feature_maps(load_photo(path, model.preprocessing.target_size)[None])
        for name, pool in pools.items():
            found[name].append(pool(maps))
    return {name: torch.cat(vectors).numpy() for name, vectors in found.items()}


def _measured(model: VPRModel, pools: dict[str, Pool], asked: Asked) -> Table:
    database, queries = (
        _describe(model, pools, paths) for paths in (asked.database, asked.queries)
    )
    hits: dict[str, NDArray[np.bool_]] = {}
    for name in pools:
        hits[name] = _hits(database[name], queries[name], asked)
        half = Whitening.fit([StoredVectors(database[name])], WhiteningConfig(dim=None, power=0.5))
        hits[f"{name} + half"] = _hits(half.apply(database[name]), half.apply(queries[name]), asked)
    table = Table(title=f"{asked.name}: {len(asked.queries)} queries in {len(asked.database)}")
    for column in ("pooling", "R@1", "R@5", "gain over gem"):
        table.add_column(column, justify="left" if column == "pooling" else "right")
    for name, row in hits.items():
        shares = resampled_shares([row[None, :, 0], hits["gem"][None, :, 0]], 2000, 0)
        low, high = np.percentile(shares[0] - shares[1], [2.5, 97.5]) * 100
        gain = 100 * (row[:, 0].mean() - hits["gem"][:, 0].mean())
        table.add_row(
            name,
            f"{100 * row[:, 0].mean():.1f}",
            f"{100 * row.any(axis=1).mean():.1f}",
            f"{gain:+.1f} [{low:+.1f}, {high:+.1f}]",
        )
    return table


def _hits(database: Vectors, queries: Vectors, asked: Asked) -> NDArray[np.bool_]:
    """Whether each of the first five is right, ``(m, 5)``."""
    similarity = np.where(asked.itself, -np.inf, queries @ database.T)
    first = np.argsort(-similarity, axis=1, kind="stable")[:, :5]
    return np.take_along_axis(asked.right, first, axis=1)


def _costs(model: VPRModel, pools: dict[str, Pool], repeats: int = 30) -> Table:
    table = Table(title=f"cost of one photo of 320 x 426 px ({torch.get_num_threads()} threads)")
    for column in ("pooling", "numbers", "ms"):
        table.add_column(column, justify="left" if column == "pooling" else "right")
    photo = torch.randint(0, 255, (1, 3, 320, 426), dtype=torch.uint8)
    with torch.inference_mode():
        maps = model.feature_maps(photo)
        table.add_row("the network", "", f"{_milliseconds(lambda: model.feature_maps(photo)):.1f}")
        for name, pool in pools.items():
            numbers = pool(maps).shape[1]
            milliseconds = _milliseconds(lambda pool=pool: pool(maps), repeats)  # type: ignore[misc]
            table.add_row(name, f"{numbers:,}", f"{milliseconds:.2f}")
    return table


def _milliseconds(call: Callable[[], object], repeats: int = 30) -> float:
    call()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


if __name__ == "__main__":
    main()
