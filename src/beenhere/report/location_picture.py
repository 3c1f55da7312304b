"""A picture of an answer: a map, and next to it the query and the photos that look most like it."""

from dataclasses import replace
from pathlib import Path

from PIL import ImageFont

from beenhere.photos.reference import LocalPoints, Points, is_placed, kind_of
from beenhere.report.location import (
    best_match,
    degrees,
    describe_location,
    likeness,
    metres_between,
    own_distance,
    where_in_words,
)
from beenhere.report.location_map import location_map
from beenhere.report.location_plan import location_plan
from beenhere.report.location_view import match_colour, middle_of
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    MARGIN,
    PhotoSheet,
    column_left,
    cut,
    small_photo,
)
from beenhere.report.pictures import INK, QUIET, check_picture
from beenhere.retrieval.locate.answer import Location, Match
from beenhere.wording import metres

_COLUMNS, _LINES = 4, 3
_MAP_COLUMNS = 2
_HEAD = 146
_NOWHERE_ELSE = 0.05
"""Metres; less reads as 0.0."""
_ROW = BOX[1] + CAPTION + 18 + GAP


def draw_location(location: Location, photo: str | bytes, photos: Points, path: Path) -> None:
    """Write the picture, 1190 pixels wide, as PNG or JPEG by the name's end.

    A match's number and colour are the same on the map and at its photo: blue for the answer,
    orange for the runner-up, grey for neither. Where the query itself says where it was taken, in
    EXIF or in its name, the map shows that too. By x and y the map is a plan, by frames a line.
    Where there is nothing to put on a map, more matches take its place. A photo that cannot be read
    leaves its place empty.

    Args:
        location: the answer.
        photo: the query, a path or what a file holds.
        photos: where the index's photos were taken, ``(n,)``; some may be unknown.
        path: of the picture.

    Raises:
        DataError: another kind of file, or a folder that is not there.
    """
    check_picture(path)
    if isinstance(photos, LocalPoints):
        place = location.place
        mapped = bool(photos.known.any()) and (place is None or kind_of(place) != "place")
    else:
        mapped = middle_of(location, photos) is not None
    first = _MAP_COLUMNS if mapped else 0
    beside = _COLUMNS - first
    lines = _LINES if mapped else min(_LINES, 1 + len(location.matches) // beside)
    sheet = PhotoSheet(_COLUMNS, _HEAD + lines * _ROW)
    _put_head(sheet, location)
    if mapped:
        size = column_left(_MAP_COLUMNS) - GAP - MARGIN, _LINES * _ROW - MARGIN
        shown = beside * lines - 1
        if isinstance(photos, LocalPoints):
            drawn = location_plan(location, photos, size, shown)
        else:
            drawn = location_map(location, photos, size, shown)
        sheet.picture.paste(drawn, (MARGIN, _HEAD))
    corners = [
        (column_left(column), _HEAD + line * _ROW)
        for line in range(lines)
        for column in range(first, _COLUMNS)
    ]
    sheet.photo(corners[0], small_photo(photo))
    _put_words(sheet, corners[0], "the query", Path(location.query).name, _own(location))
    for number, (match, corner) in enumerate(zip(location.matches, corners[1:], strict=False), 1):
        _put_match(sheet, corner, location, match, number)
    sheet.save(path, quality=92)


def _put_head(sheet: PhotoSheet, location: Location) -> None:
    # What the query itself says stands below it.
    answer, *evidence = describe_location(replace(location, own=None))
    strongest = None if location.place is None else best_match(location.place)
    best = "" if strongest is None else strongest.path
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
    _put_words(sheet, corner, where, Path(match.path).name, likeness(match, number))


def _put_words(
    sheet: PhotoSheet, corner: tuple[int, int], first: str, name: str, last: str
) -> None:
    """Three lines below a photo; a long name is cut in its middle, where the names are alike."""
    sheet.captions(corner, first, cut(name, 14, BOX[0] - FRAME, "both"))
    below = (corner[0] + FRAME, corner[1] + BOX[1] + CAPTION - 4)
    sheet.text(below, last, 14, QUIET, BOX[0] - FRAME)


def _own(location: Location) -> str:
    own, far = location.own, own_distance(location)
    if own is None:
        return ""
    said = degrees(own.lat, own.lon) if far is None else f"{metres(far)} from there"
    return f"{own.source} says {said}"
