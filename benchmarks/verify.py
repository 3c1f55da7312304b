"""What the geometric check costs, what its early stop saves, and whether it finds better.

    python benchmarks/verify.py [TREE] [--model MODEL] [--queries 50]

TREE holds ``database/`` and ``queries/`` with positions in their names; without one a small demo
city is rendered. Every query's first matches by MODEL are checked. "R@1" is the share of queries
whose first match lies within 25 m, by similarity and after re-ranking by inliers.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from beenhere import geo
from beenhere.city import write_city
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.retrieval import VerifyConfig
from beenhere.config.tools import CityConfig
from beenhere.config.training import EvaluationData
from beenhere.models import load_model
from beenhere.photos.formats import read_evaluation
from beenhere.retrieval.extract import extract
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.vectors import StoredVectors
from beenhere.retrieval.verify import Verifier, reranked
from beenhere.retrieval.verify.matching import count_inliers, mutual_matches

ENOUGH = 40
"""Inliers from which on more say nothing more, in the rows that stop early by it."""


@dataclass(frozen=True)
class Asked:
    """Queries and their first matches, by similarity; whether each lies within 25 m."""

    queries: list[str]
    matches: list[list[str]]
    right: NDArray[np.bool_]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("tree", nargs="?", type=Path)
    parser.add_argument("--model", default="offline-lite0")
    parser.add_argument("--queries", type=int, default=50)
    options = parser.parse_args()
    console = Console(highlight=False, width=120)
    with tempfile.TemporaryDirectory() as folder:
        tree = options.tree
        if tree is None:
            small = CityConfig(cities=1, places=4, database=60, queries=25, size=448)
            tree = write_city(Path(folder) / "city", small, what="photos to check").sf_xs / "test"
        asked = _ask(tree, options.model, options.queries)
        console.print(f"{len(asked.queries)} queries, {asked.right.shape[1]} matches each")
        console.print(_parts(asked))
        console.print(_whole(asked))


def _ask(tree: Path, name: str, count: int) -> Asked:
    tables = read_evaluation(EvaluationData(tree=tree))
    step = max(1, len(tables.queries) // count)
    queries = tables.queries.rows(np.arange(0, len(tables.queries), step)[:count])
    database = tables.database
    model = load_model(name)
    searched, asking = (
        extract(model, photos, ExtractConfig(), None, None).vectors
        for photos in (database, queries)
    )
    k = min(VerifyConfig().matches, len(database))
    _, rows = search_exact([StoredVectors(searched)], asking.astype(np.float32), k)
    each = np.repeat(np.arange(len(queries)), k)
    metres = geo.distance(queries.positions[each], database.positions[rows.ravel()])
    paths = database.paths
    return Asked(
        queries.paths,
        [[paths[row] for row in found] for found in rows],
        (metres <= 25).reshape(rows.shape),
    )


def _parts(asked: Asked) -> Table:
    """Milliseconds of each step, and medians of what they give."""
    table = Table(title="The steps")
    for heading in ("features", "ms an image", "ms to match", "ms of MAGSAC"):
        table.add_column(heading, justify="right")
    for where in ("within", "beyond"):
        table.add_column(f"matches {where} 25 m", justify="right")
        table.add_column("inliers", justify="right")
    for name in ("sift", "xfeat"):
        config = VerifyConfig.model_validate({"features": name, "workers": 1})
        verifier = Verifier(config)
        photos = sorted({*asked.queries, *(path for paths in asked.matches for path in paths)})
        started = time.perf_counter()
        features = {photo: verifier.features(photo) for photo in photos}
        image = (time.perf_counter() - started) / len(photos)
        matching = counting = 0.0
        counts = np.zeros((*asked.right.shape, 2), int)
        for number, query in enumerate(asked.queries):
            for rank, path in enumerate(asked.matches[number]):
                first, second = features[query], features[path]
                started = time.perf_counter()
                pairs = mutual_matches(first, second, config.features.ratio)
                matched = time.perf_counter()
                inliers = count_inliers(
                    first.points[pairs[:, 0]], second.points[pairs[:, 1]], config.threshold
                )
                counting += time.perf_counter() - matched
                matching += matched - started
                counts[number, rank] = len(pairs), inliers
        table.add_row(
            name,
            f"{1000 * image:.1f}",
            f"{1000 * matching / asked.right.size:.1f}",
            f"{1000 * counting / asked.right.size:.1f}",
            *_medians(counts[asked.right]),
            *_medians(counts[~asked.right]),
        )
    return table


def _medians(counts: NDArray[np.int_]) -> list[str]:
    return [f"{value:.0f}" for value in np.median(counts, axis=0)] if len(counts) else ["", ""]


def _whole(asked: Asked) -> Table:
    """Seconds for all queries, and where their first match ends up."""
    table = Table(title="All queries")
    for heading in ("features", "first", "enough", "threads", "s, first time", "s, again"):
        table.add_column(heading, justify="right")
    table.add_column("pairs not counted", justify="right")
    table.add_column("R@1 by similarity", justify="right")
    table.add_column("by inliers", justify="right")
    ways: list[tuple[int | None, int | None, int]]
    ways = [(None, None, 1), (None, None, 2), (1, None, 2), (1, ENOUGH, 2)]
    for name in ("sift", "xfeat"):
        for first_places, enough, threads in ways:
            config = {"features": name, "workers": threads, "enough": enough}
            verifier = Verifier(VerifyConfig.model_validate(config))
            seconds = []
            for _ in range(2):
                started = time.perf_counter()
                inliers = [
                    verifier.inliers(query, paths, first_places)
                    for query, paths in zip(asked.queries, asked.matches, strict=True)
                ]
                seconds.append(time.perf_counter() - started)
            skipped = np.mean([count is None for counts in inliers for count in counts])
            first = [reranked(counts)[0] for counts in inliers]
            table.add_row(
                name,
                "all" if first_places is None else str(first_places),
                "" if enough is None else str(enough),
                str(threads),
                *(f"{one:.1f}" for one in seconds),
                f"{100 * skipped:.0f}%",
                f"{100 * asked.right[:, 0].mean():.1f}",
                f"{100 * asked.right[np.arange(len(first)), first].mean():.1f}",
            )
    return table


if __name__ == "__main__":
    main()
