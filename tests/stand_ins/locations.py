"""Locations made by hand, as an index would give them."""

from dataclasses import replace

from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.retrieval.locate.inlier_rule import InlierGap

LAT, LON = 37.78, -122.42
METRE = 1 / 111_000
"""Degrees of latitude, about."""


def match(rank: int, north: float | None, inliers: int | None = None) -> Match:
    """So many metres north of the answer; None: its position is not known."""
    lat, lon = (None, None) if north is None else (LAT + north * METRE, LON)
    return Match(
        f"city/{rank}.jpg", rank, 1 - rank / 100, lat, lon, 90.0, "2015-06", inliers=inliers
    )


def place(*matches: Match, share: float = 0.7) -> Place:
    """Where the first of its matches is."""
    first = matches[0]
    assert first.lat is not None and first.lon is not None
    return Place(first.lat, first.lon, 4.5, share, matches)


def known_location() -> Location:
    """Three matches at one place, one 200 m away, one nobody knows where."""
    near, far = [match(rank, north) for rank, north in ((1, 0), (2, 5), (4, -8))], match(3, 200)
    everything = (near[0], near[1], far, near[2], match(5, None))
    answer, rival = place(*near), place(far, share=0.3)
    return Location("walk/q.jpg", "known", answer, 12.4, 0.93, 0.72, rival, everything, None)


def unknown_location() -> Location:
    """The same, but not sure enough."""
    reason = "probability 0.31 is below 0.72"
    return replace(
        known_location(), status="unknown", probability=0.31, radius=180.0, reason=reason
    )


def uncalibrated_location() -> Location:
    """One match, that shares many features with the query."""
    only, gap = match(1, 0, 34), InlierGap(1, 34, 5)
    return Location(
        "q.jpg", "known", place(only, share=1), None, None, None, None, (only,), None, gap
    )


def guessed_location() -> Location:
    """The same with few."""
    reason = "its best match has 9 inliers"
    gap = InlierGap(1, 9, 7)
    return replace(uncalibrated_location(), status="guess", reason=reason, gap=gap)


def placeless_location() -> Location:
    """No match has a position."""
    found = (match(1, None),)
    reason = "no match has a position"
    return Location("q.jpg", "unknown", None, None, None, None, None, found, reason)
