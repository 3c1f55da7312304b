"""What the doctor found, in one picture: the worst cases of each finding that pictures show."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from beenhere.datasets.doctor import Collection, Finding
from beenhere.report.doctor_text import below
from beenhere.report.photo_boxes import (
    BOX,
    CAPTION,
    FRAME,
    GAP,
    INK,
    MARGIN,
    PAPER,
    QUIET,
    UNKNOWN,
    WRONG,
    column_left,
    put_captions,
    put_photo,
    read,
    width_of,
    write,
)

_COLUMNS = 4
_MOST = 8
"""Photos of a finding: two rows."""
_TITLE = 56
_ROW = BOX[1] + CAPTION + GAP

Cell = tuple[str, str]
"""A photo's path and what is said of it."""


def pictured(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that a picture shows."""
    return [finding for finding in findings if finding.kind.pictured]


def draw_sheet(collection: Collection, findings: Sequence[Finding], path: Path) -> None:
    """Write the sheet of some findings, one at least, as PNG or JPEG by the name's end.

    It is 1190 pixels wide and as high as it takes.

    Photos that go together stand side by side, the one at fault first. Its frame is red where it
    would change a score, else grey. A photo that cannot be read leaves its place empty.
    """
    shown = [(finding, _cells(finding)) for finding in findings]
    height = MARGIN + sum(_TITLE + _ROW * _rows(cells) for _, cells in shown)
    picture = Image.new("RGB", (width_of(_COLUMNS), height), PAPER)
    canvas = ImageDraw.Draw(picture)
    top = MARGIN
    for finding, cells in shown:
        _put_title(canvas, finding, cells, top, picture.width - 2 * MARGIN)
        for place, cell in enumerate(cells):
            row, column = divmod(place, _COLUMNS)
            corner = column_left(column), top + _TITLE + row * _ROW
            paired = finding.cases["other"].is_not_null().any()
            at_fault = not paired or place % 2 == 0
            _put_cell(picture, corner, collection, cell, _colour(finding) if at_fault else None)
        top += _TITLE + _ROW * _rows(cells)
    picture.save(path, quality=90)


def _cells(finding: Finding) -> list[Cell]:
    cells: list[Cell] = []
    for case in finding.cases.head(_MOST).iter_rows(named=True):
        pair: list[Cell] = [(case["path"], case["detail"])]
        if case["other"] is not None:
            pair.append((case["other"], "the other one"))
        if len(cells) + len(pair) <= _MOST:
            cells += pair
    return cells


def _rows(cells: Sequence[Any]) -> int:
    return -(-len(cells) // _COLUMNS)


def _colour(finding: Finding) -> str:
    return WRONG if finding.severity == "score" else UNKNOWN


def _put_title(
    canvas: ImageDraw.ImageDraw, finding: Finding, cells: list[Cell], top: int, width: int
) -> None:
    title = finding.kind.title[:1].upper() + finding.kind.title[1:]
    cases = sum(text != "the other one" for _, text in cells)
    some = f", {cases} shown" if cases < len(finding) else ""
    write(canvas, (MARGIN, top), f"{title}: {len(finding):,}{some}", 20, INK, width)
    write(canvas, (MARGIN, top + 27), finding.kind.meaning, 15, QUIET, width)


def _put_cell(
    picture: Image.Image,
    corner: tuple[int, int],
    collection: Collection,
    cell: Cell,
    colour: str | None,
) -> None:
    path, text = cell
    canvas = ImageDraw.Draw(picture)
    put_photo(picture, corner, read(path), colour)
    put_captions(canvas, corner, (text, _end(below(collection, path))))


def _end(path: str) -> str:
    """As much of a path's end as fits below a photo: photos of one folder differ there."""
    font = ImageFont.load_default(14)
    shown = path
    while path and font.getlength(shown) > BOX[0] - FRAME:
        path = path[1:]
        shown = f"...{path}"
    return shown
