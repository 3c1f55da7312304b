"""Where each query may have been taken: searched for, verified by choice, sorted into places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from beenhere.config import LocateConfig
from beenhere.datasets.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.locate.answer import Match, Place
from beenhere.retrieval.locate.photo_input import PhotoInput
from beenhere.retrieval.locate.places import Places, find_places, weights

if TYPE_CHECKING:
    from beenhere.retrieval.index.matches import Matches
    from beenhere.retrieval.search.filters import Filter
    from beenhere.retrieval.verify import Verifier

MANY = 20
"""Queries from which on verification shows how far it is."""


@dataclass(frozen=True)
class Candidates:
    """What was found for a query.

    Attributes:
        matches: that were looked at, by rank.
        places: where it may have been taken, the likeliest first.
    """

    matches: tuple[Match, ...]
    places: tuple[Place, ...]


class Searchable(Protocol):
    """An index, or one of which some photos are hidden."""

    def __len__(self) -> int:
        """Photos that can be found."""

    def search(
        self, descriptors: NDArray[np.floating], k: int, where: "Filter | None" = None
    ) -> "Matches":
        """The photos nearest to some queries; see :meth:`beenhere.Index.search`."""


def find_candidates(
    index: Searchable,
    queries: Sequence[PhotoInput],
    descriptors: NDArray[np.float32],
    where: "Filter | None",
    verifier: "Verifier | None",
    config: LocateConfig,
    count: int,
) -> list[Candidates]:
    """Places for each query.

    Args:
        index: to search; empty ones are legal.
        queries: ``n``; their pixels are needed for verification alone.
        descriptors: ``(n, D)`` of the queries.
        where: what matches must be besides.
        verifier: counts local features that agree, on the first matches; None: similarity decides.
        config: how many matches, and what makes a place of them.
        count: places for each query at most.
    """
    k = max(1, min(config.matches, len(index)))
    found = index.search(descriptors, k, where)
    there = found.rows >= 0
    rows, number = np.unique(found.rows[there], return_inverse=True)
    if len(rows) == 0:
        return [Candidates((), ())] * len(queries)
    photos = found.photos.rows(rows)
    which = np.zeros(found.rows.shape, np.intp)  # the first photo, without weight, where none is
    which[there] = number.ravel()
    similarity = np.where(there, found.similarity, np.nan).astype(np.float64)
    inliers = None
    if verifier is not None:
        first = config.verification.matches
        inliers = _inliers(
            verifier, queries, photos.paths, np.where(there, which, -1)[:, :first], k
        )
    sure = config.verification.features.min_inliers
    weight = weights(similarity, inliers, config.temperature, sure)
    places = find_places(weight, photos.positions[which.ravel()], config.radius, count)
    matches = _matches(photos, which, similarity, inliers)
    return [
        Candidates(
            tuple(match for match in row if match is not None),
            tuple(_place(place, query, row) for place in places if place.members[query].any()),
        )
        for query, row in enumerate(matches)
    ]


def _inliers(
    verifier: "Verifier",
    queries: Sequence[PhotoInput],
    paths: Sequence[str],
    rows: NDArray[np.intp],
    k: int,
) -> NDArray[np.float64]:
    """``(n, k)``: those of ``rows``, the first matches (-1: none), NaN of all others."""
    inliers = np.full((len(queries), k), np.nan)
    with progress("queries verified", len(queries), MANY) as advance:
        for number, query in enumerate(queries):
            first = [paths[row] for row in rows[number].tolist() if row >= 0]
            counts = verifier.inliers(query.photo, first)
            inliers[number, : len(first)] = [np.nan if count is None else count for count in counts]
            advance(1)
    return inliers


def _matches(
    photos: PhotoTable,
    which: NDArray[np.intp],
    similarity: NDArray[np.float64],
    inliers: NDArray[np.float64] | None,
) -> list[list[Match | None]]:
    columns = photos.frame.select("path", "lat", "lon", "heading", "captured").rows()
    counts = np.full(which.shape, np.nan) if inliers is None else inliers
    return [
        [
            None
            if math.isnan(cosine)
            else _match(columns[row], rank, cosine, None if math.isnan(count) else int(count))
            for rank, (row, cosine, count) in enumerate(zip(*query, strict=True), start=1)
        ]
        for query in zip(which.tolist(), similarity.tolist(), counts.tolist(), strict=True)
    ]


def _match(columns: tuple[Any, ...], rank: int, cosine: float, inliers: int | None) -> Match:
    path, lat, lon, heading, captured = columns
    return Match(path, rank, cosine, lat, lon, heading, captured, inliers)


def _place(places: Places, query: int, matches: Sequence[Match | None]) -> Place:
    members = zip(matches, places.members[query], strict=True)
    return Place(
        float(places.lat[query]),
        float(places.lon[query]),
        float(places.spread[query]),
        float(places.share[query]),
        tuple(match for match, member in members if member and match is not None),
    )
