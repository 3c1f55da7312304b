"""Recall@N as the benchmarks of the field define it: the share of ALL queries with a hit."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from beenhere.photos.reference import REFERENCES, Kind

Rows = NDArray[np.int64]

NOTHING = -1
"""Stands in a list of predictions where there is none."""


def first_hits(predictions: Rows, positives: Sequence[ArrayLike]) -> Rows:
    """The rank of each query's first right prediction.

    Args:
        predictions: ``(m, k)`` database rows, best first; :data:`NOTHING` where there is none.
        positives: for each of the ``m`` queries the database rows within the threshold.

    Returns:
        ``(m,)`` ranks from 1; 0 where no prediction is right.
    """
    if predictions.shape[1] == 0:
        return np.zeros(len(predictions), np.int64)
    right = contains(positives, predictions)
    return np.where(right.any(axis=1), right.argmax(axis=1) + 1, 0)


def hits_within(first: Rows, n: int) -> NDArray[np.bool_]:
    """Which of the queries ``(m,)`` have their first hit among the first ``n``."""
    return (first > 0) & (first <= n)


def share(hits: NDArray[np.bool_]) -> float:
    """Percent of the queries ``(m,)`` that are hits: Recall@N of :func:`hits_within`.

    A hit rate, not the share of positives that were found. Queries without a positive stay in
    the denominator, as in the protocol that VPR papers share (Arandjelovic et al., 2016, section
    5.1; Berton et al., 2022).
    """
    return int(hits.sum()) / len(hits) * 100


def contains(sets: Sequence[ArrayLike], rows: Rows) -> NDArray[np.bool_]:
    """Whether ``rows[i, j]`` is in ``sets[i]``, ``(m, k)``."""
    each = [np.asarray(one, np.int64) for one in sets]
    sizes = [len(one) for one in each]
    if sum(sizes) == 0:
        return np.zeros(rows.shape, np.bool_)
    members = np.concatenate(each)
    span = int(max(members.max(), rows.max(initial=0))) + 2  # NOTHING takes the place of one row
    lines = np.arange(len(rows), dtype=np.int64) * span
    return np.isin(rows + 1 + lines[:, None], members + 1 + np.repeat(lines, sizes))


def leave_out(
    rows: Rows, similarity: NDArray[np.float32], out: NDArray[np.bool_], k: int
) -> tuple[Rows, NDArray[np.float32]]:
    """The first ``k`` predictions that are not left out, in their order.

    Args:
        rows: ``(m, more)`` database rows, best first.
        similarity: ``(m, more)``.
        out: ``(m, more)``, those that are no answer, such as the photo itself.
        k: how many to keep.

    Returns:
        Rows and similarities, ``(m, min(k, more))``; :data:`NOTHING` and NaN where too few remain.
    """
    order = np.argsort(out, axis=1, kind="stable")[:, :k]
    gone = np.take_along_axis(out, order, axis=1)
    kept = np.take_along_axis(rows, order, axis=1)
    alike = np.take_along_axis(similarity, order, axis=1)
    return np.where(gone, NOTHING, kept), np.where(gone, np.float32(np.nan), alike)


def is_right(threshold: float | None) -> pl.Expr:
    """Whether each row of predictions is right; null where nobody knows.

    Args:
        threshold: metres, for rows whose ``positive`` is null; where lists say it, they do.
    """
    near = pl.lit(None, pl.Boolean) if threshold is None else pl.col("distance_m") <= threshold
    return pl.coalesce("positive", near)


def has_positive(threshold: float | None) -> pl.Expr:
    """Whether each row of queries has a database photo that is right; null where nobody knows.

    Args:
        threshold: metres, for rows whose ``positives`` is null; where lists say it, they do.
    """
    near = pl.lit(None, pl.Boolean) if threshold is None else pl.col("nearest_m") <= threshold
    return pl.coalesce(pl.col("positives") > 0, near)


def in_words(threshold: float | None, by: Kind = "position") -> str:
    """Fits after "a photo": ``"within 25 m"``, ``"on the list"``, ``"of the same place"``."""
    if threshold is None and by != "place":
        return "on the list"
    return REFERENCES[by].within(threshold or 0)


def rule_in_words(threshold: float | None, by: Kind = "position") -> str:
    """When a prediction is right: ``"right within 25 m"``, ``"right by the lists"``."""
    if threshold is None and by != "place":
        return "right by the lists"
    return f"right {'if ' if threshold is None else ''}{in_words(threshold, by)}"
