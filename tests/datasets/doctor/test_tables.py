"""Checks that need no pixels, on tables of made-up photos."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from beenhere import geo
from beenhere.config import CheckConfig
from beenhere.datasets.doctor import Collection, Finding, examine, fixes, gather
from beenhere.errors import ConfigError

LUND = (55.7, 13.2)


def write(folder: Path, columns: dict[str, Any], names: list[str] | None = None) -> Path:
    """A table of photos that are there, though none is a picture."""
    folder.mkdir(parents=True)
    count = len(next(iter(columns.values())))
    names = names or [f"{number:04d}.jpg" for number in range(count)]
    for name in names:
        (folder / name).write_bytes(b"x")
    pl.DataFrame({"path": names, **columns}).write_csv(folder / "photos.csv")
    return folder


def check(root: Path, **options: Any) -> dict[str, Finding]:
    findings = examine(gather(root), CheckConfig(pixels=False, **options))
    return {finding.name: finding for finding in findings}


def rows_of(finding: Finding) -> list[int]:
    return sorted(int(Path(path).stem) for path in finding.cases["path"])


def walk(count: int, metres: float = 10.0) -> dict[str, Any]:
    """Photos one after the other to the north, a second each."""
    start = datetime(2024, 5, 1, 12)
    north = np.arange(count) * metres
    line = geo.from_plane(geo.positions([LUND[0]] * count, [LUND[1]] * count), 0 * north, north)
    return {
        "lat": line.lat,
        "lon": line.lon,
        "captured": [(start + timedelta(seconds=5 * k)).isoformat() for k in range(count)],
    }


def moved(columns: dict[str, Any], rows: list[int], metres: float) -> dict[str, Any]:
    """The same with some rows so far to the east."""
    before = geo.positions(columns["lat"], columns["lon"])
    east = np.where(np.isin(np.arange(len(before)), rows), metres, 0.0)
    after = geo.from_plane(before, east, 0 * east)
    return columns | {"lat": after.lat, "lon": after.lon}


@pytest.mark.parametrize("rows", [[7], [0], [19], [7, 8], [3, 12]])
def test_jumps_by_time(rows: list[int], tmp_path: Path) -> None:
    found = check(write(tmp_path / "walk", moved(walk(20), rows, 2000)))
    assert set(found) == {"jump"} and found["jump"].severity == "score"
    assert rows_of(found["jump"]) == rows
    assert "2,000 m from the photo before it, 5 s later" in found["jump"].cases[
        "detail"
    ].to_list() or (rows == [0])


@pytest.mark.parametrize("rows", [[7], [7, 8]])
def test_jumps_by_order_of_frames(rows: list[int], tmp_path: Path) -> None:
    columns = moved(walk(20), rows, 2000)
    del columns["captured"]
    assert rows_of(check(write(tmp_path / "walk", columns))["jump"]) == rows


def test_no_jumps(tmp_path: Path) -> None:
    drive = walk(20, metres=300)  # 60 m/s
    assert check(write(tmp_path / "drive", drive)) == {}
    assert check(write(tmp_path / "noise", moved(walk(20), [7], 400))) == {}
    # Two people's photos in one folder are no sequence, and no order of frames either.
    both = moved(walk(20), list(range(0, 20, 2)), 3000)
    assert check(write(tmp_path / "both", both)) == {}
    del both["captured"]
    assert check(write(tmp_path / "mixed", both)) == {}
    # A long way in a long time.
    later = moved(walk(20), list(range(12, 20)), 3000)
    later["captured"] = [
        text.replace("T12", "T18") if row >= 12 else text
        for row, text in enumerate(later["captured"])
    ]
    assert check(write(tmp_path / "later", later)) == {}


def test_swapped_sign_zone(tmp_path: Path) -> None:
    columns = walk(30, metres=1)
    lat, lon = columns["lat"].copy(), columns["lon"].copy()
    lat[:5], lon[:5] = columns["lon"][:5], columns["lat"][:5]
    lon[5:8] *= -1
    lat[8] *= -1
    found = check(write(tmp_path / "walk", {"lat": lat, "lon": lon}))
    assert {name: rows_of(each) for name, each in found.items()} == {
        "swapped": [0, 1, 2, 3, 4],
        "wrong-sign": [5, 6, 7, 8],
    }
    assert "swapped it is 55.7" in found["swapped"].cases["detail"][0]
    assert set(found["swapped"].cases["suggestion"]) == {
        "leave out, or swap latitude and longitude"
    }


def test_zone(tmp_path: Path) -> None:
    positions = geo.positions(walk(30, 1)["lat"], walk(30, 1)["lon"])
    zones = ["33U"] * 30
    zones[4], zones[11] = "35U", "32U"
    columns = {"easting": positions.easting, "northing": positions.northing, "zone": zones}
    found = check(write(tmp_path / "walk", columns))
    assert {name: rows_of(each) for name, each in found.items()} == {"wrong-zone": [4, 11]}


def test_several_trips_are_no_fault(tmp_path: Path) -> None:
    lat = np.concatenate([np.full(20, 55.7), np.full(3, 52.5), np.full(12, -33.9)])
    lon = np.concatenate([np.full(20, 13.2), np.full(3, 13.4), np.full(12, 151.2)])
    assert check(write(tmp_path / "trips", {"lat": lat, "lon": lon})) == {}
    # Swapped, 30.5 N, 30.6 E is nearly the same.
    lat, lon = np.append(lat, [30.5, 30.5]), np.append(lon, [30.6, 30.6])
    assert check(write(tmp_path / "more", {"lat": lat, "lon": lon})) == {}
    # Both sides of the 180th meridian, and of a zone's border.
    assert check(write(tmp_path / "fiji", {"lat": [-17.0] * 4, "lon": [179.99, -179.99] * 2})) == {}


def test_lone_photo(tmp_path: Path) -> None:
    lat, lon = np.full(200, 55.7), np.full(200, 13.2)
    lat[50] = 48.1
    found = check(write(tmp_path / "photos", {"lat": lat, "lon": lon}))
    assert {name: rows_of(each) for name, each in found.items()} == {"far-away": [50]}
    assert found["far-away"].severity == "note"  # a person may have been there
    detail = found["far-away"].cases["detail"][0]
    true = geo.distance(geo.positions([55.7], [13.2]), geo.positions([48.1], [13.2]))[0]
    assert abs(float(detail.split(" km")[0].replace(",", "")) * 1000 - true) < 30_000


def test_disagreeing_tells_why(tmp_path: Path) -> None:
    positions = geo.positions([37.77730] * 12, [-122.49041 + 1e-4 * k for k in range(12)])
    easting, lat, lon = positions.easting.copy(), positions.lat.copy(), positions.lon.copy()
    lat[0], lon[0] = 37.0, -122.0
    lat[1], lon[1] = 12.3, 37.0  # swapped would be zone-wise nonsense: it stays unexplained
    easting[3] += 9  # within rounding
    easting[4] += 11
    columns = {
        "lat": lat,
        "lon": lon,
        "easting": easting,
        "northing": positions.northing,
        "zone": ["10S"] * 5 + ["11S"] + ["10S"] * 6,
    }
    found = check(write(tmp_path / "photos", columns))
    assert set(found) == {"disagreeing"}
    assert rows_of(found["disagreeing"]) == [0, 1, 4, 5]
    reasons = {
        int(Path(path).stem): text
        for path, text in zip(
            found["disagreeing"].cases["path"], found["disagreeing"].cases["detail"], strict=True
        )
    }
    assert reasons[4] == "UTM is 11 m from latitude, longitude"
    assert reasons[5].endswith("zone is 11S, by these 10S")


def test_shared_streets_by_every_pair(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    train, test = rng.uniform(0, 0.01, (300, 2)), rng.uniform(0.004, 0.014, (200, 2))
    # Astride a zone's border at 12 E.
    places = {"train": np.add(train, (50, 11.995)), "test": np.add(test, (50, 11.995))}
    write(
        tmp_path / "train",
        {
            "lat": places["train"][:, 0],
            "lon": places["train"][:, 1],
            "place": [str(k) for k in range(300)],
        },
    )
    for side, some in (("database", slice(0, 150)), ("queries", slice(150, 200))):
        lat, lon = places["test"][some].T
        write(tmp_path / "test" / side, {"lat": lat, "lon": lon})
    found = check(tmp_path, street_gap=40)["shared-streets"]
    a, b = (geo.positions(*each.T) for each in (places["train"], places["test"]))
    near = np.array(
        [
            [geo.distance(a[i : i + 1], b[j : j + 1])[0] <= 40 for j in range(200)]
            for i in range(300)
        ]
    )
    assert 0 < near.any(axis=1).sum() < 300
    assert rows_of(found) == np.flatnonzero(near.any(axis=1)).tolist()
    assert found.summary.startswith(f"{near.any(axis=0).sum()} of 200 val and test photos")
    metres = [float(text.split(" m")[0]) for text in found.cases["detail"]]
    assert metres == sorted(metres) and metres[-1] <= 40


def test_places(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    place = np.repeat([f"p{k}" for k in range(20)], 5)
    centre = geo.positions(np.repeat(rng.uniform(55.7, 55.75, 20), 5), np.repeat(13.2, 100))
    east = np.tile([0.0, 3.0, -4.0, 2.0, 1.0], 20)
    east[37], east[3] = 27.0, 24.0
    spread = geo.from_plane(centre, east, 0 * east)
    columns = {"lat": spread.lat, "lon": spread.lon, "place": place}
    found = check(write(tmp_path / "set", columns))
    assert {name: rows_of(each) for name, each in found.items()} == {"place-spread": [37]}
    found = check(tmp_path / "set", images=6)
    assert len(found["small-place"]) == 20
    assert found["small-place"].summary == "20 of 20 places, 100 photos in them."


def test_missing_positions(tmp_path: Path) -> None:
    some = {"lat": [55.7, None, 55.7], "lon": [13.2, None, 13.2]}
    write(tmp_path / "one/database", some)
    write(tmp_path / "one/queries", some)
    found = check(tmp_path / "one")["no-position"]
    assert found.severity == "score" and len(found) == 2
    assert found.cases["suggestion"].to_list() == ["leave out"] * 2
    assert check(write(tmp_path / "mine", some))["no-position"].severity == "note"
    # Nothing to leave out where no photo has one.
    none = {"condition": ["day"] * 3, "lat": [None] * 3, "lon": [None] * 3}
    for side in ("database", "queries"):
        write(tmp_path / "two" / side, none)
    found = check(tmp_path / "two")["no-position"]
    assert found.severity == "score" and found.cases["suggestion"].null_count() == 6


def test_headings_and_dates(tmp_path: Path) -> None:
    columns = {
        "lat": [55.7] * 5,
        "lon": [13.2] * 5,
        "heading": [0.0, 359.9, 360.0, -0.5, None],
        "captured": ["2015", "9999", "2015-06", "2999-01", None],
    }
    found = check(write(tmp_path / "set", columns))
    assert {name: rows_of(each) for name, each in found.items()} == {
        "heading-range": [2, 3],
        "no-heading": [4],
        "future-date": [1, 3],
    }
    assert set(found["heading-range"].cases["detail"]) == {
        "heading 360, read as 0",
        "heading -0.5, read as 359.5",
    }


def test_fix_list_has_a_row_a_photo(tmp_path: Path) -> None:
    columns = walk(20)
    columns["lat"][7], columns["lon"][7] = 0.0, 0.0
    columns["captured"][9] = "2999-01-01T00:00:00"
    columns["captured"][7] = "2999-01-01T00:00:00"
    collection: Collection = gather(write(tmp_path / "walk", columns))
    findings = examine(collection, CheckConfig(pixels=False))
    rows = fixes(findings)
    assert rows.columns == ["path", "problem", "detail", "suggestion"]
    assert rows.select("problem", "suggestion").rows() == [
        ("null-island; future-date", "leave out"),
        ("future-date", "mend"),
    ]
    assert fixes(findings[::-1])["suggestion"].to_list() == ["leave out", "mend"]


def test_skip(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", {"lat": [0.0], "lon": [0.0]})
    assert set(check(folder)) == {"null-island"}
    assert check(folder, skip=["null-island"]) == {}
    with pytest.raises(ConfigError, match="skip names 'null'; expected of not-used"):
        check(folder, skip=["null"])
