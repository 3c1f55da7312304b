"""Tables as spreadsheets, phones and programs write them; what they say in vain."""

import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from published_sets import put

from beenhere.errors import DataError
from beenhere.photos.formats import read_photos
from beenhere.photos.formats.photo_list import NO_FIX
from beenhere.photos.table import PhotoTable


def read(folder: Path, text: str, *photos: str, name: str = "photos.csv") -> PhotoTable:
    put(folder, *(photos or ("a.jpg", "b.jpg")))
    (folder / name).write_bytes(text.encode())
    return read_photos(folder / name)


def test_rows_and_lines_that_are_empty_are_none(tmp_path: Path) -> None:
    table = read(tmp_path, "path,lat,lon,note\na.jpg,1,2,x\n,,,\nb.jpg,3,4,\n,, ,\n,,,\n")
    assert table.frame["lat"].to_list() == [1.0, 3.0]
    with pytest.raises(DataError, match="line 4, column 'lat': got 'x'"):
        read(tmp_path, "path,lat,lon\na.jpg,1,2\n,,\nb.jpg,x,4\n")
    with pytest.raises(DataError, match="line 2, column 'path': got nothing"):
        read(tmp_path, "path,lat,lon\n,1,2\n")


@pytest.mark.parametrize("text", ["path,lat,lon\n", "path,lat,lon", "path,lat,lon\n,,\n,,\n"])
def test_a_table_without_rows_says_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="names of columns and no rows") as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("first", ["sep=;\r\n", "\ufeffsep=;\r\n", "SEP=;\n", '"sep=;"\n', ""])
def test_excel_names_its_separator(tmp_path: Path, first: str) -> None:
    table = read(tmp_path, f"{first}path;lat;lon\r\na.jpg;1.5;2.5\r\n")
    assert table.frame.select("lat", "lon").row(0) == (1.5, 2.5)
    line = 3 if first else 2
    with pytest.raises(DataError, match=f"line {line}, column 'lat': got 'x'"):
        read(tmp_path, f"{first}path;lat;lon\r\na.jpg;x;2.5\r\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do(tmp_path: Path, end: str) -> None:
    table = read(tmp_path, end.join(["path,lat,lon", "a.jpg,1,2", "b.jpg,3,4", "", ",,", ""]))
    assert table.frame["lon"].to_list() == [2.0, 4.0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_noughts_are_no_position(tmp_path: Path, kind: str) -> None:
    put(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    columns = {
        "path": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
        "lat": [0.0, 0.0, 1.0, -0.0],
        "lon": [0.0, 1.0, 0.0, 0.0],
    }
    frame = pl.DataFrame(columns)
    file = tmp_path / f"photos.{kind}"
    frame.write_csv(file) if kind == "csv" else frame.write_parquet(file)
    table = read_photos(file)
    assert table.frame["lat"].to_list() == [None, 0.0, 1.0, None]
    assert table.frame["zone"].is_null().to_list() == [True, False, False, True]
    assert table.notes == [(str(tmp_path / name), NO_FIX) for name in ("a.jpg", "d.jpg")]


def test_noughts_in_metres_are_none_either(tmp_path: Path) -> None:
    text = "path,easting,northing,zone\na.jpg,0,0,33U\nb.jpg,389918,5819702,33U\n"
    table = read(tmp_path, text)
    assert table.frame["lat"].is_null().to_list() == [True, False]
    # Another position of the same row counts; the same place in other numbers does not.
    both = "path,lat,lon,easting,northing,zone\n"
    table = read(tmp_path, f"{both}a.jpg,0,0,389918,5819702,33U\nb.jpg,0,0,166021.4,0,31N\n")
    assert table.frame["lat"].to_list() == [pytest.approx(52.5163, abs=1e-4), None]


def test_degrees_do_without_a_zone(tmp_path: Path) -> None:
    table = read(tmp_path, "path,lat,lon,easting,northing\na.jpg,52.5163,13.3777,1,2\n")
    assert table.frame["zone"].to_list() == ["33U"]
    assert table.notes == [(str(tmp_path / "photos.csv"), "columns not used: easting, northing")]
    table = read(tmp_path, "path,lat,easting,northing,zone\na.jpg,5,389918,5819702,33U\n")
    assert table.frame["lat"].to_list() == [pytest.approx(52.5163, abs=1e-4)]
    rows = "a.jpg,52.5163,13.3777,389918,,\nb.jpg,,13,389918,5819702,33U\n"
    table = read(tmp_path, f"path,lat,lon,easting,northing,zone\n{rows}")
    assert table.frame["lat"].to_list() == [52.5163, pytest.approx(52.5163, abs=1e-4)]


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("2024-05-01T12:00:00.5Z", "2024-05-01T12:00:00.5Z"),
        ("2024-05-01 12:00:00.250000", "2024-05-01T12:00:00.25"),
        ("2024-05-01 12:00 +0200", "2024-05-01T12:00:00+02:00"),
        ("2024-05-01 12:00:00 UTC", "2024-05-01T12:00:00Z"),
        ('"2024-05-01T12:00:00,125Z"', "2024-05-01T12:00:00.125Z"),
        ("2024:05:01 2:30:05\u202fPM", "2024-05-01T14:30:05"),
        ("\u0662\u0660\u0662\u0664-05-01", None),
        ("1.5.2024", None),
        ("1714564800", None),
    ],
)
def test_times_keep_what_they_say(tmp_path: Path, text: str, read_as: str | None) -> None:
    if read_as is None:
        with pytest.raises(DataError, match="expected a date such as 2015-06-01"):
            read(tmp_path, f"path,captured\na.jpg,{text}\n")
        return
    assert read(tmp_path, f"path,captured\na.jpg,{text}\n").frame["captured"].item() == read_as


def test_times_of_parquet_keep_zone_and_fraction(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    moment = datetime(2024, 5, 1, 12, 0, 0, 500_000)
    for times, wanted in (
        (pl.Series([moment, moment + timedelta(seconds=0.5)]), "2024-05-01T12:00:00.5"),
        (pl.Series([moment.replace(tzinfo=UTC)] * 2), "2024-05-01T12:00:00.5+00:00"),
        (
            pl.Series([moment] * 2).dt.replace_time_zone("Europe/Stockholm"),
            "2024-05-01T12:00:00.5+02:00",
        ),
        (pl.Series([moment] * 2, dtype=pl.Datetime("ns")), "2024-05-01T12:00:00.5"),
    ):
        pl.DataFrame({"path": ["a.jpg", "b.jpg"], "captured": times}).write_parquet(
            tmp_path / "t.parquet"
        )
        assert read_photos(tmp_path / "t.parquet").frame["captured"][0] == wanted


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_accents_are_one_name_however_they_are_written(tmp_path: Path, on_disk: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[on_disk]
    stored, written = (
        unicodedata.normalize(form, "Caf\u00e9/\u00fcber.jpg") for form in (on_disk, other)
    )
    assert stored != written
    table = read(tmp_path, f"path,lat,lon\n{written},1,2\na.jpg,3,4\n", stored, "a.jpg")
    assert table.paths == [str(tmp_path / stored), str(tmp_path / "a.jpg")]
    # Two files whose names differ in this alone are two.
    both = read(tmp_path, f"path,lat,lon\n{written},1,2\n{stored},3,4\n", stored, written)
    assert both.paths == [str(tmp_path / written), str(tmp_path / stored)]


def test_a_table_too_wide_is_refused_by_its_first_line(tmp_path: Path) -> None:
    wide = ",".join(f"c{number}" for number in range(5000))
    with pytest.raises(DataError, match=r"has 5,003 columns or more; expected at most 1,000"):
        read(tmp_path, f"path,lat,lon,{wide}\n")
    pl.DataFrame({"path": ["a.jpg"], **{f"c{n}": [1] for n in range(1000)}}).write_parquet(
        tmp_path / "wide.parquet"
    )
    with pytest.raises(DataError, match="has 1,001 columns or more"):
        read_photos(tmp_path / "wide.parquet")


def test_no_message_carries_a_whole_cell(tmp_path: Path) -> None:
    long = "x" * 5000
    for text in (
        f"path,lat,lon\na.jpg,{long},2\n",
        f"path,captured\na.jpg,{long}\n",
        f"{long},lat,lon\na.jpg,1,2\n",
        f"path,lat,lon\n{long},1,2\n",
        f"path,lat,lon\n{long},1,2\n{long},1,2\n",
    ):
        with pytest.raises(DataError) as caught:
            read(tmp_path, text)
        assert len(str(caught.value)) < 400 + 2 * len(str(tmp_path))


def test_a_letter_of_the_hemisphere_is_no_band(tmp_path: Path) -> None:
    """Cape Town and Berlin, as people write S and N; San Francisco, whose band is S."""
    text = "path,easting,northing,zone\na.jpg,261878,6243186,34S\nb.jpg,389918,5819702,33N\n"
    table = read(tmp_path, text)
    assert table.frame["zone"].to_list() == ["34H", "33N"]
    assert table.frame["lat"].to_list() == pytest.approx([-33.925, 52.516], abs=1e-2)
    table = read(tmp_path, "path,easting,northing,zone\na.jpg,551083,4180635,10S\n")
    assert table.frame["lat"].to_list() == pytest.approx([37.77], abs=1e-2)
    with pytest.raises(DataError, match="column 'zone': got '33K'; expected the band of that"):
        read(tmp_path, "path,easting,northing,zone\na.jpg,389918,5819702,33K\n")
    # Degrees say where it is: their row stays, and the doctor speaks of the zone.
    columns = "path,lat,lon,easting,northing,zone\n"
    assert len(read(tmp_path, f"{columns}a.jpg,52.5163,13.3777,389918,5819702,33K\n")) == 1


def test_a_few_bytes_of_parquet_fill_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "photos.parquet"
    pl.DataFrame({"path": pl.repeat("a.jpg", 2_000_000, eager=True)}).write_parquet(file)
    with pytest.raises(DataError, match=r"has 2,000,000 rows in .* kB; expected a photo with a"):
        read_photos(file)
    names = [f"{number:07}.jpg" for number in range(1_100_000)]  # as many may well be
    pl.DataFrame({"path": names}).write_parquet(file)
    with pytest.raises(DataError, match=r"none of 1,100,000 photos can be used.*no such file"):
        read_photos(file)
    texts = {"path": ["a.jpg", "b.jpg"] * 500, "place": ["x" * 10_000] * 1000}
    pl.DataFrame(texts).write_parquet(file)
    monkeypatch.setattr("beenhere.photos.formats.photo_list.MOST_BYTES", 1 << 20)
    with pytest.raises(DataError, match=r"has texts of 10\.0 MB in .* kB; expected at most 1.0"):
        read_photos(file)
