"""Every format from real files, by the layout and the traps of the public sets."""

import os
from pathlib import Path
from typing import Any

import polars as pl
import published_sets
import pytest
from camera import write_photo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beenhere import geo
from beenhere.config.training import EvaluationData
from beenhere.errors import DataError
from beenhere.photos.formats import find_sets, read_evaluation, read_photos, sets_in
from beenhere.photos.formats.reading import ANOTHER_NAME
from beenhere.photos.table import PhotoTable

GSV_XS = "@0544893.80@4181327.60@10@S@037.77730@-122.49041@{pano}@@{heading}@@@@{date}@{note}@.jpg"


def touch(folder: Path, *names: str) -> None:
    """Files whose content no reader looks at."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def gsv_xs_name(place: str, pano: str = "pano", heading: str = "90", date: str = "201506") -> str:
    return GSV_XS.format(pano=pano, heading=heading, date=date, note=place)


def row(table: PhotoTable, number: int = 0) -> dict[str, Any]:
    return table.frame.row(number, named=True)


# --- @ names --------------------------------------------------------------------------------------


def test_gsv_xs(tmp_path: Path) -> None:
    root = tmp_path / "gsv_xs"
    touch(
        root / "train/SanFrancisco",
        gsv_xs_name("0000001_SanFrancisco", "a"),
        gsv_xs_name("0000001_SanFrancisco", "b", heading="719"),
    )
    touch(root / "train/London", gsv_xs_name("0000001_London", "c", heading="360"))
    for path in (root, root / "train"):
        table = read_photos(path)
        assert len(table) == 3 and not table.unusable and not table.notes
        assert table.frame["place"].to_list() == [
            "0000001_London",
            "0000001_SanFrancisco",
            "0000001_SanFrancisco",
        ]
        assert table.frame["city"].to_list() == ["London", "SanFrancisco", "SanFrancisco"]
        assert table.frame["heading"].to_list() == [0.0, 90.0, 359.0]
        assert table.frame["captured"].unique().to_list() == ["2015-06"]
        assert row(table)["easting"] == 544893.8 and row(table)["northing"] == 4181327.6
        assert (row(table)["zone"], row(table)["lat"], row(table)["lon"]) == (
            "10S",
            37.7773,
            -122.49041,
        )
        assert all(Path(path).is_file() for path in table.paths)


def test_sf_xs_test_queries(tmp_path: Path) -> None:
    """No heading, a date of eight digits, no note."""
    touch(tmp_path, "@0544893.80@4181327.60@10@S@037.77730@-122.49041@q1@@@@@@20130427@@.jpg")
    found = row(read_photos(tmp_path))
    assert (found["heading"], found["captured"], found["place"]) == (None, "2013-04-27", None)


def test_tokyo_xs_queries_hold_jpg_in_a_field(tmp_path: Path) -> None:
    name = "@0384946.24@3947180.95@54@S@035.66304@0139.72786@00011.jpg@@@@@@@@@.jpg"
    touch(tmp_path / "queries", name)
    found = row(read_photos(tmp_path / "queries"))
    assert (found["easting"], found["northing"], found["zone"]) == (384946.24, 3947180.95, "54S")
    assert found["place"] is None and found["captured"] is None


def test_only_the_files_name_is_split(tmp_path: Path) -> None:
    touch(tmp_path / "@junk@1@2@me@home", gsv_xs_name("7_Rome"))
    assert row(read_photos(tmp_path))["place"] == "7_Rome"


def test_other_names_of_the_convention(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "@@@@@@@nowhere@@@@@@@@.jpg",  # a query without a position
        "@@@@@48.85@2.29@wgs@@@@@@2015-06-01@@.png",
        "@448251.8@5411932.7@31@U@@@utm@@@@@@@@.JPG",
        "@448251.8@5411932.7@31@u@.jpg",  # the last fields are missing
        "@448251.8@5411932.7@05@u@.jpeg",
    )
    table = read_photos(tmp_path)
    assert table.unusable == [] and table.notes == []
    found = {Path(each["path"]).name: each for each in table.frame.iter_rows(named=True)}
    nowhere = found["@@@@@@@nowhere@@@@@@@@.jpg"]
    assert nowhere["lat"] is None and nowhere["easting"] is None
    wgs = found["@@@@@48.85@2.29@wgs@@@@@@2015-06-01@@.png"]
    assert (wgs["lat"], wgs["zone"], wgs["captured"]) == (48.85, "31U", "2015-06-01")
    assert wgs["easting"] == geo.to_utm([48.85], [2.29])[0][0]
    utm = found["@448251.8@5411932.7@31@U@@@utm@@@@@@@@.JPG"]
    assert utm["easting"] == 448251.8 and utm["lat"] == pytest.approx(48.8581, abs=1e-3)
    assert found["@448251.8@5411932.7@31@u@.jpg"]["zone"] == "31U"
    assert found["@448251.8@5411932.7@05@u@.jpeg"]["zone"] == "5U"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("@east@4181327.6@10@S@37.7@-122.4@@@.jpg", "easting east; expected a number"),
        ("@5@north@10@S@37.7@-122.4@@@.jpg", "northing north; expected a number"),
        ("@inf@4181327.6@10@S@@@@@.jpg", "easting inf; expected a number"),
        ("@5e9@4181327.6@10@S@@@@@.jpg", "easting 5e9; expected metres in a UTM zone"),
        ("@5@6@10@S@91@-122.4@@@.jpg", "lat 91; expected degrees from -90 to 90"),
        ("@5@6@10@S@37@-181@@@.jpg", "lon -181; expected degrees from -180 to 180"),
        ("@5@6@61@S@37@-122@@@.jpg", "zone 61S; expected such as 10S"),
        ("@5@6@10@I@37@-122@@@.jpg", "zone 10I; expected such as 10S"),
        ("@5@6@.jpg", "no UTM zone; expected such as 10@S"),
        ("@5@@10@S@.jpg", "half a position"),
        ("holiday.jpg", "its name holds no @"),
    ],
)
def test_a_name_that_lies_is_listed_and_the_rest_is_used(
    tmp_path: Path, name: str, reason: str
) -> None:
    touch(tmp_path, name, gsv_xs_name("7_Rome"), gsv_xs_name("8_Rome"))
    table = read_photos(tmp_path)
    assert len(table) == 2
    ((path, said),) = table.unusable
    assert Path(path).name == name and reason in said


def test_a_heading_or_date_that_is_none_is_noted(tmp_path: Path) -> None:
    touch(tmp_path, gsv_xs_name("7_Rome", heading="north"), gsv_xs_name("8_Rome", date="soon"))
    table = read_photos(tmp_path)
    assert len(table) == 2 and table.unusable == []
    assert [said for _, said in table.notes] == [
        "no number as heading",
        "no date that is known as its date",
    ]


@given(
    fields=st.lists(
        st.text(st.characters(exclude_characters="@/\0", exclude_categories=("Cs",)), max_size=6)
        | st.from_regex(r"-?[0-9]{1,7}(\.[0-9]{1,3})?", fullmatch=True),
        max_size=20,
    )
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_name_is_a_row_or_a_reason(tmp_path_factory: Any, fields: list[str]) -> None:
    from beenhere.photos.formats.at_names import read_at_names
    from beenhere.photos.formats.listing import Listing

    name = "@".join(["", *fields, ".jpg"])
    table = read_at_names(Listing(Path("root"), photos=[name]))
    assert len(table) + len(table.unusable) == 1
    oracle = name.split("@")
    if len(table) and table.frame["zone"][0] and len(oracle) > 4 and oracle[1].strip():
        assert table.frame["easting"][0] == pytest.approx(float(oracle[1]), nan_ok=True) or not (
            oracle[2].strip() and oracle[3].strip()
        )


# --- GSV-Cities -----------------------------------------------------------------------------------


def gsv_cities(root: Path) -> Path:
    """Two cities with the same place ids, as the public set has them."""
    for city, lat in (("London", "51.50001"), ("Rome", "41.90001")):
        rows = ["place_id,year,month,northdeg,city_id,lat,lon,panoid"]
        for place, pano in ((3, "ab_c-"), (3, "def"), (12, "ghi")):
            rows.append(f"{place},2015,6,{7 + place},{city},{lat},-0.1000000001,{pano}")
            touch(
                root / "Images" / city,
                f"{city}_{place:07d}_2015_06_{7 + place:03d}_{lat}_-0.1000000001_{pano}.JPG",
            )
        table = root / "Dataframes" / f"{city}.csv"
        table.parent.mkdir(exist_ok=True)
        table.write_text("\n".join(rows) + "\n")
    return root


def test_gsv_cities(tmp_path: Path) -> None:
    table = read_photos(gsv_cities(tmp_path))
    assert table.unusable == [] and table.notes == [] and len(table) == 6
    assert table.frame["place"].to_list() == [
        f"{city}_{place}" for city in ("London", "Rome") for place in (3, 3, 12)
    ]
    first = row(table)
    assert (first["lat"], first["lon"], first["heading"]) == (51.50001, -0.1000000001, 10.0)
    assert (first["captured"], first["city"]) == ("2015-06", "London")


def test_gsv_cities_with_gaps(tmp_path: Path) -> None:
    root = gsv_cities(tmp_path)
    next((root / "Images/London").glob("*ghi*")).unlink()
    touch(
        root / "Images",
        "London/London_0000099_2015_06_010_51.5_-0.1_new.jpg",
        "London/holiday.jpg",
        "stray.jpg",
    )
    (root / "Dataframes/Rome.csv").rename(root / "Dataframes/Paris.csv")
    table = read_photos(root)
    assert table.frame["place"].to_list() == ["London_3", "London_3", "Rome_3", "Rome_3", "Rome_12"]
    assert table.frame["lat"].to_list()[2:] == [41.90001] * 3
    reasons = {Path(path).name: reason for path, reason in table.unusable}
    assert reasons == {
        "London_0000012_2015_06_019_..._ghi": "in Dataframes/London.csv, but not in Images",
        "London_0000099_2015_06_010_51.5_-0.1_new.jpg": "not in Dataframes/London.csv",
        "holiday.jpg": "not named as GSV-Cities names photos",
        "stray.jpg": "not in the folder of a city",
        "Paris.csv": "there are no photos in Images/Paris",
    }
    assert [Path(path).name for path, _ in table.notes] == ["Rome.csv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("place_id,year\n1,2\n", "column 'lat' is missing; got place_id, year"),
        ("", "not a dataframe of GSV-Cities"),
        (
            "place_id,year,month,northdeg,city_id,lat,lon,panoid\nx,2015,6,7,London,1,2,p\n",
            "not a dataframe of GSV-Cities",
        ),
        (
            "place_id,year,month,northdeg,city_id,lat,lon,panoid\n1,2015,6,7,London,,2,p\n",
            "has empty cells",
        ),
    ],
)
def test_a_broken_dataframe_is_named(tmp_path: Path, content: str, message: str) -> None:
    root = gsv_cities(tmp_path)
    (root / "Dataframes/London.csv").write_text(content)
    with pytest.raises(DataError, match=r"London\.csv") as error:
        read_photos(root)
    assert message in str(error.value) and "\n" not in str(error.value)


# --- photos with EXIF -----------------------------------------------------------------------------


def test_a_folder_of_phone_photos(tmp_path: Path) -> None:
    write_photo(
        tmp_path / "walk/IMG_2.JPG", position=(-33.5, -70.25), captured="2014:06:07 10:24:05"
    )
    write_photo(tmp_path / "walk/IMG_10.jpg")
    write_photo(tmp_path / "._IMG_2.JPG")
    write_photo(tmp_path / ".thumbnails/IMG_2.jpg")
    write_photo(tmp_path / "@eaDir/IMG_2.jpg")
    touch(tmp_path, "notes.txt", "film.mp4", "raw.CR2", "empty.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "lost.jpg").symlink_to(tmp_path / "nothing")
    table = read_photos(tmp_path)
    names = [os.path.relpath(path, tmp_path) for path in table.paths]
    assert names == ["walk/IMG_10.jpg", "walk/IMG_2.JPG"]
    assert row(table)["lat"] is None
    assert row(table, 1)["lat"] == pytest.approx(-33.5)
    assert row(table, 1)["captured"] == "2014-06-07T10:24:05"
    assert {Path(path).name: reason for path, reason in table.unusable} == {
        "empty.png": "empty file (0 bytes)",
        "lost.jpg": "link to nothing",
        "raw.CR2": "camera raw file: save it as JPEG",
    }


def test_one_photo(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", position=(10, 20))
    assert read_photos(path).paths == [str(path)]


def test_a_position_without_a_fix_is_noted(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", position=(0, 0))
    table = read_photos(tmp_path)
    assert row(table)["lat"] is None
    assert table.notes == [(str(path), "GPS position is 0, 0 (no fix)")]


def test_links_do_not_lead_in_circles(tmp_path: Path) -> None:
    photos, other = tmp_path / "photos", tmp_path / "other"
    write_photo(photos / "a/1.jpg")
    write_photo(other / "2.jpg")
    (photos / "a/self").symlink_to(photos)
    (photos / "b").symlink_to(photos / "a")
    (photos / "c").symlink_to(other)
    (photos / "d").symlink_to(other)
    (other / "back").symlink_to(photos)
    (photos / "loop").symlink_to(photos / "loop")
    (photos / "loop.jpg").symlink_to(photos / "loop.jpg")
    table = read_photos(photos)
    assert table.unusable == [(str(photos / "loop.jpg"), "link to nothing")]
    found = [os.path.relpath(path, photos) for path in table.paths]
    assert len(found) == 2 and found[0] == "a/1.jpg" and found[1] in ("c/2.jpg", "d/2.jpg")


def test_a_link_around_another_takes_no_photo_away(tmp_path: Path) -> None:
    photos, other = tmp_path / "photos", tmp_path / "other"
    for path in ("deep/1.jpg", "2.jpg"):
        write_photo(other / path)
    photos.mkdir()
    (photos / "z").symlink_to(other / "deep")
    (photos / "a").symlink_to(other)
    (photos / "up").symlink_to(tmp_path)
    found = [os.path.relpath(path, photos) for path in read_photos(photos).paths]
    assert sorted(Path(path).name for path in found) == ["1.jpg", "2.jpg"]


def test_the_order_is_that_of_the_characters(tmp_path: Path) -> None:
    for name in ("b/1.jpg", "B/1.jpg", "a.jpg", "a/2.jpg", "a/10.jpg", "\u00e4.jpg"):
        write_photo(tmp_path / name)
    found = [os.path.relpath(path, tmp_path) for path in read_photos(tmp_path).paths]
    assert found == ["B/1.jpg", "a.jpg", "a/10.jpg", "a/2.jpg", "b/1.jpg", "\u00e4.jpg"]


def test_a_name_that_is_no_text_is_listed(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    for folder in (b"", b"caf\xe9/"):
        target = os.fsencode(tmp_path) + b"/" + folder + b"b\xe9.jpg"
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "wb") as file:  # noqa: PTH123
            file.write(b"x")
    table = read_photos(tmp_path)
    assert len(table) == 1
    assert [reason for _, reason in table.unusable] == ["its name is not UTF-8: rename it"] * 2
    assert "\ufffd" in table.unusable[0][0]


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    write_photo(folder / "a.jpg")
    with pytest.raises(DataError, match="caf\ufffd: its whole name is not UTF-8: rename it"):
        read_photos(folder)


def test_photos_of_a_person_with_one_folder_called_test(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg")
    write_photo(tmp_path / "test/b.jpg")
    assert len(read_photos(tmp_path)) == 2


def test_real_phone_photos(real_photos: Path) -> None:
    table = read_photos(real_photos / "lund")
    assert len(table) == 29 and table.positions.known.all() and not table.unusable
    assert set(table.frame["zone"]) == {"33U"}


# --- CSV and Parquet ------------------------------------------------------------------------------


def csv(folder: Path, text: str, *photos: str, name: str = "photos.csv") -> Path:
    touch(folder, *photos)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv(tmp_path: Path) -> None:
    path = csv(
        tmp_path,
        "path,lat,lon,heading,captured,place,condition\n"
        "a.jpg,10.5,20.25,370,2015-06,p1,day\n"
        '"deep/b, c.jpg",,,,,,\n'
        "gone.jpg,1,2,3,2015,p2,night\n",
        "a.jpg",
        "deep/b, c.jpg",
    )
    for source in (path, tmp_path):
        table = read_photos(source)
        assert table.paths == [str(tmp_path / "a.jpg"), str(tmp_path / "deep/b, c.jpg")]
        found = row(table)
        assert (found["lat"], found["lon"], found["heading"]) == (10.5, 20.25, 10.0)
        assert (found["captured"], found["place"], found["condition"]) == ("2015-06", "p1", "day")
        assert row(table, 1)["lat"] is None and row(table, 1)["place"] is None
        assert table.unusable == [(str(tmp_path / "gone.jpg"), "no such file")]
        assert table.notes == []


def test_a_csv_in_utm(tmp_path: Path) -> None:
    path = csv(
        tmp_path, "path,easting,northing,zone\na.jpg,551083.123456,4180635.5,10 s\n", "a.jpg"
    )
    found = row(read_photos(path))
    assert (found["easting"], found["northing"], found["zone"]) == (551083.123456, 4180635.5, "10S")
    assert found["lat"] == pytest.approx(37.77, abs=0.01)


def test_a_spreadsheet_of_another_country(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    touch(tmp_path, "a.jpg", "sub/b.jpg")
    path.write_bytes(
        b"\xef\xbb\xbfFilename; Latitude;LNG;Date;Remark\r\n"
        b"a.jpg;10.5;20.25;2015:06:07 10:00:00;hello\r\n"
        b"sub\\b.jpg;NaN;N/A;;\r\n"
    )
    table = read_photos(path)
    assert table.paths == [str(tmp_path / "a.jpg"), str(tmp_path / "sub/b.jpg")]
    assert row(table)["captured"] == "2015-06-07T10:00:00" and row(table)["lon"] == 20.25
    assert row(table, 1)["lat"] is None
    assert table.notes == [(str(path), "columns not used: Remark")]


def test_a_parquet_file_with_types_of_its_own(tmp_path: Path) -> None:
    from datetime import date, datetime

    touch(tmp_path, "a.jpg", "b.jpg")
    path = tmp_path / "photos.parquet"
    pl.DataFrame(
        {
            "path": ["a.jpg", "b.jpg"],
            "lat": pl.Series([10, None], dtype=pl.Int32),
            "lon": pl.Series([20.5, None], dtype=pl.Float32),
            "captured": [datetime(2015, 6, 7, 10, 0, 5), None],
            "place_id": [7, 8],
            "vector": [[1.0], [2.0]],
        }
    ).write_parquet(path)
    table = read_photos(path)
    assert row(table)["lat"] == 10.0 and row(table)["lon"] == 20.5
    assert row(table)["captured"] == "2015-06-07T10:00:05"
    assert table.frame["place"].to_list() == ["7", "8"]
    assert table.notes == [(str(path), "columns not used: vector")]
    pl.DataFrame({"path": ["a.jpg"], "captured": [date(2015, 6, 7)]}).write_parquet(path)
    assert row(read_photos(path))["captured"] == "2015-06-07"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,lat,lon\na.jpg,x,2\n", "line 2, column 'lat': got 'x'; expected degrees from -90"),
        ("path,lat,lon\na.jpg,1,2\na.jpg,1,181\n", "line 3, column 'lon': got '181'"),
        (
            "path;lat;lon\na.jpg;55,69;13,1\n",
            "got '55,69'; expected degrees from -90 to 90, with a",
        ),
        ("path,Latitude,lng\na.jpg,1,\n", "column 'lng': got nothing; expected the other part"),
        ("path,lat,lon\n,1,2\n", "column 'path': got nothing; expected the path of a photo"),
        ("path,heading\na.jpg,north\n", "column 'heading': got 'north'; expected a number"),
        ("path,captured\na.jpg,06/07/15\n", "column 'captured': got '06/07/15'; expected a date"),
        (
            "path,easting,northing,zone\na.jpg,1,2,10\n",
            "column 'zone': got '10'; expected a UTM zone such as 10S",
        ),
        ("path,easting,northing,zone\na.jpg,inf,2,10S\n", "column 'easting': got 'inf'"),
        ("path,lat\na.jpg,1\n", "has the column 'lat' but no 'lon'"),
        ("path,easting,northing\na.jpg,1,2\n", "has the column 'easting' but no 'zone'"),
        ("path,lat,latitude,lon\na.jpg,1,2,3\n", "'lat' and 'latitude' both mean lat; keep one"),
        ("lat,lon\n1,2\n", "the column 'path' is missing; got lat, lon"),
        ("", "not a CSV table"),
        ("path,lat,lon\na.jpg,1,2,3,4\n", "not a CSV table"),
    ],
)
def test_a_bad_cell_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = csv(tmp_path, text, "a.jpg")
    with pytest.raises(DataError) as error:
        read_photos(path)
    assert message in str(error.value)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "b.csv").write_bytes("path,lat,lon\ncaf\u00e9.jpg,1,2\n".encode("latin-1"))
    (tmp_path / "c.csv").write_bytes(b"p\xe9th,lat\n")
    for name, message in (
        ("a.parquet", "not a Parquet table"),
        ("b.csv", "is not UTF-8 text"),
        ("c.csv", "is not UTF-8 text"),
    ):
        with pytest.raises(DataError, match=message):
            read_photos(tmp_path / name)


def test_several_tables_in_a_folder(tmp_path: Path) -> None:
    csv(tmp_path, "path,lat,lon\na.jpg,1,2\n", "a.jpg")
    csv(tmp_path, "month,income\n1,2\n", name="accounts.csv")
    assert len(read_photos(tmp_path)) == 1
    csv(tmp_path, "path,place\na.jpg,x\n", name="places.csv")
    with pytest.raises(DataError, match=r"several tables of photos \(photos.csv, places.csv\)"):
        read_photos(tmp_path)


@given(cells=st.lists(st.text(max_size=8), min_size=5, max_size=5))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_cells_are_rows_or_a_data_error(tmp_path: Path, cells: list[str]) -> None:
    touch(tmp_path, "a.jpg")
    path = tmp_path / "photos.csv"
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    path.write_bytes(
        f"path,lat,lon,heading,captured,place\na.jpg,{quoted}\n".encode(errors="replace")
    )
    try:
        table = read_photos(path)
    except DataError:
        return
    assert len(table) == 1


# --- evaluation sets ------------------------------------------------------------------------------


def tree(root: Path) -> Path:
    touch(root / "database", gsv_xs_name("", "d1"), gsv_xs_name("", "d2"))
    touch(root / "queries", gsv_xs_name("", "q1"))
    return root


def test_a_database_and_queries(tmp_path: Path) -> None:
    tree(tmp_path / "sf_xs/val")
    tables = read_evaluation(EvaluationData(tree=tmp_path / "sf_xs/val"))
    assert (len(tables.database), len(tables.queries), tables.name) == (2, 1, "sf_xs-val")


def test_each_side_of_another_format(tmp_path: Path) -> None:
    write_photo(tmp_path / "set/database/a.jpg", position=(10, 20))
    csv(tmp_path / "set/queries", "path,lat,lon\nq.jpg,10,20\n", "q.jpg")
    tables = read_evaluation(EvaluationData(tree=tmp_path / "set"))
    assert tables.name == "set"
    assert geo.distance(tables.database.positions, tables.queries.positions)[0] < 0.1
    csv(tmp_path / "lists", "path\nq.jpg\n", "q.jpg", name="database.csv")
    csv(tmp_path / "lists", "path\nq.jpg\n", name="queries.csv")
    assert len(read_evaluation(EvaluationData(tree=tmp_path / "lists")).queries) == 1


def test_two_paths_of_their_own(tmp_path: Path) -> None:
    tree(tmp_path / "tokyo_xs/test")
    write_photo(tmp_path / "mine/a.jpg")
    data = EvaluationData(database=tmp_path / "tokyo_xs/test/database", queries=tmp_path / "mine")
    assert read_evaluation(data).name == "database-mine"
    data = EvaluationData(
        database=tmp_path / "tokyo_xs/test/database", queries=tmp_path / "tokyo_xs/test/queries"
    )
    assert read_evaluation(data).name == "tokyo_xs-test"


def test_the_root_of_several_sets_names_them(tmp_path: Path) -> None:
    root = tmp_path / "sf_xs"
    tree(root / "val")
    tree(root / "test")
    touch(root / "train/37.7", gsv_xs_name("", "t"))
    with pytest.raises(DataError) as error:
        read_evaluation(EvaluationData(tree=root))
    assert f"name one of {root / 'test'}, {root / 'val'}" in str(error.value)
    with pytest.raises(DataError) as error:
        read_photos(root)
    assert f"name one of {root / 'test/database'}, {root / 'test/queries'}" in str(error.value)
    assert str(root / "train") in str(error.value)
    assert [(found.path, found.evaluation) for found in sets_in(root)] == [
        (root / "test", True),
        (root / "train", False),
        (root / "val", True),
    ]
    assert len(read_photos(root / "train")) == 1


def test_sets_and_other_photos_side_by_side(tmp_path: Path) -> None:
    tree(tmp_path / "sf_xs/val")
    write_photo(tmp_path / "lund/a.jpg")
    assert [found.path.name for found in sets_in(tmp_path)] == ["lund", "val"]
    tree(tmp_path / "one")
    assert [found.path for found in sets_in(tmp_path / "one")] == [tmp_path / "one"]


def photo_table(folder: Path, *names: str, suffix: str = ".csv") -> None:
    """A table of photos that lie elsewhere."""
    folder.mkdir(parents=True)
    frame = pl.DataFrame({"path": names, "lat": [55.7] * len(names), "lon": [13.2] * len(names)})
    frame.write_csv(folder / "photos.csv") if suffix == ".csv" else frame.write_parquet(
        folder / "photos.parquet"
    )


def below(root: Path) -> dict[str, bool]:
    return {one.path.relative_to(root).as_posix(): one.evaluation for one in sets_in(root)}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_photos_is_a_set_whatever_its_folder_is_called(
    tmp_path: Path, suffix: str
) -> None:
    touch(tmp_path / "far", "a.jpg")
    root = tmp_path / "proj"
    photo_table(root / "mine", "../../far/a.jpg", suffix=suffix)
    photo_table(root / "eval/database", "../../../far/a.jpg", suffix=suffix)
    photo_table(root / "eval/queries", "../../../far/a.jpg", suffix=suffix)
    (root / "eval/ground_truth.csv").write_text("query,database\n")
    (root / "notes.csv").write_text("day,weather\n1,rain\n")
    (root / "other").mkdir()
    (root / "other/notes.csv").write_text("day,weather\n1,rain\n")
    assert below(root) == {"eval": True, "mine": False}
    photo_table(tmp_path / "alone/mine", "../../far/a.jpg")
    assert below(tmp_path / "alone") == {"mine": False}
    # Tables of a database and queries are the two sides.
    (tmp_path / "two/eval").mkdir(parents=True)
    for side in ("database", "queries"):
        (tmp_path / f"two/eval/{side}.csv").write_text("path,lat,lon\na.jpg,55.7,13.2\n")
    photo_table(tmp_path / "two/mine", "../../far/a.jpg")
    assert below(tmp_path / "two") == {"eval": True, "mine": False}


def test_a_table_beside_sets_is_one_with_the_photos_it_lists(tmp_path: Path) -> None:
    tree(tmp_path / "eval")
    touch(tmp_path, "photos/a.jpg", "holiday/b.jpg", "c.jpg")
    (tmp_path / "photos.csv").write_text("path,lat,lon\nphotos/a.jpg,55.7,13.2\n")
    assert below(tmp_path) == {"eval": True, "holiday": False, "photos.csv": False}
    assert [path for path, _ in find_sets(tmp_path).loose] == [str(tmp_path / "c.jpg")]


def test_no_photo_beside_a_set_is_dropped_in_silence(tmp_path: Path) -> None:
    tree(tmp_path / "deep/my/eval")
    touch(tmp_path, "deep/my/mine/1/a.jpg", "deep/my/mine/2/b.jpg", "deep/c.jpg", "gsv/x/y/d.jpg")
    touch(tmp_path, "d.jpg", "deep/raw/e.cr2")
    assert below(tmp_path) == {"deep/my/eval": True, "deep/my/mine": False, "gsv": False}
    told = find_sets(tmp_path).loose
    assert [Path(path).name for path, _ in told] == ["d.jpg", "c.jpg", "e.cr2"]
    assert "in none of them" in told[0][1] and "raw" in told[2][1]
    # What `beenhere data places` writes beside its sets is no photo.
    touch(tmp_path / "built", "map.png", "places.yaml")
    tree(tmp_path / "built/test")
    assert find_sets(tmp_path / "built").loose == []


def test_cities_of_a_training_set_stay_together(tmp_path: Path) -> None:
    tree(tmp_path / "sf_xs/val")
    touch(tmp_path / "gsv_xs/train", "London/a.jpg", "Boston/b.jpg")
    touch(tmp_path / "test", "notes.txt")
    assert below(tmp_path) == {"gsv_xs/train": False, "sf_xs/val": True}


def test_a_published_set_some_folders_down(tmp_path: Path) -> None:
    published_sets.pittsburgh(tmp_path / "wrap/a/pitts30k")
    assert below(tmp_path) == {"wrap/a/pitts30k": True}
    assert below(tmp_path / "wrap") == {"a/pitts30k": True}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ([], "no such folder"),
        (["a.jpg"], "has no database/ and no queries/"),
        (["database/a.jpg"], "has no queries/"),
        (["queries/a.jpg"], "has no database/"),
        (["database/notes.txt", "queries/a.jpg"], "database: holds no photos; found notes.txt"),
    ],
)
def test_a_folder_that_is_no_evaluation_set(tmp_path: Path, make: list[str], message: str) -> None:
    touch(tmp_path / "set", *make)
    with pytest.raises(DataError) as error:
        read_evaluation(EvaluationData(tree=tmp_path / "set"))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_conditions_beside_the_folders(tmp_path: Path) -> None:
    root = tree(tmp_path / "set")
    name = gsv_xs_name("", "q1")
    (root / "conditions.csv").write_text(
        f"path;condition\nqueries/{name};night\ndatabase/gone.jpg;day\n;\n;\n"
    )
    tables = read_evaluation(EvaluationData(tree=root))
    assert tables.queries.frame["condition"].to_list() == ["night"]
    assert tables.database.frame["condition"].to_list() == [None, None]
    ((path, note),) = tables.queries.notes
    assert path.endswith("conditions.csv") and note.startswith("1 of 2 paths are no photos")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,weather\na,b\n", "expected the columns path,condition"),
        ("", "expected the columns"),
        ("path,condition\na,b\na,c\n", "names 'a' more than once"),
    ],
)
def test_broken_conditions(tmp_path: Path, text: str, message: str) -> None:
    root = tree(tmp_path / "set")
    (root / "conditions.csv").write_text(text)
    with pytest.raises(DataError, match=r"conditions\.csv") as error:
        read_evaluation(EvaluationData(tree=root))
    assert message in str(error.value)


# --- nothing there --------------------------------------------------------------------------------


def test_paths_with_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    touch(tmp_path, "zips/a.zip", "zips/b.zip", "zips/c.zip", "zips/d.zip", "archive.zip")
    for name, message in (
        ("missing", "no such file or folder"),
        ("empty", "is empty"),
        ("zips", "holds no photos; found a.zip, b.zip, c.zip, ..."),
        ("archive.zip", "ends in '.zip'; expected a folder of photos"),
    ):
        with pytest.raises(DataError) as error:
            read_photos(tmp_path / name)
        assert message in str(error.value) and "\n" not in str(error.value)


def test_a_photo_in_two_rows_of_a_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "photos.csv"
    table.write_text("path,lat,lon,place\na.jpg,1,2,p\nb.jpg,1,2,p\na.jpg,1,2,q\n")
    with pytest.raises(DataError, match=r"lists .*a\.jpg more than once \(1 such"):
        read_photos(table)


def test_a_file_of_two_names_is_one_photo(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", position=(50, 8))
    write_photo(tmp_path / "z/same bytes.jpg", position=(50, 8))
    (tmp_path / "b.jpg").hardlink_to(tmp_path / "a.jpg")
    (tmp_path / "z/c.jpg").symlink_to(tmp_path / "a.jpg")
    table = read_photos(tmp_path)
    assert [Path(path).name for path in table.paths] == ["a.jpg", "same bytes.jpg"]
    others = [str(tmp_path / name) for name in ("b.jpg", "z/c.jpg")]
    assert table.notes == [(path, ANOTHER_NAME) for path in others]
