"""Evaluate a model on a database and queries: descriptors, exact search, Recall@N."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from beenhere.config import config_yaml
from beenhere.config.evaluation import EvalConfig
from beenhere.devices import choose_device
from beenhere.errors import DataError
from beenhere.evaluation import protocol
from beenhere.evaluation.evaluation_results import RANKS, Evaluation, Recall, Timing
from beenhere.evaluation.photo_tables import Photos, tables_of
from beenhere.evaluation.statistics import bootstrap_interval, wilson_interval
from beenhere.files.regular import named
from beenhere.models.load import check_is_model, load_model, read_provenance
from beenhere.models.model import VPRModel
from beenhere.photos.formats import EvaluationTables
from beenhere.photos.ground_truth import Positives
from beenhere.photos.reference import distance
from beenhere.photos.reference import nearest as nearest_point
from beenhere.photos.summary import lists_fingerprint, table_fingerprint
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.extract import Descriptors, Embedder, extract
from beenhere.retrieval.search.exact import search_exact
from beenhere.retrieval.search.vectors import StoredVectors


def evaluate(
    model: VPRModel | str | Path,
    *,
    data: str | Path | None = None,
    protocol: str | None = None,
    database: Photos | None = None,
    queries: Photos | None = None,
    photos: Photos | None = None,
    out: str | Path | None = None,
    **options: Any,
) -> Evaluation:
    """Recall@N of a model over all queries, with intervals.

    The photos come in one of three ways: ``data``, ``database`` with ``queries``, or ``photos``.

    >>> result = beenhere.evaluate("offline-lite0", photos="photos", thresholds=[25, 50])
    >>> result.queries, result.without_positive[25]
    (24, [])

    Args:
        model: a model, a checkpoint or run folder, or ``"offline-lite0"``; a network of your own
            by :func:`beenhere.wrap`.
        data: a folder with ``database/`` and ``queries/``, or a published set as it comes.
        protocol: of a published set that has several; None: its first.
        database: photos that can be found: a table, or a path of any known format.
        queries: photos to find, alike.
        photos: photos that are each searched in the rest (leave-one-out).
        out: a folder for results, predictions and descriptors, which are then computed once and
            found again; None: nothing is written, nothing printed.
        **options: those of :class:`beenhere.config.evaluation.EvalConfig`, such as
            ``thresholds=[25]``, ``recall_at=[1, 5]``, ``extract={"batch_size": 32}``. Thresholds
            are in metres, or the unit of x and y, or frames; of these 5 and 2, unless given.

    Raises:
        ConfigError: an unknown option, no such device, or photos given in no way or in two.
        DataError: photos that cannot be found or understood.
        ModelError: no such model, or a photo of a size that it cannot take.
    """
    if not isinstance(model, str | Path):
        check_is_model(model)
    config = config_yaml.validate(EvalConfig, options, "options of evaluate")
    folder = None if out is None else named(out)
    tables = tables_of(data, protocol, database, queries, photos, folder and folder / "tables")
    provenance = None
    if not isinstance(model, VPRModel):
        spec = str(model)
        provenance = {"model": spec} | read_provenance(spec)
        model = load_model(spec, choose_device(config.extract.device))
    return evaluate_tables(model, tables, config, folder, provenance)


def evaluate_tables(
    model: VPRModel,
    tables: EvaluationTables,
    config: EvalConfig,
    out: Path | None = None,
    provenance: dict[str, Any] | None = None,
) -> Evaluation:
    """Recall@N over all queries, with intervals, and by condition where the queries have one.

    Where the positives are listed, the thresholds do not apply: recalls have None for theirs.

    A photo is never its own answer: where the queries are the database (the same table, or the
    same files), each photo is searched in the rest.

    Args:
        model: on the device to use.
        tables: the database and the queries.
        config: thresholds, each N, intervals, extraction.
        out: a folder for ``results.json``, ``predictions.parquet``, ``queries.parquet`` and
            ``descriptors/``, which the next evaluation in this folder takes up. None: keep all in
            memory, silently.
        provenance: where the model comes from; it goes into the results.

    Raises:
        DataError: no queries, no readable database photo; or no position on one side and no list,
            so that nobody knows what is right.
        ModelError: a photo has a size that the model cannot take.
    """
    for which, table in (("database", tables.database), ("queries", tables.queries)):
        if len(table) == 0:
            raise DataError(f"{tables.name}: the {which} hold no photo; expected at least one")
    check_truth(tables)
    store = out and out / "descriptors"
    said = (None, None) if out is None else ("database photos", "query photos")
    embedder = Embedder(model)
    database = extract(model, tables.database, config.extract, store, said[0], embedder)
    queries = database
    if tables.queries is not tables.database:
        queries = extract(model, tables.queries, config.extract, store, said[1], embedder)
    own = _own_rows(tables)
    start = time.perf_counter()
    predictions, similarity = _predict(
        database, queries, own, max(RANKS, *config.recall_at), next(model.parameters()).device
    )
    search_seconds = time.perf_counter() - start
    known = _thresholds(config, tables)
    config = config.model_copy(update={"thresholds": known})
    thresholds: list[float | None] = [None] if tables.truth.listed else [*known]
    positives = {
        threshold: _positives(tables, database, own, threshold) for threshold in thresholds
    }
    listed = positives.get(None)
    computed = [database] if queries is database else [database, queries]
    paths = tables.queries.paths
    result = Evaluation(
        name=tables.name,
        recalls=_recalls(tables.queries, predictions, positives, config),
        predictions=_predictions_frame(tables, predictions, similarity, listed),
        query_table=_query_table(tables, database, own, listed),
        queries=len(tables.queries),
        database=len(tables.database),
        without_positive={
            threshold: [path for path, rows in zip(paths, found, strict=True) if not len(rows)]
            for threshold, found in positives.items()
        },
        without_position=[paths[row] for row in np.flatnonzero(~tables.points[1].known)],
        unreadable={"database": database.unreadable, "queries": queries.unreadable},
        unusable={"database": tables.database.unusable, "queries": tables.queries.unusable},
        timing=Timing(
            images_computed=sum(one.images_computed for one in computed),
            extraction_seconds=sum(one.seconds for one in computed),
            search_milliseconds_per_query=1000 * search_seconds / len(tables.queries),
        ),
        model={
            "fingerprint": model.fingerprint(),
            "descriptor_dim": model.descriptor_dim,
            "config": config_yaml.plain(model.config),
            "provenance": provenance,
        },
        data=evaluation_fingerprint(tables),
        config=config_yaml.plain(config),
        by=tables.reference.kind,
        notes={"database": tables.database.notes, "queries": tables.queries.notes},
    )
    if out is not None:
        result.write(out)
    return result


def check_truth(tables: EvaluationTables) -> None:
    """Raise DataError where nothing says what is right; 0 would pass for a measured recall."""
    if tables.listed is not None and not any(map(len, tables.listed.positives(None))):
        raise DataError(
            f"{tables.name}: {tables.listed.source or 'the list'} names no photo that is here as "
            "right; expected at least one query with a database photo"
        )
    if tables.truth.listed:
        return
    alone = tables.queries is tables.database
    for points, what in zip(tables.points, ("database photo", "query"), strict=True):
        if points.known.any():
            continue
        if alone:
            raise DataError(
                f"{tables.name}: no photo has a position; expected positions (in names, EXIF or a "
                "table), or x and y, frame or place in a table, which say what is right"
            )
        raise DataError(
            f"{tables.name}: no {what} has a position, and no list says which photos are right; "
            "expected positions (in names, EXIF or a table), x and y, frame or place in the tables "
            "of both, or ground_truth.csv beside database and queries"
        )


def first_threshold(config: EvalConfig, tables: EvaluationTables) -> float | None:
    """The threshold whose recalls stand first; None where lists say what is right."""
    return None if tables.truth.listed else _thresholds(config, tables)[0]


def _thresholds(config: EvalConfig, tables: EvaluationTables) -> list[float]:
    return config.thresholds or [tables.reference.radius]


def evaluation_fingerprint(tables: EvaluationTables) -> dict[str, Any]:
    """Which photos were searched in which: a ``table_fingerprint`` of each side.

    Where the positives are listed, ``truth`` tells one list from another.
    """
    sides = {"database": tables.database, "queries": tables.queries}
    folders = [os.path.dirname(path) for table in sides.values() for path in table.paths]  # noqa: PTH120
    mixed = len({os.path.isabs(folder) for folder in folders}) > 1  # noqa: PTH117
    root = Path() if mixed else Path(os.path.commonpath(folders))
    found = {side: table_fingerprint(table, root) for side, table in sides.items()}
    if tables.listed is None:
        return found
    return found | {"truth": lists_fingerprint(tables, root)}


def _predict(
    database: Descriptors, queries: Descriptors, own: list[list[int]], k: int, device: torch.device
) -> tuple[protocol.Rows, NDArray[np.float32]]:
    """For every query, readable or not, rows of the database table and similarities, ``(m, k)``."""
    if len(database.rows) == 0:
        raise DataError("the database holds no descriptor; expected at least one readable photo")
    k, wanted = (min(most, len(database.rows)) for most in (k, k + max(map(len, own))))
    segments, asked = [StoredVectors(database.vectors)], queries.vectors.astype(np.float32)
    similarity, found = search_exact(segments, asked, wanted, device=device, by_distance=True)
    rows = database.rows[found]
    itself = protocol.contains([own[query] for query in queries.rows], rows)
    rows, similarity = protocol.leave_out(rows, similarity, itself, k)
    everyone = np.full((len(own), rows.shape[1]), protocol.NOTHING, np.int64)
    alike = np.full(everyone.shape, np.nan, np.float32)
    everyone[queries.rows], alike[queries.rows] = rows, similarity
    return everyone, alike


def _own_rows(tables: EvaluationTables) -> list[list[int]]:
    """For each query the database rows of the very same file."""
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(tables.database.paths):
        rows.setdefault(os.path.realpath(path), []).append(row)
    return [rows.get(os.path.realpath(path), []) for path in tables.queries.paths]


def _positives(
    tables: EvaluationTables, database: Descriptors, own: list[list[int]], threshold: float | None
) -> Positives:
    """For each query the rows of readable database photos that are right, without itself."""
    readable = np.zeros(len(tables.database), np.bool_)
    readable[database.rows] = True
    return [
        rows[readable[rows] & ~np.isin(rows, itself)]
        for rows, itself in zip(tables.truth.positives(threshold), own, strict=True)
    ]


def _query_table(
    tables: EvaluationTables, database: Descriptors, own: list[list[int]], listed: Positives | None
) -> pl.DataFrame:
    counts = [None] * len(tables.queries) if listed is None else [len(rows) for rows in listed]
    points, asked = tables.points
    excluded = [np.flatnonzero(np.isin(database.rows, itself)) for itself in own]
    metres = nearest_point(points[database.rows], asked, excluded)
    return tables.queries.frame.select(
        pl.col("path").alias("query"),
        "condition",
        "lat",
        "lon",
        pl.Series("nearest_m", metres).fill_nan(None),
        pl.Series("positives", counts, pl.Int64),
    )


def _recalls(
    queries: PhotoTable,
    predictions: protocol.Rows,
    positives: dict[float | None, Positives],
    config: EvalConfig,
) -> list[Recall]:
    conditions = queries.frame["condition"].to_numpy()
    names = sorted({name for name in conditions if name is not None})
    groups = {None: np.ones(len(queries), np.bool_)} | {name: conditions == name for name in names}
    recalls, level = [], config.confidence
    for condition, members in groups.items():
        for threshold, found in positives.items():
            first = protocol.first_hits(predictions, found)[members]
            possible = np.array([len(rows) > 0 for rows in found])[members]
            for n in config.recall_at:
                hits = protocol.hits_within(first, n)
                bootstrap = bootstrap_interval(hits, level, config.resamples, config.seed)
                low, high = (100 * end for end in bootstrap)
                wilson_low, wilson_high = (100 * end for end in wilson_interval(hits, level))
                of_possible = protocol.share(hits[possible]) if possible.any() else None
                recalls.append(
                    Recall(
                        threshold=threshold,
                        at=n,
                        condition=condition,
                        queries=len(hits),
                        percent=protocol.share(hits),
                        low=low,
                        high=high,
                        wilson_low=wilson_low,
                        wilson_high=wilson_high,
                        percent_of_possible=of_possible,
                    )
                )
    return recalls


def _predictions_frame(
    tables: EvaluationTables,
    predictions: protocol.Rows,
    similarity: NDArray[np.float32],
    listed: Positives | None,
) -> pl.DataFrame:
    query, place = np.nonzero(predictions != protocol.NOTHING)
    row = predictions[query, place]
    points, asked = tables.points
    metres = distance(points[row], asked[query])
    if tables.reference.kind == "place":
        metres = np.full(len(row), np.nan)  # the same or not: ``positive`` says it
    positive = [None] * len(row)
    if listed is not None:
        positive = protocol.contains(listed, predictions)[query, place].tolist()
    return pl.DataFrame(
        {
            "query": tables.queries.frame["path"][query],
            "rank": (place + 1).astype(np.int32),
            "database": tables.database.frame["path"][row],
            "similarity": similarity[query, place],
            "distance_m": pl.Series(metres).fill_nan(None),
            "positive": pl.Series(positive, dtype=pl.Boolean),
            "query_condition": tables.queries.frame["condition"][query],
        }
    )
