"""An answer of `beenhere locate` for people and for other programs: text, JSON, CSV.

In the files names and meanings stay as they are. For maps see :mod:`beenhere.report.map_layers`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from beenhere import geo
from beenhere.files.csv_text import csv_text
from beenhere.photos.own_position import OwnPosition
from beenhere.photos.reference import REFERENCES, Kind, distance, kind_of, points_at
from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.retrieval.locate.inlier_rule import InlierGap
from beenhere.wording import count, metres, whole_metres


def describe_location(location: Location) -> list[str]:
    """Where, how surely and why, in one to five lines without the query's name."""
    doubt = [f"not known: {location.reason}"] if location.status == "guess" else []
    itself = ["the photo is itself in the index"] if location.in_index else []
    return [_answer(location), *doubt, *itself, *_evidence(location), *_own(location)]


def _answer(location: Location) -> str:
    """The first line: the position and how sure it is, or why there is none."""
    place = location.place
    if place is None or location.status == "unknown":
        guess = "" if place is None else f" (best guess {where_in_words(place)})"
        return f"unknown place: {location.reason or 'the evidence does not carry'}{guess}"
    if location.status == "guess":
        return f"a guess: {where_in_words(place)}"
    if location.probability is None:
        return f"known: {where_in_words(place)}, {location.gap}"
    radius = ""
    if location.radius is not None:
        radius = f" within {far_in_words(location.radius, kind_of(place))} (90%)"
    sure = f", {_probability(location.probability)}" if location.probability is not None else ""
    return f"known: {where_in_words(place)}{radius}{sure}"


def far_in_words(far: float, kind: Kind) -> str:
    """A distance in its unit, such as ``"38 m"``, ``"1.2 m"`` of x and y, ``"2 frames"``."""
    if kind == "frame":
        return count(round(far), "frame")
    return metres(far) if kind == "xy" else whole_metres(far)


def _probability(probability: float) -> str:
    """Never 1.00, which nobody can know."""
    return "probability above 0.99" if probability >= 0.995 else f"probability {probability:.2f}"


def degrees(lat: float, lon: float) -> str:
    """Latitude and longitude, to about a metre."""
    return f"{lat:.5f}, {lon:.5f}"


def where_in_words(place: Place | Match) -> str:
    """A place as a person calls it, such as ``"x 4.10, y 0.32 on floor 2"`` or ``"kitchen"``."""
    kind = kind_of(place)
    if place.lat is not None and place.lon is not None:
        return degrees(place.lat, place.lon)
    if kind == "place":
        return f"{place.name}{f', {place.map}' if place.map else ''}"
    if kind == "frame":
        return f"frame {place.frame}{f' of {place.map}' if place.map else ''}"
    return f"x {place.x:.2f}, y {place.y:.2f}{f' on {place.map}' if place.map else ''}"


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
    best = None if place is None else best_match(place)
    if place is None or best is None:
        return []
    by = "inliers" if best.inliers else "similarity"
    lines = [
        f"{len(place.matches)} of {count(len(location.matches), 'match', 'matches')} for it; "
        f"best by {by} {best.path} ({likeness(best)})"
    ]
    if rival is not None:
        matches = count(len(rival.matches), "match", "matches")
        lines.append(f"runner-up: {where_in_words(rival)}{_away(place, rival)}, {matches}")
    return lines


def _own(location: Location) -> list[str]:
    own, far = location.own, own_distance(location)
    if own is None:
        return []
    away = "" if far is None else f", {metres(far)} from there"
    return [f"{own.source} says: {degrees(own.lat, own.lon)}{away}"]


def own_distance(location: Location) -> float | None:
    """Metres from the likeliest place to where the photo itself says it was; None if unknown."""
    own, place = location.own, location.place
    if own is None or place is None or place.lat is None or place.lon is None:
        return None
    here = geo.positions([place.lat], [place.lon])
    return float(geo.distance(here, geo.positions([own.lat], [own.lon]))[0])


def best_match(place: Place) -> Match | None:
    """The strongest match of a place: of the most inliers, and of those the most similar.

    None of a place that a person has named.
    """
    order = sorted(place.matches, key=lambda match: (-(match.inliers or 0), -match.similarity))
    return order[0] if order else None


def _away(one: Place, other: Place) -> str:
    far, kind = distance_between(one, other), kind_of(one)
    if far is None or not REFERENCES[kind].unit:
        return ""
    return f", {far_in_words(far, kind)} away"


