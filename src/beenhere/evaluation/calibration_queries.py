"""Queries with known answers: asked as they are, and as if their place were not in the map."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beenhere import geo
from beenhere.config import CalibrateConfig, LocateConfig
from beenhere.datasets.table import PhotoTable
from beenhere.errors import DataError
from beenhere.evaluation.hidden_photos import HiddenPhotos
from beenhere.evaluation.labelled_evidence import LabelledEvidence
from beenhere.evaluation.streets import ALONE, streets
from beenhere.retrieval.locate.answer import Candidates
from beenhere.retrieval.locate.candidates import Searchable, find_candidates
from beenhere.retrieval.locate.confidence import FEATURES, RIGHT_WITHIN
from beenhere.retrieval.locate.photo_input import photo_input

if TYPE_CHECKING:
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.verify import Verifier

LARGEST_STREET = 2
"""A street that holds more than half of all queries is cut; see :func:`streets`."""


@dataclass(frozen=True)
class AskedQueries:
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
class _Set:
    """Photos to ask for, as they were described."""

    photos: PhotoTable
    vectors: NDArray[np.float32]
    positions: geo.Positions
    left_out: list[tuple[str, str]] = field(default_factory=list)


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
        index: "Index",
        queries: PhotoTable | None,
        outside: PhotoTable | None,
        config: CalibrateConfig,
        locate: LocateConfig,
    ) -> None:
        self._index, self._config, self._locate = index, config, locate
        self._own = queries is None
        if queries is None:
            queries = _drawn(index, config)
        placed = queries.positions.known
        without = [(path, "no position") for path in queries.rows(np.flatnonzero(~placed)).paths]
        self._inside = self._described(
            queries.rows(np.flatnonzero(placed)), [*queries.unusable, *without]
        )
        if len(self._inside.photos) == 0:
            raise DataError(
                f"none of {len(queries):,} queries can be read and has a position; expected "
                "photos of which it is known where they were taken"
            )
        self._outside = None if outside is None else self._described(outside, outside.unusable)
        self._matched = index.covers(self._inside.positions, RIGHT_WITHIN)

    def ask(self, verifier: "Verifier | None") -> AskedQueries:
        """The evidence for each query.

        Args:
            verifier: for verified evidence; None: matches by similarity alone.
        """
        inside, config = self._inside, self._config
        index: Searchable = self._index
        if self._own:
            index = HiddenPhotos(index, inside.positions, config.apart)
        answers = [_Answers.of(self._find(index, inside, verifier), inside, ~self._matched)]
        again = np.flatnonzero(self._matched)
        without = _Set(inside.photos.rows(again), inside.vectors[again], inside.positions[again])
        hiding = HiddenPhotos(self._index, without.positions, config.hide)
        everywhere = np.ones(len(again), bool)
        answers.append(_Answers.of(self._find(hiding, without, verifier), without, everywhere))
        if self._outside is not None:
            elsewhere = self._outside
            found = self._find(self._index, elsewhere, verifier)
            answers.append(_Answers.of(found, elsewhere, np.ones(len(elsewhere.photos), bool)))
        return self._together(answers, verifier is not None)

    def _described(self, table: PhotoTable, left_out: Sequence[tuple[str, str]]) -> _Set:
        found = self._index.describe(table, **self._locate.extract.model_dump())
        photos = table.rows(found.rows.astype(np.intp))
        vectors = np.asarray(found.vectors, np.float32)
        return _Set(photos, vectors, photos.positions, [*left_out, *found.unreadable])

    def _find(
        self, index: Searchable, asked: _Set, verifier: "Verifier | None"
    ) -> list[Candidates]:
        inputs = [photo_input(path) for path in asked.photos.paths]
        return find_candidates(index, inputs, asked.vectors, None, verifier, self._locate, 2)

    def _together(self, answers: Sequence["_Answers"], verified: bool) -> AskedQueries:
        kinds = np.repeat(np.arange(len(answers)), [len(one.error_m) for one in answers])
        features = np.concatenate([one.features for one in answers])
        outside = np.concatenate([one.outside for one in answers])
        paths = [path for one in answers for path in one.paths]
        positions = geo.joined([one.positions for one in answers])
        most = max(1, len(paths) // LARGEST_STREET)
        groups = streets(positions, self._config.gap, most)
        placed = np.isfinite(features[:, 0])
        left_out = list(self._inside.left_out)
        if self._outside is not None:
            left_out += self._outside.left_out
        left_out += [(path, "no match has a position") for path in _of(paths, ~placed)]
        unseen = placed & verified & ~np.isfinite(features[:, -1])
        left_out += [(path, "none of its matches can be verified") for path in _of(paths, unseen)]
        between = groups == ALONE
        left_out += [(path, "it stands between two streets") for path in _of(paths, between)]
        used = placed & ~unseen & ~between
        labelled = LabelledEvidence(
            features[used],
            np.concatenate([one.error_m for one in answers])[used],
            outside[used],
            groups[used],
        )
        return AskedQueries(
            labelled,
            given_outside=int((used & (kinds == 2)).sum()),
            unmatched=int((used & outside & (kinds == 0)).sum()),
            hidden=int((used & (kinds == 1)).sum()),
            left_out=tuple(dict.fromkeys(left_out)),
        )


@dataclass(frozen=True, eq=False)
class _Answers:
    """Evidence and errors of queries of one kind; NaN features where there is no place."""

    paths: list[str]
    positions: geo.Positions
    features: NDArray[np.float64]
    error_m: NDArray[np.float64]
    outside: NDArray[np.bool_]

    @classmethod
    def of(cls, found: Sequence[Candidates], asked: _Set, outside: NDArray[np.bool_]) -> "_Answers":
        features = np.full((len(found), len(FEATURES)), np.nan)
        where = np.full((len(found), 2), np.nan)
        for row, one in enumerate(found):
            if one.evidence is not None:
                features[row] = one.evidence
                where[row] = one.places[0].lat, one.places[0].lon
        metres = geo.distance(geo.positions(*where.T), asked.positions)
        error = np.where(outside | np.isnan(metres), np.inf, metres)
        return cls(asked.photos.paths, asked.positions, features, error, outside)


def _drawn(index: "Index", config: CalibrateConfig) -> PhotoTable:
    photos = index.searchable_photos()
    placed = np.flatnonzero(photos.positions.known)
    rng = np.random.default_rng(config.seed)
    chosen = rng.choice(placed, min(config.queries, len(placed)), replace=False)
    return photos.rows(np.sort(chosen))


def _of(paths: Sequence[str], rows: NDArray[np.bool_]) -> list[str]:
    return [path for path, wanted in zip(paths, rows, strict=True) if wanted]
