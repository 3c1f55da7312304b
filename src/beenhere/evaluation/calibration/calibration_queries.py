"""Queries with known answers: asked as they are, and as if their place were not in the map."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import ConfigError, DataError, PhotoError
from beenhere.evaluation.calibration.labelled_evidence import BETWEEN, LabelledEvidence, streets
from beenhere.evaluation.protocol import leave_out
from beenhere.photos.photo_input import photo_input
from beenhere.photos.reference import (
    REFERENCES,
    LocalPoints,
    Points,
    Reference,
    distance,
    joined,
    points_at,
    points_of,
)
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.photo_store import Matches
from beenhere.retrieval.locate.candidates import (
    Searchable,
    SearchResult,
    find_candidates,
)
from beenhere.retrieval.locate.confidence import FEATURES
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.verify import Verifier
from beenhere.tools.doctor.fingerprints import brightness, hashes

LARGEST_STREET = 2
"""A street that holds more than half of all queries is cut; see :func:`streets`."""

COPY = "a photo of the index itself"
"""Reason why a query is left out."""

_NAMED = 3
"""Maps that an error names."""

COPY_BITS = 16
"""Of 256 of a perceptual hash, that saving anew and resizing may change: real photos change by 6 at
most, and photos of one street or corridor differ by 68 and more."""


def own_copies(
    index: Index, paths: Sequence[str], descriptors: NDArray[np.float32]
) -> dict[str, str]:
    """Photos that are in the index themselves, and there: as the file, a link, or saved anew.

    They would teach that every answer is right to the metre.

    Args:
        index: whose most similar photo is looked at for each.
        paths: of ``m`` photos. descriptors: theirs, ``(m, D)``.
    """
    found = index.search(descriptors, 1)
    copies = {}
    for number, path in enumerate(paths):
        for known in found.paths(number):
            with suppress(PhotoError):
                one, other = (hashes(brightness(photo))[1] for photo in (path, known))
                if np.unpackbits(one ^ other).sum() <= COPY_BITS:
                    copies[path] = known
    return copies


@dataclass(frozen=True)
class Distances:
    """How near is near, in the unit of a frame of reference.

    Attributes:
        within: from the truth, within which an answer is right.
        hide: around a query whose place is hidden.
        apart: around a query that is a photo of the index; below 0: it alone is hidden.
        gap: between streets.
    """

    within: float
    hide: float
    apart: float
    gap: float

    @classmethod
    def of(cls, config: CalibrateConfig, reference: Reference) -> "Distances":
        """Those that were given; the others are 4, 0.4 and 2 times the first, whole for frames.

        Less than what goes with the reference they are not: streets stay where they are.

        Raises:
            ConfigError: one is given where places have names, or less is hidden than is right.
        """
        given = {name: getattr(config, name) for name in ("within", "hide", "apart", "gap")}
        given = {name: value for name, value in given.items() if value is not None}
        if not reference.unit:
            for name, value in given.items():
                raise ConfigError(
                    f"{name} is {value:g}, but the photos are known by {reference.words}, which "
                    "have no distances; leave it out"
                )
            return cls(reference.radius, reference.radius, -1.0, reference.radius)
        within = given.get("within", reference.radius)
        wide = max(within, reference.radius)
        usual = {"within": within, "hide": 4 * wide, "apart": 0.4 * wide, "gap": 2 * wide}
        if reference.kind == "frame":
            usual = {name: float(ceil(value)) for name, value in usual.items()}
        found = cls(**(usual | given))
        if found.hide < within:
            raise ConfigError(
                f"hide is {found.hide:g}; expected {within:g} or more, within which an answer is "
                "right"
            )
        return found


@dataclass(frozen=True)
class QueryEvidence:
    """The evidence that queries gave, and which of them could not be used.

    Attributes:
        labelled: the evidence.
        given_outside: of the queries from outside, those of photos from elsewhere.
        unmatched: those of queries whose place the index does not have.
        hidden: those that were made from queries from inside, their place being hidden.
        left_out: path and reason of each photo that could not be used.
    """

    labelled: LabelledEvidence
    given_outside: int
    unmatched: int
    hidden: int
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class _Photos:
    """Photos to ask for, with a descriptor ``(m, d)`` each, and those that cannot be asked for."""

    table: PhotoTable
    descriptors: NDArray[np.float32]
    left_out: Sequence[tuple[str, str]] = ()


class CalibrationQueries:
    """Queries of which it is known where they were taken, described once and asked several ways.

    Three kinds count as from outside the map: photos from elsewhere; queries without a photo of
    the index near enough (25 m); and every other query once more with the photos around it hidden.

    Args:
        index: to ask, with photos of which it is known where they were taken.
        queries: photos of which the same is known. None: photos of the index, drawn at random; each
            is asked with itself and those close around it hidden. They are of the same drives as
            the map, so that the calibration is too sure of photos taken on another day.
        outside: photos from elsewhere, with positions or without; None: none.
        config: what to hide, and where streets end.
        locate: how to ask.

    Attributes:
        reference: what says where photos were taken: that of ``locate``, or the index's.
        distances: that were given or go with it.
        locate: how to ask, by this reference.

    Raises:
        ConfigError: distances where places have names.
        DataError: no query has a position, or none can be read; all are of other maps than the
            index's photos; no queries are given for an index in Milvus of more photos than are
            read from there (:attr:`beenhere.Index.photos`).
    """

    def __init__(
        self,
        index: Index,
        queries: PhotoTable | None,
        outside: PhotoTable | None,
        config: CalibrateConfig,
        locate: LocateConfig,
    ) -> None:
        self.reference = index.reference(locate.by)
        self.distances = Distances.of(config, self.reference)
        radius = self.reference.radius if locate.radius is None else locate.radius
        self.locate = locate.model_copy(update={"by": self.reference.kind, "radius": radius})
        self._index = index
        self._own = queries is None
        if queries is None:
            photos, rng = index.searchable_photos(), np.random.default_rng(config.seed)
            usable = np.flatnonzero(self._points(photos).known)
            chosen = rng.choice(usable, min(config.queries, len(usable)), replace=False)
            queries = photos.rows(np.sort(chosen))
        placed = self._points(queries).known
        unknown = queries.rows(np.flatnonzero(~placed)).paths
        without = [(path, f"without {self.reference.one}") for path in unknown]
        self._inside = self._described(
            queries.rows(np.flatnonzero(placed)), [*queries.unusable, *without]
        )
        if len(self._inside.table) == 0:
            copies = sum(reason.startswith(COPY) for _, reason in self._inside.left_out)
            raise DataError(
                f"none of {len(queries):,} queries can be read, has {self.reference.one} and is "
                f"not in the index itself{f' ({copies:,} are)' if copies else ''}; expected photos "
                "taken on other days, of which it is known where"
            )
        self._outside = None if outside is None else self._described(outside, outside.unusable)
        where = self._points(self._inside.table)
        self._matched = index.covers(where, self.distances.within, self.reference.kind)
        if not self._matched.any():
            self._check_maps(where)

    def _check_maps(self, queries: Points) -> None:
        photos = self._index.positions(self.reference.kind)
        if isinstance(queries, LocalPoints) and isinstance(photos, LocalPoints):
            asked, known = set(queries.map), set(photos.map[photos.known])
            if known and not asked & known:
                raise DataError(
                    f"the queries are {_on_maps(asked)}, the index's photos {_on_maps(known)}; "
                    "expected the same name in the column map of both: it says which building, "
                    "plan or walk x, y, frame or place belong to, not on which day photos were "
                    "taken"
                )

    def _points(self, table: PhotoTable) -> Points:
        return points_of(table, self.reference)

    def ask(self, verifier: Verifier | None) -> QueryEvidence:
        """The evidence for each query.

        Args:
            verifier: for verified evidence; None: matches by similarity alone.
        """
        index, inside, far = self._index, self._inside, self.distances
        matched = np.flatnonzero(self._matched)
        again = _Photos(inside.table.rows(matched), inside.descriptors[matched])
        own: Searchable = index
        if self._own:
            own = HiddenPhotos(index, inside.table, far.apart, self.reference)
        hidden = HiddenPhotos(index, again.table, far.hide, self.reference)
        # Each kind of queries: what is searched, for which photos, and which are from outside.
        asked: list[tuple[Searchable, _Photos, NDArray[np.bool_]]] = [
            (own, inside, ~self._matched),
            (hidden, again, np.ones(len(matched), bool)),
        ]
        if self._outside is not None:
            asked.append((index, self._outside, np.ones(len(self._outside.table), bool)))
        outside = np.concatenate([out for _, _, out in asked])
        kinds = np.repeat(np.arange(len(asked)), [len(out) for _, _, out in asked])
        evidence = [self._answers(searched, photos, verifier) for searched, photos, _ in asked]
        features = np.concatenate([each for each, _ in evidence])
        error_m = np.concatenate([metres for _, metres in evidence])
        paths = [path for _, photos, _ in asked for path in photos.table.paths]
        positions = joined([self._points(photos.table) for _, photos, _ in asked])
        groups = streets(positions, far.gap, max(1, len(paths) // LARGEST_STREET))
        placed = np.isfinite(features[:, 0])
        unseen = placed & (verifier is not None) & ~np.isfinite(features[:, -1])
        between = groups == BETWEEN
        used = placed & ~unseen & ~between
        left_out = [*inside.left_out, *(self._outside.left_out if self._outside else ())]
        for rows, reason in (
            (~placed, f"no match has {self.reference.one}"),
            (unseen, "none of its matches can be verified"),
            (between, f"too near to two {self.reference.groups.split()[1]} to belong to one"),
        ):
            left_out += [(paths[row], reason) for row in np.flatnonzero(rows)]
        return QueryEvidence(
            LabelledEvidence(
                features[used],
                np.where(outside | np.isnan(error_m), np.inf, error_m)[used],
                outside[used],
                groups[used],
                self.reference.kind,
                far.within,
            ),
            given_outside=int((used & (kinds == 2)).sum()),
            unmatched=int((used & outside & (kinds == 0)).sum()),
            hidden=int((used & (kinds == 1)).sum()),
            left_out=tuple(dict.fromkeys(left_out)),
        )

    def _described(self, table: PhotoTable, left_out: Sequence[tuple[str, str]]) -> _Photos:
        found = self._index.describe(table, **self.locate.extract.model_dump())
        readable = table.rows(found.rows.astype(np.intp))
        descriptors = np.asarray(found.vectors, np.float32)
        left_out = [*left_out, *found.unreadable]
        if not self._own and len(readable):
            copies = own_copies(self._index, readable.paths, descriptors)
            kept = np.array([path not in copies for path in readable.paths])
            left_out += [(path, f"{COPY} ({known})") for path, known in copies.items()]
            readable, descriptors = readable.rows(np.flatnonzero(kept)), descriptors[kept]
        return _Photos(readable, descriptors, left_out)

    def workable_gap(self, labelled: LabelledEvidence, streets_wanted: int) -> float | None:
        """The widest of some smaller gaps by which right answers lie on so many streets.

        None where the present one will do, or none does.
        """
        if len(np.unique(labelled.groups[labelled.right])) >= streets_wanted:
            return None
        where = self._points(self._inside.table)[np.flatnonzero(self._matched)]
        for gap in (self.distances.gap / divisor for divisor in (2, 4, 8, 16)):
            found = streets(where, gap, max(1, len(where) // LARGEST_STREET))
            if len(np.unique(found[found != BETWEEN])) >= streets_wanted:
                return gap
        return None

    def _answers(
        self, index: Searchable, photos: _Photos, verifier: Verifier | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Evidence ``(m, 6)`` and how far the truth is ``(m,)``; NaN where there is none."""
        inputs = [photo_input(path) for path in photos.table.paths]
        found = find_candidates(index, inputs, photos.descriptors, None, verifier, self.locate, 2)
        features = np.full((len(found), len(FEATURES)), np.nan)
        error = np.full(len(found), np.nan)
        answered = [row for row, one in enumerate(found) if one.evidence is not None]
        for row in answered:
            features[row] = found[row].evidence
        places = points_at([found[row].places[0] for row in answered], self.reference.kind)
        truth = self._points(photos.table)[np.array(answered, np.intp)]
        error[answered] = distance(places, truth)
        return features, error


