"""An evaluation that no model made, on disk as a real one: random ranks and distances."""

from pathlib import Path

import numpy as np
import polars as pl

from beenhere.evaluation.evaluation_results import Evaluation, Recall, SavedEvaluation, Timing


def write_evaluation(
    folder: Path,
    seed: int = 0,
    queries: int = 60,
    database: int = 50,
    depth: int = 20,
    recall_at: tuple[int, ...] = (1, 5),
) -> SavedEvaluation:
    """Queries of three conditions and of none; the last three are told below.

    The last but two cannot be read: it has no prediction. The last but one has no position: no
    distance of it is known. The last has fewer predictions than the others. ``seed`` changes what
    was found, not what was asked.
    """
    asked = np.random.default_rng(0)
    names = [f"photos/query {i}.jpg" for i in range(queries)]
    conditions = [(None, "day", "fog", "night")[i % 4] for i in range(queries)]
    nearest = [float(metres) for metres in asked.exponential(15, queries).round(1)]
    rng = np.random.default_rng(seed)
    found = []
    for i, name in enumerate(names):
        many = {queries - 3: 0, queries - 1: depth // 2}.get(i, depth)
        metres = nearest[i] + rng.exponential(40, many).round(1)
        for rank, distance in enumerate(metres, 1):
            known = None if i == queries - 2 else float(distance)
            path = f"photos/database {rng.integers(database)}.jpg"
            found.append((name, rank, path, 1 - rank / 100, known, conditions[i]))
    evaluation = Evaluation(
        name="made up",
        recalls=[Recall(25.0, at, None, queries, 0, 0, 0, 0, 0, None) for at in recall_at],
        predictions=pl.DataFrame(
            found,
            schema={
                "query": pl.String,
                "rank": pl.Int32,
                "database": pl.String,
                "similarity": pl.Float32,
                "distance_m": pl.Float64,
                "query_condition": pl.String,
            },
            orient="row",
        ),
        query_table=pl.DataFrame(
            {
                "query": names,
                "condition": conditions,
                "lat": [None if i == queries - 2 else 37.0 + i / 1e4 for i in range(queries)],
                "lon": [None if i == queries - 2 else -122.0 for i in range(queries)],
                "nearest_m": [None if i == queries - 2 else nearest[i] for i in range(queries)],
            }
        ),
        queries=queries,
        database=database,
        without_positive={},
        without_position=[names[-2]],
        unreadable={"database": [], "queries": [(names[-3], "no photo")]},
        unusable={"database": [], "queries": []},
        timing=Timing(0, 0.0, 0.0),
        data={
            side: {"photos": many, "places": 0, "sha256": "0" * 64}
            for side, many in (("database", database), ("queries", queries))
        },
        config={"thresholds": [25.0], "recall_at": list(recall_at)},
    )
    evaluation.write(folder)
    return SavedEvaluation.read(folder)
