"""Queries with known answers: asked as they are, and as if their place were not in the map."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.retrieval import LocateConfig
from beenhere.errors import DataError, PhotoError
from beenhere.evaluation.calibration.labelled_evidence import BETWEEN, LabelledEvidence, streets
from beenhere.evaluation.protocol import leave_out
from beenhere.photos.photo_input import photo_input
from beenhere.photos.summary import Summary
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.photo_store import Matches
from beenhere.retrieval.locate.candidates import (
    Searchable,
    SearchResult,
    find_candidates,
)
from beenhere.retrieval.locate.confidence import FEATURES, RIGHT_WITHIN
from beenhere.retrieval.search.filters import Filter
from beenhere.retrieval.verify import Verifier
from beenhere.tools.doctor.fingerprints import brightness, hashes

LARGEST_STREET = 2
"""A street that holds more than half of all queries is cut; see :func:`streets`."""

COPY = "a photo of the index itself"
"""Reason why a query is left out."""

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
class QueryEvidence:
    """The evidence that queries gave, and which of them could not be used.

    Attributes:
        labelled: the evidence.
        given_outside: of the queries from outside, those of photos from elsewhere.
        unmatched: those of queries without a photo of the index within 25 m.
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
    the index within 25 m; and every other query once more with the photos around it hidden.

    Args:
        index: to ask, with photos that have positions.
        queries: photos with positions. None: photos of the index, drawn at random; each is asked
            with itself and those close around it hidden. They are of the same drives as the map, so
            that the calibration is too sure of photos taken on another day.
        outside: photos from elsewhere, with positions or without; None: none.
        config: what to hide, and where streets end.
        locate: how to ask.

    Raises:
        DataError: no query has a position, or none can be read; no queries are given for an index
            in Milvus of more photos than are read from there (:attr:`beenhere.Index.photos`).
    """

    def __init__(
        self,
        index: Index,
        queries: PhotoTable | None,
        outside: PhotoTable | None,
        config: CalibrateConfig,
        locate: LocateConfig,
    ) -> None:
        self._index, self._config, self._locate = index, config, locate
        self._own = queries is None
        held = index.store.summary()
        if held is not None and held.with_position == 0 and held.nowhere < held.photos:
            raise DataError(
                f"{index.path}: its photos are known by {_known_by(held)} alone, and only answers "
                "by positions can be calibrated; give it photos with lat and lon"
            )
        if queries is None:
            photos, rng = index.searchable_photos(), np.random.default_rng(config.seed)
            usable = np.flatnonzero(photos.positions.known)
            chosen = rng.choice(usable, min(config.queries, len(usable)), replace=False)
            queries = photos.rows(np.sort(chosen))
        placed = queries.positions.known
        without = [(path, "no position") for path in queries.rows(np.flatnonzero(~placed)).paths]
        self._inside = self._described(
            queries.rows(np.flatnonzero(placed)), [*queries.unusable, *without]
        )
        if len(self._inside.table) == 0:
            copies = sum(reason.startswith(COPY) for _, reason in self._inside.left_out)
            raise DataError(
                f"none of {len(queries):,} queries can be read, has a position and is not in the "
                f"index itself{f' ({copies:,} are)' if copies else ''}; expected photos taken on "
                "other days, of which it is known where"
            )
        self._outside = None if outside is None else self._described(outside, outside.unusable)
        self._matched = index.covers(self._inside.table.positions, RIGHT_WITHIN)

    def ask(self, verifier: Verifier | None) -> QueryEvidence:
        """The evidence for each query.

        Args:
            verifier: for verified evidence; None: matches by similarity alone.
        """
        index, inside, config = self._index, self._inside, self._config
        matched = np.flatnonzero(self._matched)
        again = _Photos(inside.table.rows(matched), inside.descriptors[matched])
        where = inside.table.positions
        own: Searchable = HiddenPhotos(index, where, config.apart) if self._own else index
        # Each kind of queries: what is searched, for which photos, and which are from outside.
        asked: list[tuple[Searchable, _Photos, NDArray[np.bool_]]] = [
            (own, inside, ~self._matched),
            (HiddenPhotos(index, where[matched], config.hide), again, np.ones(len(matched), bool)),
        ]
        if self._outside is not None:
            asked.append((index, self._outside, np.ones(len(self._outside.table), bool)))
        outside = np.concatenate([far for _, _, far in asked])
        kinds = np.repeat(np.arange(len(asked)), [len(far) for _, _, far in asked])
        evidence = [self._answers(searched, photos, verifier) for searched, photos, _ in asked]
        features = np.concatenate([each for each, _ in evidence])
        error_m = np.concatenate([metres for _, metres in evidence])
        paths = [path for _, photos, _ in asked for path in photos.table.paths]
        positions = geo.joined([photos.table.positions for _, photos, _ in asked])
        groups = streets(positions, config.gap, max(1, len(paths) // LARGEST_STREET))
        placed = np.isfinite(features[:, 0])
        unseen = placed & (verifier is not None) & ~np.isfinite(features[:, -1])
        between = groups == BETWEEN
        used = placed & ~unseen & ~between
        left_out = [*inside.left_out, *(self._outside.left_out if self._outside else ())]
        for rows, reason in (
            (~placed, "no match has a position"),
            (unseen, "none of its matches can be verified"),
            (between, "too near to two streets to belong to one"),
        ):
            left_out += [(paths[row], reason) for row in np.flatnonzero(rows)]
        return QueryEvidence(
            LabelledEvidence(
                features[used],
                np.where(outside | np.isnan(error_m), np.inf, error_m)[used],
                outside[used],
                groups[used],
            ),
            given_outside=int((used & (kinds == 2)).sum()),
            unmatched=int((used & outside & (kinds == 0)).sum()),
            hidden=int((used & (kinds == 1)).sum()),
            left_out=tuple(dict.fromkeys(left_out)),
        )

    def _described(self, table: PhotoTable, left_out: Sequence[tuple[str, str]]) -> _Photos:
        found = self._index.describe(table, **self._locate.extract.model_dump())
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
        where = self._inside.table.positions[np.flatnonzero(self._matched)]
        for gap in (self._config.gap / divisor for divisor in (2, 4, 8, 16)):
            found = streets(where, gap, max(1, len(where) // LARGEST_STREET))
            if len(np.unique(found[found != BETWEEN])) >= streets_wanted:
                return gap
        return None

    def _answers(
        self, index: Searchable, photos: _Photos, verifier: Verifier | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Evidence ``(m, 6)`` and metres to the truth ``(m,)``; NaN where there is none."""
        inputs = [photo_input(path) for path in photos.table.paths]
        found = find_candidates(index, inputs, photos.descriptors, None, verifier, self._locate, 2)
        features = np.full((len(found), len(FEATURES)), np.nan)
        where = np.full((len(found), 2), np.nan)
        for row, one in enumerate(found):
            if one.evidence is not None:
                features[row] = one.evidence
                where[row] = one.places[0].lat, one.places[0].lon
        return features, geo.distance(geo.positions(*where.T), photos.table.positions)


def _known_by(held: Summary) -> str:
    counts = {"x and y": held.with_xy, "frames": held.with_frame, "names": held.with_place}
    return ", ".join(what for what, number in counts.items() if number)


AT_FIRST = 64
"""Matches to search for more than are wanted; four times as many until they are enough."""


class HiddenPhotos:
    """An index that hides from each query the photos near its true position.

    Args:
        index: to search.
        positions: ``(m,)`` of the queries, all known, in the order in which they are asked.
        radius: metres; a photo that far away or nearer is hidden.
    """

    def __init__(self, index: Searchable, positions: geo.Positions, radius: float) -> None:
        self._index, self._positions, self._radius = index, positions, radius

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
        photos = found.photos.positions[found.rows[there].astype(np.intp)]
        metres = geo.distance(photos, self._positions[query])
        seen = np.zeros(found.rows.shape, bool)
        # A photo without a position (NaN) may have been taken anywhere, here too.
        seen[there] = metres > self._radius
        return seen
