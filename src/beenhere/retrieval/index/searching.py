"""Search one state of an index: whitened where it is, through its structure or photo by photo."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import ConfigError, DataError
from beenhere.retrieval.index.manifest import Manifest
from beenhere.retrieval.index.matches import Matches
from beenhere.retrieval.index.snapshot import Snapshot
from beenhere.retrieval.search.filters import Filter


def search_snapshot(
    index: Snapshot, queries: NDArray[np.float32], k: int, where: Filter | None, exact: bool
) -> Matches:
    """The photos nearest to some queries; see :meth:`beenhere.Index.search`.

    Args:
        index: to search.
        queries: ``(m, D)``, as :func:`checked_descriptors` gives them.
        k: how many photos for each.
        where: what the photos must be besides; None: all are searched.
        exact: whether to look at every photo, structure or not.

    Raises:
        DataError: a damaged index.
    """
    if index.whitening is not None:
        queries = index.whitening.apply(queries)
    allowed = index.allowed if len(index.removed) else None
    if where is not None:
        chosen = where.rows(index.photos)
        allowed = chosen if allowed is None else allowed & chosen
    if not exact and index.structure is not None:
        similarity, rows = index.structure.search(queries, k, allowed)
    elif index.segments:
        from beenhere.retrieval.search.exact import search_exact

        similarity, rows = search_exact(index.segments, queries, k, allowed)
    else:
        similarity = np.full((len(queries), k), np.nan, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
    return Matches(similarity, rows, index)


def checked_descriptors(
    path: Path, manifest: Manifest, descriptors: NDArray[np.floating], k: int
) -> NDArray[np.float32]:
    """Descriptors to search an index for, ``(m, D)`` float32.

    Raises:
        DataError: they have another shape, or k is below 1.
    """
    queries = np.asarray(descriptors, np.float32)
    dim = manifest.model.dim
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise DataError(
            f"descriptors are {queries.shape}; expected (queries, {dim}), by the model of {path}"
        )
    if k < 1:
        raise DataError(f"k is {k}; expected 1 or more")
    return queries


def check_condition(where: object) -> None:
    """See that a condition on photos is one.

    Raises:
        ConfigError: it is something else.
    """
    if where is not None and not isinstance(where, Filter):
        raise ConfigError(
            f"where is {where!r}; expected a beenhere.retrieval.search.filters.Filter, such as "
            "Filter(near=(37.78, -122.42), radius=500), or None"
        )
