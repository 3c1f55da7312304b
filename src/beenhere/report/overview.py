"""All answers on one map: a page of one file that is panned and zoomed, and asks no network."""

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from beenhere import geo
from beenhere.files.atomic import write_file
from beenhere.photos.reference import Points
from beenhere.report.location import describe_location, likeness, metres_between, own_distance
from beenhere.report.location_view import FOR_IT, FOR_RUNNER_UP, match_colour
from beenhere.report.photo_boxes import small_photo
from beenhere.report.thumbnails import THUMBNAIL, Thumbnail, Thumbnails
from beenhere.retrieval.locate.answer import Location
from beenhere.wording import count, metres

MATCHES = 6
"""Of each answer that are shown."""

MOST_PICTURES = 3000
"""What a page can carry, about 20 MB. Queries come first, then their first matches, and so on."""

MOST_DOTS = 200_000
"""Photos of the index; of more, an even share is shown."""


def write_overview(
    locations: Sequence[Location],
    photos: Sequence[str | bytes],
    positions: Points,
    path: Path,
) -> None:
    """Write the page: the index's photos as dots, the answers by status with their circles.

    Whoever clicks on an answer sees the query, what speaks for it, and the names of the files.
    Answers without latitude are in the list beside the map. A photo that cannot be read has its
    name alone.

    Args:
        locations: the answers.
        photos: the queries, in their order, each a path or what a file holds.
        positions: of the index's photos, ``(n,)``, which may be unknown; what is not on Earth
            has no dots.
        path: of the page.
    """
    pictures = _Pictures()
    queries = [pictures.small(photo) for photo in photos]
    shown = [location.matches[:MATCHES] for location in locations]
    found: dict[tuple[int, int], int | None] = {}
    for rank in range(MATCHES):
        for number, matches in enumerate(shown):
            if rank < len(matches):
                found[number, rank] = pictures.small(matches[rank].path)
    answers = []
    for number, location in enumerate(locations):
        values = _answer(location)
        values["picture"] = queries[number]
        for rank, match in enumerate(values["matches"]):
            match["picture"] = found[number, rank]
        answers.append(values)
    on_earth = positions if isinstance(positions, geo.Positions) else geo.positions([], [])
    known = on_earth[np.flatnonzero(on_earth.known)]
    some = known[:: 1 + (len(known) - 1) // MOST_DOTS] if len(known) else known
    counts = Counter(location.status for location in locations)
    data = {
        "answers": answers,
        "dots": _packed(some),
        "pictures": [[one.data, one.width, one.height] for one in pictures.in_order],
    }
    environment = Environment(
        loader=PackageLoader("beenhere.report"), autoescape=True, undefined=StrictUndefined
    )
    source = environment.loader
    assert source is not None
    page = environment.get_template("overview.html").render(
        title=f"{count(len(locations), 'photo')} located",
        counts=counts,
        dots=len(known),
        radii=any(answer["radius"] for answer in answers),
        left_out=pictures.left_out,
        data=data,
        script=source.get_source(environment, "overview.js")[0],
    )
    write_file(path, page)


class _Pictures:
    """Thumbnails by their numbers, as many as the page can carry."""

    def __init__(self) -> None:
        self._kept = Thumbnails()
        self._numbers: dict[str, int] = {}
        self.in_order: list[Thumbnail] = []
        self.left_out = 0

    def small(self, photo: str | bytes) -> int | None:
        """The number of a photo's thumbnail; None where there is none."""
        if len(self.in_order) >= MOST_PICTURES and not self._kept.has(photo):
            self.left_out += 1
            return None
        if isinstance(photo, str):
            thumbnail = self._kept.of_photo(photo)
        else:
            picture = small_photo(photo, THUMBNAIL)
            thumbnail = None if picture is None else self._kept.of_picture(picture)
        if thumbnail is None:
            return None
        if thumbnail.key not in self._numbers:
            self._numbers[thumbnail.key] = len(self.in_order)
            self.in_order.append(thumbnail)
        return self._numbers[thumbnail.key]


def _answer(location: Location) -> dict[str, Any]:
    place, own, far = location.place, location.own, own_distance(location)
    return {
        "name": Path(location.query).name,
        "path": location.query,
        "status": location.status,
        "at": _at(place),
        "radius": location.radius if location.known else None,
        "words": describe_location(location),
        "own": None if own is None else [own.lat, own.lon],
        "off": None if own is None or far is None else f"{own.source}: {metres(far)} off",
        "matches": list(_matches(location)),
    }


def _matches(location: Location) -> Iterator[dict[str, Any]]:
    speaks = {FOR_IT: "it", FOR_RUNNER_UP: "rival"}
    for number, match in enumerate(location.matches[:MATCHES], 1):
        far = metres_between(location.place, match)
        yield {
            "name": Path(match.path).name,
            "path": match.path,
            "at": _at(match),
            "far": ""
            if far is None
            else f"{metres(far)} from the {'answer' if location.known else 'best guess'}",
            "like": likeness(match, number),
            "for": speaks.get(match_colour(location, match), "neither"),
        }


def _at(place: Any) -> list[float] | None:
    if place is None or place.lat is None or place.lon is None:
        return None
    return [round(place.lat, 7), round(place.lon, 7)]


def _packed(positions: geo.Positions) -> str:
    """Latitudes and longitudes in turn, in 1e-7 degrees, as base64 of little-endian int32."""
    degrees = np.stack([positions.lat, positions.lon], axis=1)
    return base64.b64encode(np.rint(degrees * 1e7).astype("<i4").tobytes()).decode()
