"""The doctor's findings in one picture: the worst cases of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import ImageDraw, ImageFont

from beenhere.report.doctor_text import size_text
from beenhere.report.photo_boxes import (
    BOX,
    FRAME,
    GAP,
    INSIDE,
    MARGIN,
    UNKNOWN,
    WRONG,
    PhotoSheet,
    column_left,
    small_photo,
)
from beenhere.report.pictures import EMPTY, INK, PAPER, QUIET
from beenhere.tools.doctor import Finding, PhotoCollection
from beenhere.wording import count

Frame = Literal["score", "note"] | None
"""Of a photo: whether its fault would change a score or is worth knowing; None: one without."""

COLOURS: dict[str | None, str] = {"score": WRONG, "note": UNKNOWN}
CROSS = "#8A8A8A"

_TEXT_WIDTH = BOX[0] - FRAME
_SIZE, _SMALL, _LINE = 15, 13, 19


@dataclass(frozen=True)
class Tile:
    """A photo to draw.

    Attributes:
        path: of the photo.
        belongs: the set it is in, such as ``"sf_xs/test/queries"``.
        detail: what is wrong; may be empty.
        frame: what its frame says.
    """

    path: str
    belongs: str
    detail: str
    frame: Frame

    @property
    def height(self) -> int:
        """Pixels, with its captions."""
        return BOX[1] + 6 + _LINE * (2 + len(wrapped(self.detail, _SIZE, _TEXT_WIDTH)))


_COLUMNS = 4
_MOST = 8
"""Photos of a finding: two rows."""
_HEAD, _SECTION, _TITLE = 118, 52, 78
_PANEL, _PAD = "#F1F1F1", 5
"""Behind two photos that go together."""
_SECTIONS = {"score": "Would change a score", "note": "Worth knowing"}
_LEGEND: tuple[tuple[Frame, str], ...] = (
    ("score", "at fault: would change a score"),
    ("note", "worth knowing"),
    (None, "no frame: the photo that the one to its left goes with"),
)

Group = list[Tile]
"""A photo, or two that go together."""


def drawn(findings: Sequence[Finding]) -> list[Finding]:
    """The findings to draw, those that change a score first: a note only if pictures show it."""
    score = [each for each in findings if each.severity == "score"]
    return score + [each for each in findings if each.severity == "note" and each.kind.pictured]


def draw_sheet(collection: PhotoCollection, findings: Sequence[Finding], path: Path) -> None:
    """Write the sheet of some findings, one at least, as PNG or JPEG by the name's end.

    It is 1190 pixels wide and as high as it takes.

    Photos that go together are side by side on a grey ground, the one at fault first. Its frame
    is red where it would change a score, else grey. A box with a cross is a photo that cannot be
    read.

    Args:
        findings: as :func:`drawn` orders them.
    """
    shown = [(finding, _rows(_groups(collection, finding))) for finding in findings]
    sections = len({finding.severity for finding in findings})
    heights = [_TITLE + sum(map(_height, rows)) for _, rows in shown]
    height = MARGIN + _HEAD + _SECTION * sections + sum(heights)
    sheet = PhotoSheet(_COLUMNS, height)
    _put_head(sheet, collection, findings)
    top, section = MARGIN + _HEAD, ""
    for finding, rows in shown:
        if finding.severity != section:
            section = finding.severity
            band = (MARGIN, top, MARGIN + sheet.room, top + 34)
            sheet.canvas.rectangle(band, COLOURS[section])
            sheet.text((MARGIN + 10, top + 6), _SECTIONS[section], 18, PAPER)
            top += _SECTION
        _put_title(sheet, finding, sum(map(len, rows)), top)
        top += _TITLE
        for row in rows:
            _put_row(sheet, row, top)
            top += _height(row)
    sheet.save(path)


def _groups(collection: PhotoCollection, finding: Finding) -> list[Group]:
    groups: list[Group] = []
    for case in finding.cases.head(_MOST).iter_rows(named=True):
        group = [_tile(collection, case["path"], case["part"], case["detail"], finding.severity)]
        if case["other"] is not None:
            group.append(_tile(collection, case["other"], case["other_part"], "", None))
        if sum(map(len, groups)) + len(group) <= _MOST:
            groups.append(group)
    return groups


def _tile(collection: PhotoCollection, path: str, number: int, detail: str, frame: Frame) -> Tile:
    part = collection.parts[number]
    belongs = part.name if part.side is None else part.name.removesuffix(f" {part.side}")
    return Tile(path, "/".join(filter(None, (belongs, part.side))), detail, frame)


def _rows(groups: list[Group]) -> list[list[Group]]:
    """As many groups to a row as there is room for."""
    rows: list[list[Group]] = []
    for group in groups:
        if not rows or sum(map(len, rows[-1])) + len(group) > _COLUMNS:
            rows.append([])
        rows[-1].append(group)
    return rows


def _height(row: list[Group]) -> int:
    return max(tile.height for group in row for tile in group) + 2 * _PAD + GAP


def _put_head(sheet: PhotoSheet, collection: PhotoCollection, findings: Sequence[Finding]) -> None:
    bad = sum(finding.severity == "score" for finding in findings)
    name = collection.root.absolute().name
    title = f"{name}: what would change a score" if bad else f"{name}: what is worth knowing"
    sheet.text((MARGIN, MARGIN), title, 28, INK, sheet.room)
    faults = f"{count(bad, 'kind') if bad else 'No kind'} of fault would change a score."
    about = f"{size_text(collection)}. {faults}"
    sheet.text((MARGIN, MARGIN + 40), about, 16, QUIET, sheet.room)
    left, top = MARGIN, MARGIN + 72
    font = ImageFont.load_default(15)
    for frame, text in (*_LEGEND, ("cross", "cannot be read")):
        box = (left, top, left + 28, top + 21)
        sheet.canvas.rectangle(box, EMPTY, COLOURS.get(frame, EMPTY), 4)
        if frame == "cross":
            put_cross(sheet.canvas, box)
        sheet.text((left + 37, top + 2), text, 15, INK)
        left += 37 + round(font.getlength(text)) + 30


def _put_title(sheet: PhotoSheet, finding: Finding, cases: int, top: int) -> None:
    kind = finding.kind
    some = f", {cases} shown" if cases < len(finding) else ""
    title = f"{kind.title[:1].upper()}{kind.title[1:]}: {len(finding):,}{some}"
    sheet.text((MARGIN, top), title, 20, INK, sheet.room)
    sheet.text((MARGIN, top + 27), kind.meaning, 15, QUIET, sheet.room)
    sheet.text((MARGIN, top + 48), f"To do: {kind.remedy}", 15, QUIET, sheet.room)


def _put_row(sheet: PhotoSheet, row: list[Group], top: int) -> None:
    column = 0
    for group in row:
        if len(group) > 1:
            left, right = column_left(column), column_left(column + len(group) - 1) + BOX[0]
            bottom = top + _height(row) - GAP
            sheet.canvas.rectangle((left - _PAD, top, right + _PAD, bottom), _PANEL)
        for tile in group:
            put_tile(sheet, (column_left(column), top + _PAD), tile)
            column += 1


def put_tile(sheet: PhotoSheet, corner: tuple[int, int], tile: Tile) -> None:
    """Draw one; a photo that cannot be read is a crossed-out box.

    Args:
        corner: the left upper one of its box.
    """
    photo, colour = small_photo(tile.path), COLOURS.get(tile.frame)
    left, top = sheet.photo(corner, photo, colour)
    if photo is None:
        put_cross(sheet.canvas, (left, top, left + INSIDE[0], top + INSIDE[1]))
    left, top = corner[0] + FRAME, corner[1] + BOX[1] + 6
    sheet.text((left, top), tile.belongs, _SIZE, INK, _TEXT_WIDTH, "both")
    for line in wrapped(tile.detail, _SIZE, _TEXT_WIDTH):
        top += _LINE
        sheet.text((left, top), line, _SIZE, colour or QUIET)
    name = tile.path.replace("\\", "/").rpartition("/")[2]
    sheet.text((left, top + _LINE), name, _SMALL, QUIET, _TEXT_WIDTH, "both")


def put_cross(canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int]) -> None:
    """The sign of a photo that cannot be read."""
    left, top, right, bottom = box
    inset = (bottom - top) // 6
    for ends in ((top + inset, bottom - inset), (bottom - inset, top + inset)):
        line = [(left + inset, ends[0]), (right - inset, ends[1])]
        canvas.line(line, CROSS, max(2, (bottom - top) // 40))


def wrapped(text: str, size: int, most: int) -> list[str]:
    """A text in lines no wider than ``most`` pixels; a word that is wider is broken."""
    font = ImageFont.load_default(size)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= most:
            line = longer
            continue
        if line:
            lines.append(line)
        while font.getlength(word) > most:
            fits = next(n for n in range(len(word), 0, -1) if font.getlength(word[:n]) <= most)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines
