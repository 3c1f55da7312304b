"""What follows from a location, for every form in which one is shown."""

from beenhere import geo
from beenhere.retrieval.locate.answer import Location, Match, Place


def best_match(place: Place) -> Match:
    """The match that says most: of the most inliers, and of those the most similar."""
    return max(place.matches, key=lambda match: (match.inliers or 0, match.similarity))


def metres_between(one: Place, other: Place | Match) -> float | None:
    """From a place to another or to a match, by :func:`beenhere.geo.distance`; None if unknown."""
    if other.lat is None or other.lon is None:
        return None
    here = geo.positions([one.lat], [one.lon])
    return float(geo.distance(here, geo.positions([other.lat], [other.lon]))[0])


def supporting(location: Location) -> list[int]:
    """Ranks of the matches that speak for the likeliest place; none if there is no place."""
    return [] if location.place is None else [match.rank for match in location.place.matches]
