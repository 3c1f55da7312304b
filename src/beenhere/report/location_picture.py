"""A picture of an answer: a map, and next to it the query and the photos that look most like it."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from beenhere import geo
from beenhere.report.location import (
    best_match,
    degrees,
    describe_location,
    likeness,
    metres_between,
)
from beenhere.report.location_map import location_map
from beenhere.report.location_view import OwnPosition, match_colour, own_position
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    MARGIN,
    column_left,
    cut,
    put_captions,
    put_photo,
    put_text,
    small_photo,
    width_of,
)
from beenhere.report.pictures import INK, PAPER, QUIET, check_picture, save_picture
from beenhere.retrieval.locate.answer import Location, Match, Place
from beenhere.wording import metres

_COLUMNS, _LINES = 4, 3
_MAP_COLUMNS = 2
_SHOWN = (_COLUMNS - _MAP_COLUMNS) * _LINES - 1
_HEAD = 126
_NOWHERE_ELSE = 0.05
"""Metres; less reads as 0.0."""
_ROW = BOX[1] + CAPTION + GAP


def draw_location(
    location: Location, photo: str | bytes, photos: geo.Positions, path: Path
) -> None:
    """Write the picture, 1190 pixels wide, as PNG or JPEG by the name's end.

    A match's number and colour are the same on the map and at its photo: blue for the answer,
    orange for the runner-up, grey for neither. Where the query itself says where it was taken, in
    EXIF or in its name, the map shows that too. A photo that cannot be read leaves its place empty.

    Args:
        location: the answer.
        photo: the query, a path or what a file holds.
        photos: positions of the index's photos, ``(n,)``; some may be unknown.
        path: of the picture.

    Raises:
        DataError: another kind of file, or a folder that is not there.
    """
    check_picture(path)
    truth = own_position(photo)
    picture = Image.new("RGB", (width_of(_COLUMNS), _HEAD + _LINES * _ROW), PAPER)
    canvas = ImageDraw.Draw(picture)
    _put_head(canvas, location, picture.width - 2 * MARGIN)
    size = column_left(_MAP_COLUMNS) - GAP - MARGIN, _LINES * _ROW - MARGIN
    drawn = location_map(location, photos, truth, size, _SHOWN)
    picture.paste(drawn, (MARGIN, _HEAD))
    corners = [
        (column_left(column), _HEAD + line * _ROW)
        for line in range(_LINES)
        for column in range(_MAP_COLUMNS, _COLUMNS)
    ]
    put_photo(picture, corners[0], small_photo(photo))
    put_captions(canvas, corners[0], ("the query", _own(location.place, truth)))
    for number, (match, corner) in enumerate(zip(location.matches, corners[1:], strict=False), 1):
        _put_match(picture, corner, location, match, number)
    save_picture(picture, path, quality=92)


def _put_head(canvas: ImageDraw.ImageDraw, location: Location, width: int) -> None:
    answer, *evidence = describe_location(location)
    best = "" if location.place is None else best_match(location.place).path
    top = MARGIN - 6
    put_text(canvas, (MARGIN, top), cut(location.query, 15, width, "end"), 15, QUIET)
    put_text(canvas, (MARGIN, top + 22), answer, 24, INK, width)
    for number, line in enumerate(evidence):
        room = width - ImageFont.load_default(14).getlength(line.replace(best, ""))
        shown = line.replace(best, cut(best, 14, room, "end"))
        put_text(canvas, (MARGIN, top + 58 + 20 * number), shown, 14, QUIET, width)


def _put_match(
    picture: Image.Image, corner: tuple[int, int], location: Location, match: Match, number: int
) -> None:
    canvas = ImageDraw.Draw(picture)
    colour = match_colour(location, match)
    left, top = put_photo(picture, corner, small_photo(match.path), colour)
    badge = (left - FRAME, top - FRAME, left - FRAME + 32, top - FRAME + 30)
    canvas.rectangle(badge, fill=colour)
    middle = ((badge[0] + badge[2]) // 2, (badge[1] + badge[3]) // 2)
    canvas.text(middle, str(number), PAPER, ImageFont.load_default(20), anchor="mm")
    far = metres_between(location.place, match)
    where = "its position is not known" if match.lat is None else ""
    if far is not None:
        away = "at" if far < _NOWHERE_ELSE else f"{metres(far)} from"
        where = f"{away} the {'answer' if location.known else 'best guess'}"
    put_captions(canvas, corner, (where, likeness(match, number)))


def _own(place: Place | None, truth: OwnPosition | None) -> str:
    if truth is None:
        return ""
    if place is None:
        return f"{truth.source} says {degrees(truth.lat, truth.lon)}"
    here = geo.positions([place.lat], [place.lon])
    (far,) = geo.distance(here, geo.positions([truth.lat], [truth.lon]))
    return f"{truth.source} says: {metres(far)} from there"
