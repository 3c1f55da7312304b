"""A location in a few lines for people."""

from beenhere.report.location_facts import best_match, metres_between
from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.wording import count, whole_metres


def describe_location(location: Location) -> list[str]:
    """Where, how surely and why, in one to three lines without the query's name."""
    return [answer(location), *_evidence(location)]


def answer(location: Location) -> str:
    """The first line: the position and how sure it is, or why there is none."""
    place = location.place
    if not location.known:
        guess = "" if place is None else f" (best guess {degrees(place)})"
        return f"unknown place: {location.reason or 'the evidence does not carry'}{guess}"
    if place is None:
        return "unknown place"
    radius = f" within {whole_metres(location.radius)} (90%)" if location.radius is not None else ""
    sure = f", {_probability(location.probability)}" if location.probability is not None else ""
    return f"{degrees(place)}{radius}{sure}"


def _probability(probability: float) -> str:
    """Never 1.00, which nobody can know."""
    return "probability above 0.99" if probability >= 0.995 else f"probability {probability:.2f}"


def degrees(place: Place) -> str:
    """Latitude and longitude, to about a metre."""
    return f"{place.lat:.5f}, {place.lon:.5f}"


def likeness(match: Match, number: int | None = None) -> str:
    """How like the query a match is, such as ``"17th by similarity 0.913, 45 inliers"``.

    Args:
        match: of an answer.
        number: that it is shown by; its rank by similarity is said where verification has given it
            another number. None: it is shown by none.
    """
    similarity = f"similarity {match.similarity:.3f}"
    if match.inliers is None:
        return similarity
    rank = "" if number in (None, match.rank) else f"{_ordinal(match.rank)} by "
    return f"{rank}{similarity}, {count(match.inliers, 'inlier')}"


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else endings.get(number % 10, 'th')}"


def _evidence(location: Location) -> list[str]:
    place, rival = location.place, location.runner_up
    if place is None:
        return []
    best = best_match(place)
    lines = [
        f"{len(place.matches)} of {count(len(location.matches), 'match', 'matches')} for it; "
        f"best {best.path} ({likeness(best)})"
    ]
    if rival is not None:
        far = metres_between(place, rival)
        away = "" if far is None else f", {whole_metres(far)} away"
        lines.append(
            f"runner-up: {degrees(rival)}{away}, {count(len(rival.matches), 'match', 'matches')}"
        )
    return lines