def metres_between(one: Place | None, other: Place | Match | None) -> float | None:
    """:func:`distance_between`, where that is one in metres or the unit of x and y; else None."""
    measured = one is not None and kind_of(one) in ("position", "xy")
    return distance_between(one, other) if measured else None


def distance_between(one: Place | None, other: Place | Match | None) -> float | None:
    """From a place to another or to a match, by :func:`beenhere.photos.reference.distance`.

    None where one of them is unknown, or lies on another map.
    """
    if one is None or other is None:
        return None
    here, there = (points_at([each], kind_of(one)) for each in (one, other))
    far = float(distance(here, there)[0])
    return far if math.isfinite(far) else None


def supporting(location: Location) -> list[int]:
    """Ranks of the matches that speak for the likeliest place; none if there is no place."""
    return [] if location.place is None else [match.rank for match in location.place.matches]


_COLUMNS = """
query status lat lon radius_m probability threshold supporting matches best_match similarity inliers
inliers_elsewhere guess_lat guess_lon runner_up_lat runner_up_lon runner_up_distance_m reason
x y frame map place own_lat own_lon own_source own_distance_m radius unit in_index
"""
CSV_COLUMNS = tuple(_COLUMNS.split())
"""One row a photo; empty where there is nothing. ``status`` is known, guess or unknown. ``lat`` and
``lon`` are empty where the place is not known, ``guess_lat`` and ``guess_lon`` then hold the
likeliest one. ``best_match`` is the strongest match for it, with its ``similarity`` and
``inliers``; ``inliers_elsewhere`` are the most of any match of another place. ``x``, ``y``,
``frame``, ``map`` and ``place``, a name, are of the likeliest place, known or not, where photos
have these. ``own_lat`` and ``own_lon`` are where the photo itself says it was taken, in EXIF or its
name (``own_source``), ``own_distance_m`` from the likeliest place. ``radius`` and ``unit``: ``m``,
of x and y too, whatever theirs is, or ``frames``; ``radius_m`` is for metres alone. ``in_index``:
whether the photo is itself in the index."""


def to_json(locations: Sequence[Location]) -> str:
    """One array with an object a photo, in their order; null where nothing is known.

    Each has ``query``, ``status`` (``"known"``, ``"guess"`` or ``"unknown"``), ``lat`` and ``lon``
    (null where the place is not known), ``radius_m``, ``probability``, ``threshold``,
    ``inliers_elsewhere``, ``radius``, ``unit``, ``place`` (the likeliest, known or not),
    ``runner_up``, ``matches``, ``reason`` and ``own`` (where the photo itself says it was taken:
    ``lat``, ``lon``, ``source`` and ``distance_m`` from the likeliest place) and ``in_index``
    (whether the photo is itself in the index). A place has ``lat``, ``lon``, ``spread_m``, ``x``,
    ``y``, ``frame``, ``map``, ``place`` (its name), ``share``, ``supporting`` (ranks of its
    matches) and ``best`` (that of the strongest, as in CSV and text), the runner-up ``distance_m``
    from the likeliest too. A match has ``rank``, ``path``, ``similarity``, ``inliers``, ``lat``,
    ``lon``, ``heading``, ``captured``, ``x``, ``y``, ``frame``, ``map``, ``place`` and
    ``distance_m`` from the likeliest place. ``radius``, and ``distance`` and ``spread`` beside
    those in metres, are in ``unit``: ``"m"``, of x and y whatever theirs is, ``"frames"``, or null
    of places with names, which have
    none.
    """
    return json_text([location_values(location) for location in locations])


def json_text(values: Any) -> str:
    """Indented JSON that is strict, in UTF-8, with a line's end."""
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(locations: Sequence[Location]) -> str:
    """A header of :data:`CSV_COLUMNS`, then a row a photo; see :func:`csv_text`."""
    return csv_text(CSV_COLUMNS, map(flat, locations))


def flat(location: Location) -> dict[str, Any]:
    """An answer by :data:`CSV_COLUMNS`; None where there is nothing."""
    place, rival = location.place, location.runner_up
    best = best_match(place) if place is not None else None
    answer, guess = (place, None) if location.known else (None, place)
    own, unit = location.own, _unit(place)
    values = (
        *(location.query, location.status, answer and answer.lat, answer and answer.lon),
        *(location.radius if unit == "m" else None, location.probability, location.threshold),
        *(len(supporting(location)), len(location.matches)),
        *(best and best.path, best and best.similarity, best and best.inliers),
        location.gap and location.gap.elsewhere,
        *(guess and guess.lat, guess and guess.lon),
        *(rival and rival.lat, rival and rival.lon, metres_between(place, rival)),
        location.reason,
        *(_on_map(place).values()),
        *(own and own.lat, own and own.lon, own and own.source, own_distance(location)),
        *(location.radius, unit, location.in_index),
    )
    return dict(zip(CSV_COLUMNS, values, strict=True))


