"""Names against the reader of names: what goes in comes out, to the centimetre."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from beenhere.photos.formats.at_names import read_at_names
from beenhere.photos.formats.listing import Listing
from beenhere.photos.table import PhotoTable
from beenhere.tools.convert.photo_names import MOST_BYTES, at_names, fit

NOTHING = {"lat": None, "lon": None, "heading": None, "captured": None}

DATES = st.sampled_from(
    [
        "2015",
        "2015-06",
        "2015-06-01",
        "2015-06-01T12:30:05",
        "1999-12-31T23:59:59Z",
        "2015-06-01T12:30:05+02:00",
        "2015-06-01T12:30:05.25-05:30",
    ]
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda text: "/" not in text and "\0" not in text
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, object]:
    known = draw(st.booleans())
    lat = draw(st.one_of(st.floats(-90, 90), st.sampled_from([-79.999, 83.9999, 0.0, 60.0])))
    lon = draw(st.one_of(st.floats(-180, 180), st.sampled_from([180.0, -180.0, 6.0, 5.9999999])))
    if abs(lat) < 1e-6 and abs(lon) < 1e-6:
        known = False  # a name that says 0, 0 is read as one without a position
    heading = st.floats(0, 360, exclude_max=True)
    return {
        "lat": lat if known else None,
        "lon": lon if known else None,
        "heading": draw(st.none() | heading),
        "captured": draw(st.none() | DATES),
    }


@given(
    given_rows=st.lists(rows(), min_size=1, max_size=5),
    stems=st.lists(NAMES, min_size=5, max_size=5),
    end=st.sampled_from([".jpg", ".JPG", ".png", ".webp"]),
    place=st.sampled_from(["", "0012_Rome", "7_New York"]),
)
@example([NOTHING, NOTHING], ["a", "A", "x", "x", "x"], ".jpg", "")
@example([NOTHING] * 3, ["@@@", "a@b", "...", "x", "x"], ".jpg", "1_@")
@settings(max_examples=200)
def test_what_goes_in_comes_out(
    given_rows: list[dict[str, object]], stems: list[str], end: str, place: str
) -> None:
    place = fit(place)
    paths = [f"/{number}/{stem}{end}" for number, stem in enumerate(stems[: len(given_rows)])]
    columns = {name: [row[name] for row in given_rows] for name in given_rows[0]}
    table = PhotoTable.from_columns({"path": paths, **columns})
    names = at_names(table, [place] * len(table))

    assert len({name.casefold() for name in names}) == len(names)
    assert all(len(name.encode()) <= MOST_BYTES + 12 for name in names)
    assert not any(set(name) & set('/\\:*?"<>|\0\n') for name in names)
    read = read_at_names(Listing(Path("/x"), photos=names))
    assert read.unusable == []
    assert read.notes == []
    for name in ("heading", "captured", "zone"):
        assert read.frame[name].to_list() == table.frame[name].to_list(), name
    assert read.frame["place"].to_list() == [place or None] * len(table)
    for name, room in (("lat", 1e-8), ("lon", 1e-8), ("easting", 0.0051), ("northing", 0.0051)):
        found, expected = (
            each.frame[name].cast(float).fill_null(np.nan).to_numpy() for each in (read, table)
        )
        np.testing.assert_allclose(found, expected, rtol=0, atol=room)


def table_of(paths: list[str]) -> PhotoTable:
    return PhotoTable.from_columns({"path": paths})


def test_names_that_differ_by_case_or_not_at_all_get_numbers_by_path() -> None:
    paths = ["/c/IMG_1.jpg", "/a/IMG_1.jpg", "/b/img_1.jpg"]
    names = at_names(table_of(paths), [""] * 3)
    assert [name.split("@")[7] for name in names] == ["IMG_1-3", "IMG_1", "img_1-2"]
    again = at_names(table_of(paths[::-1]), [""] * 3)
    assert again == names[::-1]


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    paths = [f"/{'ä' * 100}{'x' * 40}{last}.jpeg" for last in "ab"]
    names = at_names(table_of(paths), ["", ""])
    assert len(set(names)) == 2
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).write_bytes(b"")


@pytest.mark.parametrize(
    "name",
    [
        "@0543256.96@4178906.70@10@S@37.7557@-122.5090@aBc_-1@@122@-2@0.5@3@201806@@.jpg",
        "@543256.96@4178906.7@10@S@37.7557@-122.509@p@7@@@@@20180601@@.jpg",
    ],
)
def test_what_an_at_name_holds_beside_is_kept(name: str) -> None:
    table = read_at_names(Listing(Path("/x"), photos=[name]))
    new = at_names(table, [""])[0]
    fields, kept = name.split("@"), new.split("@")
    assert len(kept) == len(fields)
    for index in (3, 4, 7, 8, 9, 10, 11, 12, 13, 14, 15):
        assert kept[index] == fields[index], index
