"""Costs and losses of each way to search an index, measured on the index itself."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from beenhere.config.retrieval import WhiteningConfig
from beenhere.errors import DataError
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.approximate import Structure
from beenhere.retrieval.search.choice import FEWEST_TO_LEARN
from beenhere.retrieval.search.kinds import KINDS
from beenhere.retrieval.search.quality import ExactIn, Quality, Shorter, measure
from beenhere.retrieval.search.vectors import StoredVectors, take
from beenhere.retrieval.search.whitening import MOST_LEARNED, Whitening

QUERIES = 1000
"""Photos of the index that are searched for, at most."""

FEW_TO_TRAIN = 100_000
"""Rows; up to that many every kind is trained and measured, which takes some minutes at most."""

KS = (1, 20)

SHORTER = (1024, 512, 256)
"""Numbers of a descriptor that are tried, of longer ones and more photos."""


@dataclass(frozen=True)
class SearchRecall:
    """Cost and recall of each way to search an index.

    Attributes:
        queries: photos of the index that were searched for; none counts as its own match.
        in_force: the kind by which the index is searched.
        table: exact search of what is kept, and the others, against it.
    """

    queries: int
    in_force: str
    table: list[Quality]


def measure_recall(index: Snapshot) -> SearchRecall:
    """Measure exact search and each kind of structure on photos of the index as queries.

    The structure in force is measured as it is; others are trained for it and dropped. In a large
    index only pq is. Of an index in float32, so is what fewer bytes would cost, and, unless it is
    whitened, fewer numbers.

    Raises:
        DataError: an index of fewer than two photos, of photos in Milvus, or a damaged one.
    """
    if index.manifest.store is not None:
        raise DataError(
            f"{index.folder}: recall is not measured for photos in Milvus; leave out --recall"
        )
    photos = np.flatnonzero(index.allowed)
    if len(photos) < 2:
        raise DataError(
            f"{index.folder} holds {len(photos)} photos; expected two or more to measure on"
        )
    chosen = np.random.default_rng(0).permutation(photos)[:QUERIES]
    own = np.sort(chosen).astype(np.int64)
    queries = take(index.segments, own)
    allowed = index.allowed if len(index.removed) else None
    table = measure(index.segments, _others(index), queries, KS, own, allowed)
    in_force = "exact" if index.manifest.structure is None else index.manifest.structure.kind
    return SearchRecall(len(own), in_force, table)


def _others(index: Snapshot) -> Iterator[Structure | ExactIn | Shorter]:
    manifest = index.manifest
    few = manifest.rows <= FEW_TO_TRAIN
    if few and manifest.dtype == "float32":
        yield ExactIn("float16", index.segments)
        yield ExactIn("int8", index.segments)
        if manifest.whitening is None:
            yield from _shorter(index.segments)
    if index.structure is not None:
        yield index.structure
    for kind in KINDS if few else ["pq"]:
        if manifest.rows >= FEWEST_TO_LEARN and (
            index.structure is None or index.structure.kind != kind
        ):
            options = manifest.search.model_copy(update={"kind": kind})
            yield Structure.train(index.segments, options)


def _shorter(segments: Sequence[StoredVectors]) -> Iterator[Shorter]:
    count = sum(map(len, segments))
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST_LEARNED)).astype(np.int64))
    some = [StoredVectors(take(segments, rows))]
    dims = [dim for dim in SHORTER if dim < min(len(rows), segments[0].dim)]
    if not dims:
        return
    with suppress(DataError):  # copies of a few photos vary in fewer directions
        learned = Whitening.fit(some, WhiteningConfig(dim=dims[0], power=0.0))
        for dim in dims:
            yield Shorter(replace(learned, projection=learned.projection[:dim]), segments)