def _unit(place: Place | None) -> str | None:
    """Of distances, ``"m"`` or ``"frames"``."""
    return REFERENCES[kind_of(place)].unit.strip() or None if place is not None else None


def _on_map(place: Place | Match | None) -> dict[str, Any]:
    names = {"x": "x", "y": "y", "frame": "frame", "map": "map", "place": "name"}
    return {name: place and getattr(place, attribute) for name, attribute in names.items()}


def location_values(location: Location) -> dict[str, Any]:
    """An answer as :func:`to_json` has it."""
    place, rival = location.place, location.runner_up
    row, own = flat(location), location.own
    away = {
        "distance_m": row["runner_up_distance_m"],
        "distance": _measured(place, rival),
    }
    return {
        **{name: row[name] for name in (*CSV_COLUMNS[:7], "inliers_elsewhere", "radius", "unit")},
        "place": place and _place_values(place),
        "runner_up": rival and _place_values(rival) | away,
        "matches": [_match_values(match, place) for match in location.matches],
        "reason": location.reason,
        "own": own and {**asdict(own), "distance_m": row["own_distance_m"]},
        "in_index": location.in_index,
    }


def location_of(values: Mapping[str, Any]) -> Location:
    """The answer whose :func:`location_values` these are; undoes them, but for the gap's rank.

    Of a match ``name`` may stand for ``path``, as where paths are nobody's business.
    """
    matches = {match["rank"]: _match_of(match) for match in values["matches"]}
    place, rival = (_place_of(values[name], matches) for name in ("place", "runner_up"))
    own, elsewhere = values["own"], values["inliers_elsewhere"]
    gap = None
    if elsewhere is not None:
        best = max(matches.values(), key=lambda match: match.inliers or 0)
        gap = InlierGap(best.rank, best.inliers or 0, elsewhere)
    return Location(
        query=values["query"],
        status=values["status"],
        place=place,
        radius=values["radius"],
        probability=values["probability"],
        threshold=values["threshold"],
        runner_up=rival,
        matches=tuple(matches.values()),
        reason=values["reason"],
        gap=gap,
        own=own and OwnPosition(own["lat"], own["lon"], own["source"]),
        in_index=values["in_index"],
    )


def _match_of(values: Mapping[str, Any]) -> Match:
    names = ("rank", "similarity", "inliers", "lat", "lon", "heading", "captured")
    own = {name: values[name] for name in (*names, "x", "y", "frame", "map")}
    path = values["path"] if "path" in values else values["name"]
    return Match(path=path, name=values["place"], **own)


def _place_of(values: Mapping[str, Any] | None, matches: Mapping[int, Match]) -> Place | None:
    if values is None:
        return None
    own = {name: values[name] for name in ("lat", "lon", "share", "x", "y", "frame", "map")}
    members = tuple(matches[rank] for rank in values["supporting"] if rank in matches)
    return Place(spread=values["spread"] or 0.0, name=values["place"], matches=members, **own)


def _place_values(place: Place) -> dict[str, Any]:
    supporting = [match.rank for match in place.matches]
    unit = _unit(place)
    where = {"lat": place.lat, "lon": place.lon, "spread_m": place.spread if unit == "m" else None}
    where["spread"] = place.spread if unit else None
    best = best_match(place)
    share = {"share": place.share, "supporting": supporting, "best": best and best.rank}
    return {**where, **_on_map(place), **share}


def _match_values(match: Match, likeliest: Place | None) -> dict[str, Any]:
    names = ("rank", "path", "similarity", "inliers", "lat", "lon", "heading", "captured")
    values = {name: getattr(match, name) for name in names}
    away = {
        "distance_m": metres_between(likeliest, match),
        "distance": _measured(likeliest, match),
    }
    return values | _on_map(match) | away


def _measured(one: Place | None, other: Place | Match | None) -> float | None:
    """:func:`distance_between`, but of places with names, which have none."""
    return distance_between(one, other) if _unit(one) else None