def _on_maps(names: set[str | None]) -> str:
    """Such as ``"of the map 'mill'"``, ``"of no map"``."""
    said = sorted(repr(name) for name in names if name is not None)
    if not said:
        return "of no map"
    more = ", ..." if len(said) > _NAMED else " or of none" if None in names else ""
    return f"of the map{'s' * (len(said) > 1)} {', '.join(said[:_NAMED])}{more}"


AT_FIRST = 64
"""Matches to search for more than are wanted; four times as many until they are enough."""


class HiddenPhotos:
    """An index that hides from each query the photos near its true position.

    Args:
        index: to search.
        queries: ``m`` photos, all placed, in the order in which they are asked; where they are
            photos of the index, each is hidden from itself.
        radius: metres or what distances are in; a photo that far away or nearer is hidden.
        reference: what says where photos were taken.
    """

    def __init__(
        self,
        index: Searchable,
        queries: PhotoTable,
        radius: float,
        reference: Reference = REFERENCES["position"],
    ) -> None:
        self._index, self._radius, self._reference = index, radius, reference
        self._points, self._paths = points_of(queries, reference), np.array(queries.paths, object)

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self, descriptors: NDArray[np.floating], k: int, where: Filter | None = None
    ) -> Matches:
        """The nearest photos of those that are not hidden; see :meth:`beenhere.Index.search`.

        Raises:
            DataError: as there.
        """
        looked = min(k + AT_FIRST, len(self._index))
        while True:
            found = self._index.search(descriptors, max(looked, k), where)
            seen = self._seen(found)
            # A row of -1 among the matches: the index has no more of them.
            short = (seen.sum(axis=1) < k) & (found.rows >= 0).all(axis=1)
            if looked >= len(self._index) or not short.any():
                rows, similarity = leave_out(found.rows, found.similarity, ~seen, k)
                return Matches(similarity, rows, found)
            looked = min(4 * looked, len(self._index))

    def _seen(self, found: SearchResult) -> NDArray[np.bool_]:
        there = found.rows >= 0
        query = np.nonzero(there)[0]
        rows, number = np.unique(found.rows[there], return_inverse=True)
        photos = found.photos.rows(rows)
        away = distance(points_of(photos, self._reference)[number], self._points[query])
        others = np.array(photos.paths, object)[number] != self._paths[query]
        seen = np.zeros(found.rows.shape, bool)
        # A photo without a position (NaN) may have been taken anywhere, here too.
        seen[there] = (away > self._radius) & others
        return seen
