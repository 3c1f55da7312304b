"""The doctor's sheet: which findings, what is written of each photo, and what is drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageFont

from beenhere.config.tools import CheckConfig
from beenhere.report import doctor_sheet
from beenhere.report.doctor_sheet import Tile, draw_sheet, drawn, wrapped
from beenhere.report.photo_boxes import BOX, UNKNOWN, WRONG, PhotoSheet, cut
from beenhere.tools.doctor import Finding, examine, gather
from beenhere.tools.doctor.photo_collection import PhotoCollection


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A test photo in train, one cut off, one with another sign, one twice at its place."""
    rng = np.random.default_rng(3)
    root = tmp_path / "city"
    for folder in ("gsv_xs/train", "sf_xs/test/database", "sf_xs/test/queries"):
        (root / folder).mkdir(parents=True)
        for number in range(12):
            noise = rng.integers(0, 255, (6, 8, 3), np.uint8)
            picture = Image.fromarray(noise).resize((80, 60), Image.Resampling.NEAREST)
            picture.save(root / folder / f"{number:02d}.png")
        north = 55.7 if folder.startswith("gsv") else 55.8
        columns: dict[str, list[Any]] = {
            "path": [f"{number:02d}.png" for number in range(12)],
            "lat": [north + number * 1e-6 for number in range(12)],
            "lon": [13.2] * 12,
            "place": [f"p{number // 4}" if north == 55.7 else None for number in range(12)],
        }
        if folder.endswith("database"):
            columns["lon"][5] *= -1
        pl.DataFrame(columns).write_csv(root / folder / "photos.csv")
    data = (root / "sf_xs/test/queries/03.png").read_bytes()
    (root / "gsv_xs/train/02.png").write_bytes(data)
    (root / "gsv_xs/train/05.png").write_bytes((root / "gsv_xs/train/04.png").read_bytes())
    (root / "sf_xs/test/queries/07.png").write_bytes(data[:300])
    return root


@pytest.fixture
def examined(city: Path) -> tuple[PhotoCollection, list[Finding]]:
    collection = gather(city)
    return collection, examine(collection, CheckConfig(workers=1))


def test_what_is_drawn(examined: tuple[PhotoCollection, list[Finding]]) -> None:
    _, findings = examined
    assert [finding.name for finding in drawn(findings[::-1])] == [
        "wrong-sign",
        "copy-across-splits",
        "unreadable",
        "copy",
    ]


def test_each_photo_says_where_it_belongs(
    examined: tuple[PhotoCollection, list[Finding]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles: list[Tile] = []
    put = doctor_sheet.put_tile

    def recorded(sheet: PhotoSheet, corner: tuple[int, int], tile: Tile) -> None:
        tiles.append(tile)
        put(sheet, corner, tile)

    monkeypatch.setattr(doctor_sheet, "put_tile", recorded)
    collection, findings = examined
    draw_sheet(collection, drawn(findings), tmp_path / "sheet.png")
    across = next(at for at, tile in enumerate(tiles) if tile.path.endswith("train/02.png"))
    assert [(tile.belongs, tile.frame) for tile in tiles[across : across + 2]] == [
        ("gsv_xs/train", "score"),
        ("sf_xs/test/queries", None),
    ]
    assert tiles[across].detail.startswith("same bytes")
    assert [tile.frame for tile in tiles[-2:]] == ["note", None]
    assert {tile.belongs for tile in tiles[-2:]} == {"gsv_xs/train"}


def test_the_picture(examined: tuple[PhotoCollection, list[Finding]], tmp_path: Path) -> None:
    collection, findings = examined
    draw_sheet(collection, drawn(findings), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert pixels.shape[1] == 1190

    def rows(colour: str) -> np.ndarray:
        rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        return np.flatnonzero((pixels == rgb).all(axis=2).sum(axis=1) > 20)

    red, grey = rows(WRONG), rows(UNKNOWN)
    assert red.min() < 130 and grey.min() < 130  # the legend
    assert grey[grey > 130].min() > red.max()  # what changes a score comes first
    cross = (pixels == [0x8A] * 3).all(axis=2).sum(axis=1)
    assert (cross[140:] > 5).sum() > 100  # as high as a photo, nearly


def test_names_are_cut_in_the_middle() -> None:
    name = "@0660137.31@5710126.62@30@U@051.51953@-000.69184@SC1xGc6uCv@@35@@@@201908@@.jpg"
    shown = cut(name, 13, BOX[0], "both")
    start, end = shown.split("...")
    assert name.startswith(start) and name.endswith(end)
    assert len(start) - len(end) in (0, 1)
    font = ImageFont.load_default(13)
    assert (
        font.getlength(shown) <= BOX[0] < font.getlength(f"{start}{name[len(start)]}...{end}") + 9
    )
    assert cut("a.jpg", 13, BOX[0], "both") == "a.jpg"


def test_reasons_are_wrapped_whole() -> None:
    font = ImageFont.load_default(15)
    reason = "cut off: the file " + "/very/long" * 12 + " ends before the picture does"
    lines = wrapped(reason, 15, 250)
    assert all(font.getlength(line) <= 250 for line in lines) and len(lines) > 3
    assert "".join("".join(lines).split()) == "".join(reason.split())
    assert wrapped("one two", 15, 250) == ["one two"] and wrapped("", 15, 250) == []
