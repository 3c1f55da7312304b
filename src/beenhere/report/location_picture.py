"""A picture of an answer: a map, and next to it the query and the photos that look most like it."""

from pathlib import Path

from PIL import ImageFont

from beenhere import geo
from beenhere.photos.reference import LocalPoints, Points, is_placed, kind_of
from beenhere.report.location import (
    best_match,
    degrees,
    describe_location,
    likeness,
    metres_between,
    where_in_words,
)
from beenhere.report.location_map import location_map
from beenhere.report.location_plan import location_plan
from beenhere.report.location_view import OwnPosition, match_colour, own_position
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    GAP,
    MARGIN,
    PhotoSheet,
    column_left,
    cut,
    small_photo,
)
from beenhere.report.pictures import INK, QUIET, check_picture
from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.wording import metres

_COLUMNS, _LINES = 4, 3
_MAP_COLUMNS = 2
_SHOWN = (_COLUMNS - _MAP_COLUMNS) * _LINES - 1
_HEAD = 126
_NOWHERE_ELSE = 0.05
"""Metres; less reads as 0.0."""
_ROW = BOX[1] + CAPTION + GAP


def draw_location(location: Location, photo: str | bytes, photos: Points, path: Path) -> None:
    """Write the picture, 1190 pixels wide, as PNG or JPEG by the name's end.

    A match's number and colour are the same on the map and at its photo: blue for the answer,
    orange for the runner-up, grey for neither. Where the query itself says where it was taken, in
    EXIF or in its name, the map shows that too. A photo that cannot be read leaves its place empty.
    By x and y the map is a plan, by frames a line; by names there is none, but more matches.

    Args:
        location: the answer.
        photo: the query, a path or what a file holds.
        photos: where the index's photos were taken, ``(n,)``; some may be unknown.
        path: of the picture.

    Raises:
        DataError: another kind of file, or a folder that is not there.
    """
    check_picture(path)
    truth = own_position(photo)
    sheet = PhotoSheet(_COLUMNS, _HEAD + _LINES * _ROW)
    _put_head(sheet, location)
    size = column_left(_MAP_COLUMNS) - GAP - MARGIN, _LINES * _ROW - MARGIN
    place, first = location.place, 0
    if photos.known.any() and (place is None or kind_of(place) != "place"):
        first = _MAP_COLUMNS
        if isinstance(photos, LocalPoints):
            drawn = location_plan(location, photos, size, _SHOWN)
        else:
            drawn = location_map(location, photos, truth, size, _SHOWN)
        sheet.picture.paste(drawn, (MARGIN, _HEAD))
    corners = [
        (column_left(column), _HEAD + line * _ROW)
        for line in range(_LINES)
        for column in range(first, _COLUMNS)
    ]
    sheet.photo(corners[0], small_photo(photo))
    sheet.captions(corners[0], "the query", _own(location.place, truth))
    for number, (match, corner) in enumerate(zip(location.matches, corners[1:], strict=False), 1):
        _put_match(sheet, corner, location, match, number)
    sheet.save(path, quality=92)


def _put_head(sheet: PhotoSheet, location: Location) -> None:
    answer, *evidence = describe_location(location)
    best = "" if location.place is None else best_match(location.place).path
    top = MARGIN - 6
    sheet.text((MARGIN, top), location.query, 15, QUIET, sheet.room, "end")
    sheet.text((MARGIN, top + 22), answer, 24, INK, sheet.room)
    for number, line in enumerate(evidence):
        room = sheet.room - ImageFont.load_default(14).getlength(line.replace(best, ""))
        shown = line.replace(best, cut(best, 14, room, "end"))
        sheet.text((MARGIN, top + 58 + 20 * number), shown, 14, QUIET, sheet.room)


def _put_match(
    sheet: PhotoSheet, corner: tuple[int, int], location: Location, match: Match, number: int
) -> None:
    colour = match_colour(location, match)
    photo = sheet.photo(corner, small_photo(match.path), colour)
    sheet.badge(photo, colour, str(number), 20, width=32)
    far = metres_between(location.place, match)
    where = where_in_words(match) if is_placed(match) else "nobody knows where"
    if far is not None:
        away = "at" if far < _NOWHERE_ELSE else f"{metres(far)} from"
        where = f"{away} the {'answer' if location.known else 'best guess'}"
    sheet.captions(corner, where, likeness(match, number))


def _own(place: Place | None, truth: OwnPosition | None) -> str:
    if truth is None:
        return ""
    if place is None or place.lat is None or place.lon is None:
        return f"{truth.source} says {degrees(truth.lat, truth.lon)}"
    here = geo.positions([place.lat], [place.lon])
    (far,) = geo.distance(here, geo.positions([truth.lat], [truth.lon]))
    return f"{truth.source} says: {metres(far)} from there"
