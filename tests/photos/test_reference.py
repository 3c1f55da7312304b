"""Points on plans, along sequences and by names, against naive loops; and which of them count."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos import reference
from beenhere.photos.formats import read_photos
from beenhere.photos.reference import REFERENCES, LocalPoints, Points, points_of, reference_of
from beenhere.photos.table import LATER, PhotoTable, with_later_columns

CELL = st.one_of(st.none(), st.integers(0, 6))
ROWS = st.lists(st.tuples(CELL, st.sampled_from(["a", "b", None])), max_size=12)


def table(kind: str, rows: list[tuple[int | None, str | None]]) -> PhotoTable:
    values = [value for value, _ in rows]
    columns: dict[str, Any] = {"path": [f"{n}.jpg" for n in range(len(rows))]}
    if kind == "xy":
        columns |= {"x": values, "y": [None if v is None else 0.75 * v for v in values]}
    else:
        columns[kind] = values if kind == "frame" else [f"room {v}" if v else None for v in values]
    return PhotoTable.from_columns(columns | {"map": [on for _, on in rows]})


def naive(kind: str, one: tuple[int | None, str | None], other: Any) -> float:
    if one[0] is None or other[0] is None or (kind == "place" and 0 in (one[0], other[0])):
        return math.nan
    if one[1] != other[1] or (kind == "place" and one[0] != other[0]):
        return math.inf
    step = abs(one[0] - other[0])
    return math.sqrt(step**2 + (0.75 * step) ** 2) if kind == "xy" else float(step)


@pytest.mark.parametrize("kind", ["xy", "frame", "place"])
@settings(max_examples=60)
@given(
    database=ROWS,
    queries=ROWS,
    radius=st.sampled_from([0.0, 1.0, 1.25, 2.5, 4.0]),
    seed=st.integers(0, 99),
)
def test_distances_as_naive_loops_have_them(
    kind: str, database: list[Any], queries: list[Any], radius: float, seed: int
) -> None:
    held, asked = (points_of(table(kind, rows), REFERENCES[kind]) for rows in (database, queries))
    out = np.random.default_rng(seed).random((len(queries), len(database))) < 0.3
    excluded = [np.flatnonzero(row) for row in out]
    far = np.array([[naive(kind, one, other) for other in database] for one in queries])
    far = far.reshape(len(queries), len(database))
    pairs = [(q, d) for q in range(len(queries)) for d in range(len(database))]
    both = (
        tuple(np.array(side, np.intp) for side in zip(*pairs, strict=True))
        or (np.empty(0, int),) * 2
    )
    np.testing.assert_allclose(reference.distance(held[both[1]], asked[both[0]]), far.ravel())
    near = reference.within(held, asked, radius)
    assert [rows.tolist() for rows in near] == [
        [d for d in range(len(database)) if far[q, d] <= radius] for q in range(len(queries))
    ]
    left = np.where(out | ~np.isfinite(far), np.inf, far)
    least = left.min(axis=1, initial=np.inf)
    np.testing.assert_allclose(
        reference.nearest(held, asked, excluded), np.where(np.isinf(least), np.nan, least)
    )


def test_positions_are_measured_as_ever() -> None:
    one, other = geo.positions([1.0, 2.0], [3.0, 4.0]), geo.positions([1.0, 2.1], [3.0, 4.0])
    assert (reference.distance(one, other) == geo.distance(one, other)).all()
    assert [len(rows) for rows in reference.within(one, other, 25)] == [1, 0]


def test_what_says_where_photos_are_is_the_first_that_all_have() -> None:
    names = PhotoTable.from_columns({"path": ["a"], "place": ["hall"], "frame": [3]})
    both = PhotoTable.from_columns({"path": ["a"], "place": ["hall"], "lat": [1], "lon": [2]})
    nothing = PhotoTable.from_columns({"path": ["a"]})
    assert reference_of([names]).kind == "frame" and reference_of([both]).kind == "position"
    assert reference_of([names, both]).kind == "place"
    assert reference_of([nothing]).kind == "position"
    assert reference_of([both], "place").kind == "place"


def test_a_point_has_the_name_that_it_came_with() -> None:
    for kind, known in (
        ("xy", {"x": 1.5, "y": 2.0, "map": "b"}),
        ("frame", {"frame": 4, "map": None}),
        ("place", {"place": "hall", "map": "b"}),
    ):
        photos = PhotoTable.from_columns({"path": ["a"]} | {k: [v] for k, v in known.items()})
        points: Points = points_of(photos, REFERENCES[kind])
        assert isinstance(points, LocalPoints)
        said = reference.whereabouts(points, 0, REFERENCES[kind])
        assert said == {("name" if k == "place" else k): v for k, v in known.items()}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"x": [1.0]}, "half a position .x 1.0, y None"),
        ({"x": [math.inf], "y": [0.0]}, "x is inf; expected a finite number"),
        ({"frame": [-1]}, "frame is -1; expected a whole number"),
    ],
)
def test_what_is_no_place(columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        PhotoTable.from_columns({"path": ["a.jpg"], **columns})


def test_a_table_of_rooms_and_frames_is_read(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).touch()
    file = tmp_path / "rooms.csv"
    file.write_text("path,room,Frame,sequence,x,y\na.jpg,aisle 7,3,night,1.5,-2\nb.jpg,,4.0,,,\n")
    frame = read_photos(file).frame
    assert frame.select("place", "frame", "map", "x", "y").rows() == [
        ("aisle 7", 3, "night", 1.5, -2.0),
        (None, 4, None, None, None),
    ]
    for cell, reason in (("3.5", "the number of a frame"), ("-1", "the number of a frame")):
        file.write_text(f"path,frame\na.jpg,{cell}\n")
        with pytest.raises(DataError, match=f"got '{cell}'; expected {reason}"):
            read_photos(file)
    file.write_text("path,x,y\na.jpg,1,\n")
    with pytest.raises(DataError, match="the other part of the position"):
        read_photos(file)
    # In a folder, too: a table of names or frames is a table of photos.
    file.write_text("path,frame\na.jpg,1\nb.jpg,2\nc.jpg,3\n")
    assert read_photos(tmp_path).frame["frame"].to_list() == [1, 2, 3]


def test_tables_from_before_open() -> None:
    whole = PhotoTable.from_columns({"path": ["a.jpg"], "lat": [1.0], "lon": [2.0]})
    old = whole.frame.drop(LATER)
    assert PhotoTable(old).frame.equals(whole.frame)
    indexed = old.with_columns(sha256=None)
    columns = with_later_columns(indexed, before="sha256").columns
    assert columns == [*whole.frame.columns, "sha256"]
