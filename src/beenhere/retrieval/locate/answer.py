"""The answer for a photo: where it was taken, how surely, and on what evidence."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from beenhere.photos.own_position import OwnPosition
from beenhere.retrieval.locate.inlier_rule import InlierGap

Status = Literal["known", "guess", "unknown"]


@dataclass(frozen=True)
class Match:
    """A photo of the index that looks like the query.

    Attributes:
        path: as the index has it.
        rank: 1 is the most similar.
        similarity: cosine, [-1, 1].
        lat, lon: degrees, where it was taken; None where the index does not know.
        heading: degrees clockwise from north; None where unknown.
        captured: ISO 8601 date, may be partial; None where unknown.
        inliers: local features that agree on one view of a scene; None where not verified.
        x, y, frame, map, name: alike, its position on a plan, its number in a sequence, which plan
            or sequence, and the name of its place.
    """

    path: str
    rank: int
    similarity: float
    lat: float | None
    lon: float | None
    heading: float | None
    captured: str | None
    inliers: int | None = None
    x: float | None = None
    y: float | None = None
    frame: int | None = None
    map: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Nearest:
    """The photos of an index that look most like each of several photos.

    >>> found = beenhere.Index.open("city.index").query(["holiday.jpg", "notes.txt"], k=3)
    >>> [match.rank for match in found.matches[0]], found.matches[1], found.unreadable
    ([1, 2, 3], None, (('notes.txt', 'not a photo: a text file'),))

    Attributes:
        queries: paths of the photos, or names for them, in the order given.
        matches: for each of them, nearest first; None for one that cannot be read.
        unreadable: name and reason of these.
    """

    queries: tuple[str, ...]
    matches: tuple[tuple[Match, ...] | None, ...]
    unreadable: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Place:
    """Where the query may have been taken, by matches that lie close together.

    It is known by what the photos of the index have: a position; x and y on a plan; a frame number;
    or a name. The others are None.

    Attributes:
        lat, lon: degrees.
        spread: root mean square distance of the matches from there, by their weights: in metres, or
            the unit of x and y, or frames; 0 of a place with a name.
        share: of the evidence of all matches, (0, 1].
        matches: those that speak for it, by rank.
        x, y: on a plan. frame: of a sequence. name: of the place.
        map: which plan or sequence, or in which building; None where the index does not say.
    """

    lat: float | None
    lon: float | None
    spread: float
    share: float
    matches: tuple[Match, ...]
    x: float | None = None
    y: float | None = None
    frame: int | None = None
    map: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Candidates:
    """The matches of a query, and the places that they speak for.

    Attributes:
        matches: that were looked at, by rank.
        places: where it may have been taken, the likeliest first.
        evidence: ``(6,)`` for the likeliest place, by
            :func:`beenhere.retrieval.locate.confidence.evidence`; None where there is none.
        gap: of the inliers of its matches; None where none was verified.
        radius: of the places, in the unit of their distances.
    """

    matches: tuple[Match, ...]
    places: tuple[Place, ...]
    evidence: NDArray[np.float64] | None = None
    gap: InlierGap | None = None
    radius: float = 25.0


@dataclass(frozen=True)
class Location:
    """Where a photo was taken, as far as an index can tell.

    >>> location = beenhere.Index.open("city.index").locate("holiday.jpg")
    >>> location.status, location.probability  # None before the index is calibrated
    ('known', None)
    >>> round(location.place.lat, 4), round(location.place.lon, 4)
    (37.7504, -122.447)
    >>> Path(location.place.matches[0].path).name
    'IMG_0012.jpg'

    Attributes:
        query: the photo's path, or a name for it.
        status: ``"known"``: the evidence carries; ``"guess"``: the likeliest place, and nothing
            says that it is right; ``"unknown"``: it is not likely enough, or there is none. By the
            probability and the threshold of a calibrated index; by ``gap`` (see
            :mod:`beenhere.retrieval.locate.inlier_rule`) of one that is not.
        place: the likeliest place, known or not; None where no match has a position.
        radius: around it, that holds the truth in 90 of 100 cases: in metres, the unit of x and y,
            or frames; None if not calibrated, of a place with a name, and where wrong answers are
            so many, and on other maps, that none holds it.
        probability: that the query was taken within 25 m of it, 5 of x and y, 2 frames (or what it
            was calibrated for), or at the place of this name; None if not calibrated.
        threshold: the probability that was asked for; None if not calibrated.
        runner_up: the next likeliest place; None where all matches speak for one.
        matches: all that were looked at, by rank; verified ones may stand in another order.
        reason: why the place is not known, in a sentence; None where it is.
        gap: inliers of the best match, and of the best one elsewhere; None where none was verified.
        own: where the photo itself says it was taken, which has no part in the answer; None where
            it does not.
        in_index: whether one of the matches is the photo itself: the same file.
    """

    query: str
    status: Status
    place: Place | None
    radius: float | None
    probability: float | None
    threshold: float | None
    runner_up: Place | None
    matches: tuple[Match, ...]
    reason: str | None
    gap: InlierGap | None = None
    own: OwnPosition | None = None
    in_index: bool = False

    @property
    def known(self) -> bool:
        """Whether the status is ``"known"``."""
        return self.status == "known"


@dataclass(frozen=True)
class Located:
    """The answers for several photos.

    >>> beenhere.Index.open("city.index").locate_many(["holiday.jpg", "notes.txt"]).unreadable
    (('notes.txt', 'not a photo: a text file'),)

    Attributes:
        locations: one for each photo, in the order given; None for one that cannot be read.
        unreadable: name and reason of these.
    """

    locations: tuple[Location | None, ...]
    unreadable: tuple[tuple[str, str], ...]
