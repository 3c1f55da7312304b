"""Locations as JSON and CSV, for other programs: names and meanings stay as they are."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from beenhere.report.location_facts import best_match, metres_between, supporting
from beenhere.retrieval.locate.answer import Location, Match, Place

CSV_COLUMNS = (
    "query",
    "known",
    "lat",
    "lon",
    "radius_m",
    "probability",
    "threshold",
    "supporting",
    "matches",
    "best_match",
    "similarity",
    "inliers",
    "guess_lat",
    "guess_lon",
    "runner_up_lat",
    "runner_up_lon",
    "runner_up_distance_m",
    "reason",
)
"""One row a photo; empty where there is nothing. ``lat`` and ``lon`` are empty where the place is
unknown, ``guess_lat`` and ``guess_lon`` then hold the likeliest one. ``best_match`` is the photo
that says most for it, with its ``similarity`` and ``inliers``."""


def to_json(locations: Sequence[Location]) -> str:
    """One array with an object a photo, in their order; null where nothing is known.

    Each has ``query``, ``known``, ``lat`` and ``lon`` (null where the place is unknown),
    ``radius_m``, ``probability``, ``threshold``, ``place`` (the likeliest, known or not),
    ``runner_up``, ``matches`` and ``reason``. A place has ``lat``, ``lon``, ``spread_m``,
    ``share`` and ``supporting`` (ranks of its matches), the runner-up ``distance_m`` from the
    likeliest too. A match has ``rank``, ``path``, ``similarity``, ``inliers``, ``lat``, ``lon``,
    ``heading``, ``captured`` and ``distance_m`` from the likeliest place.
    """
    found = [_object(location) for location in locations]
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(locations: Sequence[Location]) -> str:
    """A header of :data:`CSV_COLUMNS`, then a row a photo, quoted as RFC 4180 has it."""
    text = io.StringIO()
    table = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    table.writeheader()
    for location in locations:
        row = flat(location)
        table.writerow(row | {"known": str(location.known).lower()})
    return text.getvalue()


def flat(location: Location) -> dict[str, Any]:
    """What is said of a photo by :data:`CSV_COLUMNS`; None where there is nothing."""
    place, rival = location.place, location.runner_up
    best = best_match(place) if place is not None else None
    answer = place if location.known else None
    guess = place if not location.known else None
    values = (
        location.query,
        location.known,
        answer and answer.lat,
        answer and answer.lon,
        location.radius,
        location.probability,
        location.threshold,
        len(supporting(location)),
        len(location.matches),
        best and best.path,
        best and best.similarity,
        best and best.inliers,
        guess and guess.lat,
        guess and guess.lon,
        rival and rival.lat,
        rival and rival.lon,
        metres_between(place, rival) if place is not None and rival is not None else None,
        location.reason,
    )
    return dict(zip(CSV_COLUMNS, values, strict=True))


def _object(location: Location) -> dict[str, Any]:
    place = location.place
    answer = place if location.known else None
    return {
        "query": location.query,
        "known": location.known,
        "lat": answer and answer.lat,
        "lon": answer and answer.lon,
        "radius_m": location.radius,
        "probability": location.probability,
        "threshold": location.threshold,
        "place": _place(place) if place is not None else None,
        "runner_up": _runner_up(location),
        "matches": [_match(match, place) for match in location.matches],
        "reason": location.reason,
    }


def _runner_up(location: Location) -> dict[str, Any] | None:
    place, rival = location.place, location.runner_up
    if place is None or rival is None:
        return None
    return {**_place(rival), "distance_m": metres_between(place, rival)}


def _place(place: Place) -> dict[str, Any]:
    return {
        "lat": place.lat,
        "lon": place.lon,
        "spread_m": place.spread,
        "share": place.share,
        "supporting": [match.rank for match in place.matches],
    }


def _match(match: Match, likeliest: Place | None) -> dict[str, Any]:
    return {
        "rank": match.rank,
        "path": match.path,
        "similarity": match.similarity,
        "inliers": match.inliers,
        "lat": match.lat,
        "lon": match.lon,
        "heading": match.heading,
        "captured": match.captured,
        "distance_m": metres_between(likeliest, match) if likeliest is not None else None,
    }
