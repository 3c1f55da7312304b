"""Where each query may have been taken: searched for, verified by choice, sorted into places."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from beenhere.config.retrieval import LocateConfig
from beenhere.photos.photo_input import PhotoInput
from beenhere.photos.reference import Points, Reference, points_of, reference_of, whereabouts
from beenhere.photos.table import PhotoTable
from beenhere.progress import progress
from beenhere.retrieval.locate.answer import Candidates, Match, Place
from beenhere.retrieval.locate.confidence import evidence
from beenhere.retrieval.locate.inlier_rule import InlierGap, inlier_gaps
from beenhere.retrieval.locate.places import Places, find_places, weights, within_places
from beenhere.retrieval.search.filters import Filter

if TYPE_CHECKING:
    from beenhere.retrieval.verify import Verifier

MANY = 20
"""Queries from which on verification shows how far it is."""


class SearchResult(Protocol):
    """The photos nearest to some queries; :class:`beenhere.retrieval.index.Matches` is one."""

    @property
    def similarity(self) -> NDArray[np.float32]:
        """``(m, k)``; NaN where there is no photo."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """``(m, k)`` rows of the photos; -1 where there is none."""

    @property
    def photos(self) -> PhotoTable:
        """Those that the rows number, and perhaps others."""


class Searchable(Protocol):
    """An index, or one of which some photos are hidden."""

    def __len__(self) -> int:
        """Photos that can be found."""

    def search(
        self, descriptors: NDArray[np.floating], k: int, where: Filter | None = None
    ) -> SearchResult:
        """The photos nearest to some queries; see :meth:`beenhere.Index.search`."""


def nearest_matches(found: SearchResult) -> list[tuple[Match, ...]]:
    """The photos that a search found for each query, nearest first."""
    seen = _SeenMatches.at(found)
    if seen is None:
        return [()] * len(found.rows)
    rows = _matches(seen, None, found.rows.shape[1])
    return [tuple(match for match in row if match is not None) for row in rows]


def find_candidates(
    index: Searchable,
    queries: Sequence[PhotoInput],
    descriptors: NDArray[np.float32],
    where: Filter | None,
    verifier: "Verifier | None",
    config: LocateConfig,
    count: int,
) -> list[Candidates]:
    """Places for each query, and the evidence for the likeliest.

    Conditions choose where an answer may lie, not what speaks against it: photos that do not meet
    them are its rivals all the same. Else a filter that leaves a single street would make any photo
    look as if it had been taken there, since nothing comes near it.

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
    first = index.search(descriptors, k, where)
    searched, inside = first.photos, _SeenMatches.at(first)
    if inside is None:
        return [Candidates((), ())] * len(queries)
    looked, seen = inside, inside.similarity
    if where is not None:
        everywhere = _SeenMatches.at(index.search(descriptors, k))
        assert everywhere is not None  # some photos meet the conditions
        looked, seen = inside.joined(everywhere), everywhere.similarity
    inliers = None
    if verifier is not None:
        inliers = _inliers(verifier, queries, looked, config.verification.matches, k)
    sure = config.verification.features.min_inliers
    weight = weights(looked.similarity, inliers, config.temperature, sure, seen)
    reference = reference_of([searched], config.by)
    radius = reference.radius if config.radius is None else config.radius
    points = looked.points(reference)
    own = np.arange(weight.shape[1]) < k
    places = find_places(np.where(own, weight, 0), points, radius, count)
    near = within_places(places[0], points, radius)
    rivals = np.where(near | own, 0, weight)
    (elsewhere,) = find_places(rivals, points, radius, 1)
    # Ranks begin anew behind the matches that meet the conditions.
    matches = _matches(looked, inliers, k)
    gaps: Sequence[InlierGap | None] = [None] * len(queries)
    if inliers is not None:
        gaps = inlier_gaps(inliers, points, k, radius)
    return [
        _candidates(
            row[:k],
            [
                _place(place, query, row, reference)
                for place in places
                if place.members[query].any()
            ],
            [match for match, rival in zip(row, rivals[query] > 0, strict=True) if rival],
            _place(elsewhere, query, row, reference) if elsewhere.members[query].any() else None,
            float(weight[query, near[query] & ~own].sum()),
            sure,
            gaps[query],
            radius,
        )
        for query, row in enumerate(matches)
    ]


def _candidates(
    own: Sequence[Match | None],
    places: Sequence[Place],
    others: Sequence[Match | None],
    elsewhere: Place | None,
    same_place: float,
    min_inliers: int,
    gap: InlierGap | None,
    radius: float,
) -> Candidates:
    """The candidates of a query, with the evidence for its likeliest place.

    Args:
        own: matches that meet the conditions. places: that they speak for, the likeliest first.
        others: matches that look like it, do not meet them, and lie elsewhere.
        elsewhere: the likeliest place of these.
        same_place: share of the matches that do not meet them and lie at the likeliest place.
        min_inliers: fewer are no evidence.
        gap: of inliers, for an index that is not calibrated.
        radius: of a place.
    """
    matches = tuple(match for match in own if match is not None)
    if not places:
        return Candidates(matches, (), gap=gap)
    rivals = [place for place in (*places[1:2], elsewhere) if place is not None]
    numbers = evidence(
        replace(places[0], share=min(places[0].share + same_place, 1.0)),
        max(rivals, key=lambda place: place.share, default=None),
        (*matches, *(match for match in others if match is not None)),
        min_inliers,
    )
    return Candidates(matches, tuple(places), numbers, gap, radius)


@dataclass(frozen=True, eq=False)
class _SeenMatches:
    """Matches of ``n`` queries, ``(n, K)``: numbers of a small table, and similarities.

    Where there is no photo, the number is that of the first one and the similarity NaN.
    """

    photos: PhotoTable
    number: NDArray[np.intp]
    similarity: NDArray[np.float64]

    @classmethod
    def at(cls, found: SearchResult) -> "_SeenMatches | None":
        """The matches that were found; None where there are none for any query."""
        there = found.rows >= 0
        rows, number = np.unique(found.rows[there], return_inverse=True)
        if len(rows) == 0:
            return None
        which = np.zeros(found.rows.shape, np.intp)
        which[there] = number.ravel()
        similarity = np.where(there, found.similarity, np.nan).astype(np.float64)
        return cls(found.photos.rows(rows), which, similarity)

    def joined(self, other: "_SeenMatches") -> "_SeenMatches":
        """These, and behind them those of another search that are not among them."""
        photos = PhotoTable(pl.concat([self.photos.frame, other.photos.frame]))
        paths = np.array(photos.paths, object)
        number = other.number + len(self.photos)
        known = (paths[number][:, :, None] == paths[self.number][:, None, :]) & np.isfinite(
            self.similarity
        )[:, None, :]
        similarity = np.where(known.any(axis=2), np.nan, other.similarity)
        similarity = np.hstack([self.similarity, similarity])
        return _SeenMatches(photos, np.hstack([self.number, number]), similarity)

    def points(self, reference: Reference) -> Points:
        """Where all matches were taken, query by query, ``n * K``."""
        return points_of(self.photos, reference)[self.number.ravel()]


def _inliers(
    verifier: "Verifier", queries: Sequence[PhotoInput], looked: _SeenMatches, first: int, k: int
) -> NDArray[np.float64]:
    """``(n, K)``: those of the first matches of each ``k``; NaN of all others."""
    paths, there = looked.photos.paths, np.isfinite(looked.similarity)
    checked = there & (np.arange(there.shape[1]) % k < first)
    inliers = np.full(there.shape, np.nan)
    with progress("queries verified", len(queries), MANY) as advance:
        for number, query in enumerate(queries):
            ranks = np.flatnonzero(checked[number])
            counts = verifier.inliers(
                query.photo, [paths[at] for at in looked.number[number, ranks]]
            )
            inliers[number, ranks] = [np.nan if count is None else count for count in counts]
            advance(1)
    return inliers


def _matches(
    looked: _SeenMatches, inliers: NDArray[np.float64] | None, k: int
) -> list[list[Match | None]]:
    columns = looked.photos.frame.select(*_COLUMNS).rows()
    counts = np.full(looked.number.shape, np.nan) if inliers is None else inliers
    numbers, similarity = looked.number.tolist(), looked.similarity.tolist()
    return [
        [
            None if math.isnan(cosine) else _match(columns[row], at % k + 1, cosine, count)
            for at, (row, cosine, count) in enumerate(zip(*query, strict=True))
        ]
        for query in zip(numbers, similarity, counts.tolist(), strict=True)
    ]


_COLUMNS = ("path", "lat", "lon", "heading", "captured", "x", "y", "frame", "map", "place")


def _match(columns: tuple[Any, ...], rank: int, cosine: float, count: float) -> Match:
    path, lat, lon, heading, captured, *on_map = columns
    inliers = None if math.isnan(count) else int(count)
    return Match(path, rank, cosine, lat, lon, heading, captured, inliers, *on_map)


def _place(
    places: Places, query: int, matches: Sequence[Match | None], reference: Reference
) -> Place:
    members = zip(matches, places.members[query], strict=True)
    return Place(
        **{"lat": None, "lon": None} | whereabouts(places.centre, query, reference),
        spread=float(places.spread[query]),
        share=float(places.share[query]),
        matches=tuple(match for match, member in members if member and match is not None),
    )
