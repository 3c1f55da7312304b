"""``beenhere locate``: as a person types it, and what it says."""

import csv
import io
import json
import os
import resource
import sys
from pathlib import Path

import pytest
from PIL import Image
from tiny import at_name, write_photo

from beenhere.cli.app import app
from beenhere.cli.locate import named_photos
from beenhere.cli.parameters import WhichPhotos
from beenhere.errors import BeenhereError, ConfigError
from beenhere.retrieval.index import Index
from beenhere.retrieval.search.filters import Filter


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight photos 5 m apart, eight more a kilometre north, their index, and copies to locate."""
    root = tmp_path_factory.mktemp("town")
    for number in range(16):
        north = 4_100_000 + 5 * number + (1000 if number >= 8 else 0)
        write_photo(root / "photos" / at_name(500_000, north), number % 3, 64, 64)
    for number, name in ((0, "q.jpg"), (1, "deep/q.jpg")):
        write_photo(root / "walk" / name, number, 64, 64)
    (root / "walk/broken.jpg").write_bytes(b"no photo")
    Index.build(root / "photos", "offline-lite0", root / "x.index")
    return root


@pytest.fixture
def folder(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("photos", "walk", "x.index"):
        (tmp_path / name).symlink_to(town / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    app(
        ["locate", *arguments, "--index", "x.index"],
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
    )


def test_every_photo_of_a_folder_and_what_could_not_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run("walk", "gone.jpg", "--plot", "maps")
    assert left.value.code == 2
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "walk/deep/q.jpg" and "walk/q.jpg" in lines
    assert lines[-1] == "2 photos: 2 guesses"
    assert lines[1].startswith("  a guess: ") and lines[2].startswith("  not known: ")
    assert "of 16 matches for it; best by " in lines[3]
    assert said.err.splitlines() == [
        "beenhere: gone.jpg: no such file; not located",
        "beenhere: walk/broken.jpg: not a photo: a text file; not located",
    ]
    # Of one name, but of two photos; none of the broken one; and the page of all.
    assert len(list((folder / "maps").iterdir())) == 3
    assert (folder / "maps/all.html").is_file()
    for picture in (folder / "maps").glob("*.jpg"):
        with Image.open(picture) as image:
            assert image.width == 1190


def test_forms_for_other_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("walk/q.jpg", "--json", "--matches", "5", "--near", "37.04,-123", "--radius", "900")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["query"] == "walk/q.jpg" and found["status"] == "guess"
    assert len(found["matches"]) == 5
    assert all("@41000" in match["path"] for match in found["matches"])
    run("walk/q.jpg", "--csv")
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["query"] == "walk/q.jpg" and row["status"] == "guess"
    run("walk/q.jpg", "walk/deep/q.jpg", "--geojson", "-o", "answers.geojson")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "beenhere: written to answers.geojson: 2 answers: 2 guesses\n"
    features = json.loads((folder / "answers.geojson").read_text())["features"]
    assert [feature["properties"]["status"] for feature in features] == ["guess", "guess"]
    assert [feature["geometry"]["type"] for feature in features] == ["Point", "Point"]
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("name", ["a.json", "a.GeoJSON", "a.csv", "a.kml", "a.gpx"])
def test_the_name_of_a_file_says_its_form(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("walk/q.jpg", "-o", name, "--no-verify")
    assert capsys.readouterr().out == ""
    text = (folder / name).read_text()
    starts = {"json": "[\n {", "geojson": '{\n "type": "FeatureCollection"', "csv": "query,status,"}
    xml = '<?xml version="1.0" encoding="UTF-8"?>\n<'
    form = Path(name).suffix[1:].lower()
    assert text.startswith(starts.get(form, f"{xml}{form} ")) and "walk/q.jpg" in text
    assert text.count("its name") == 0 and not list(folder.glob(".*"))


def test_a_pipe_has_no_name_that_says_a_form(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(folder / "pipe")
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    run("walk/q.jpg", "--csv", "-o", "pipe", "--no-verify")
    assert os.read(reader, 12) == b"query,status"
    os.close(reader)


def test_a_page_of_all_answers(folder: Path) -> None:
    run("walk/q.jpg", "walk/deep/q.jpg", "--plot", "all.html", "--no-verify")
    text = (folder / "all.html").read_text()
    assert "2 photos located" in text and "walk/deep/q.jpg" in text
    assert sorted(path.name for path in folder.iterdir()) == [
        *("all.html", "photos", "walk", "x.index"),
    ]


def test_pictures_never_replace_the_photos(folder: Path) -> None:
    before = (folder / "walk/q.jpg").read_bytes()
    for plot in ("walk", "walk/q.jpg"):
        with pytest.raises(ConfigError, match=rf"--plot is {plot}, .*; give another"):
            run("walk/q.jpg", "--plot", plot)
    assert (folder / "walk/q.jpg").read_bytes() == before


def test_a_filter_that_leaves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("walk/q.jpg", "--dates", "..2001")
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["walk/q.jpg", "  unknown place: no photo of the index meets the conditions"]


def test_a_path_of_photos(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("walk/q.jpg", "walk/deep/q.jpg", "--sequence", "--step", "10", "--json")
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_photo_on_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = io.BytesIO((folder / "walk/q.jpg").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(photo))
    run("-", "--json", "--plot", "p.png")
    (found,) = json.loads(capsys.readouterr().out)
    assert found["query"] == "-" and found["matches"][0]["similarity"] > 0.99
    assert (folder / "p.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--json", "--csv"], "--json and --csv are given; choose one"),
        (["--near", "37,-122"], "--near and --radius go together"),
        (["--step", "5"], "--step is given without --sequence"),
        (["-o", "a.txt"], "--out is a.txt; expected a name that ends in .json, .geojson, .csv, "),
        (["-o", "a"], "--out is a; expected a name that ends in .json, .geojson, .csv, .kml or "),
        (["--json", "-o", "a.csv"], "--json is given, and --out is a.csv; expected a name that"),
        (["-o", "walk"], "walk: is a folder; expected the name of a file"),
        (["-o", "no/x.json"], "no/x.json: there is no folder no; make it first"),
        (["--plot", "no/x.png"], "no/x.png: there is no folder no; make it first"),
        (["--plot", "no/maps"], "no/maps: there is no folder no; make it first"),
        (
            ["--plot", "x.gif"],
            "--plot is x.gif, which ends in '.gif'; expected .png, .jpg or .html, or a",
        ),
        ([""], "the name of a photo is empty; give . for all photos of this folder"),
        (["walk", "--plot", "x.png"], "--plot is x.png for 3 photos; give a folder"),
        (["--set", "match=3"], "options: 'match' is not an option; did you mean 'matches'?"),
        (["--threshold", "0.5"], "threshold is 0.5, "),
        (["--verfy"], "there is no option --verfy; did you mean '--verify'?"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder: Path, options: list[str], said: str) -> None:
    with pytest.raises(BeenhereError) as error:
        run("walk/q.jpg", *options)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)
    assert not (folder / "maps").exists() and not (folder / "x.gif").exists()


@pytest.mark.parametrize(
    ("options", "file"), [(["--json", "-o", "o.json"], "o.json"), (["--plot", "p.png"], "p.png")]
)
def test_what_cannot_be_written_leaves_nothing(folder: Path, options: list[str], file: str) -> None:
    (folder / file).write_bytes(b"old")
    there = sorted(folder.iterdir())
    # Nothing can be written whole: the system refuses what is longer, as a full disk does.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(BeenhereError) as error:
            run("walk/q.jpg", *options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = f"{file} cannot be written (file too large); mend that, or give another place"
    assert str(error.value) == said
    assert sorted(folder.iterdir()) == there and (folder / file).read_bytes() == b"old"


def test_no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "q.jpg", 1)
    with pytest.raises(BeenhereError, match=r"x\.index"):
        run("q.jpg")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.png", "deep/c.jpg", "deep/[1].jpg"):
        write_photo(tmp_path / name, 1)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/d.CR2").write_bytes(b"raw")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_folders_patterns_each_once(here: Path) -> None:
    photos, unusable = named_photos(["deep", "a.jpg", "*", "**/*.jpg", "-", "raw"])
    assert photos == ["deep/[1].jpg", "deep/c.jpg", "a.jpg", "b.png", "-"]
    assert unusable == [("raw/d.CR2", "camera raw file: save it as JPEG")]
    # A file of that name is no pattern.
    assert named_photos(["deep/[1].jpg"])[0] == ["deep/[1].jpg"]


def test_what_is_not_there_is_named_and_the_others_go_on(here: Path) -> None:
    photos, unusable = named_photos(["a.jpg", "gone.jpg"])
    assert photos == ["a.jpg"] and unusable == [("gone.jpg", "no such file")]
    odd = os.fsdecode(b"\xff.jpg")
    (here / odd).write_bytes(b"x")
    assert named_photos([odd]) == ([], [("\ufffd.jpg", "its name is not UTF-8: rename it")])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "no photo is named; give files, "),
        (
            ["--verfiy"],
            "there is no option --verfiy; did you mean '--verify'? see 'beenhere locate --help'. A "
            "photo of that name is ./--verfiy",
        ),
        (["*.webp"], "*.webp: no photo fits this pattern"),
        (["empty"], "empty: holds no photos; expected files such as .jpg"),
    ],
)
def test_nothing_to_locate(here: Path, names: list[str], said: str) -> None:
    with pytest.raises(BeenhereError) as error:
        named_photos(names)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_conditions_as_they_are_typed() -> None:
    assert WhichPhotos(None, None, None, None, None).filter() is None
    assert WhichPhotos("-33.9, 151.2", 500, "2015..2016-03", 370, 45).filter() == Filter(
        near=(-33.9, 151.2), radius=500, dates=("2015", "2016-03"), heading=370, tolerance=45
    )
    for text, dates in {
        "2015..": ("2015", None),
        "..2016-05-01": (None, "2016-05-01"),
        "2015-06": ("2015-06", "2015-06"),
    }.items():
        assert WhichPhotos(None, None, text, None, None).filter() == Filter(dates=dates)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("37,-122", None, None, None, None), "--near and --radius go together"),
        ((None, 5, None, None, None), "--near and --radius go together"),
        ((None, None, None, 90, None), "--heading and --tolerance go together"),
        (("37", 5, None, None, None), "--near is '37'; expected latitude and longitude"),
        (("x,y", 5, None, None, None), "--near is 'x,y'; expected latitude"),
        (("95,0", 5, None, None, None), "latitude is 95.0"),
        ((None, None, "..", None, None), "--dates is '..'; expected such as"),
        ((None, None, "May", None, None), "date is 'May'"),
    ],
)
def test_what_cannot_be_meant(given: tuple[object, ...], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        WhichPhotos(*given).filter()  # type: ignore[arg-type]
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_a_table_stands_for_the_photos_that_it_lists(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("some.csv").write_text("path,lat,lon\nwalk/deep/q.jpg,1,2\nwalk/q.jpg,,\nno.jpg,,\n")
    with pytest.raises(SystemExit):
        run("some.csv", "--csv", "--no-verify")
    said = capsys.readouterr()
    queries = [row["query"] for row in csv.DictReader(io.StringIO(said.out))]
    assert queries == ["walk/deep/q.jpg", "walk/q.jpg"]
    assert said.err == "beenhere: no.jpg: no such file; not located\n"


def test_a_photo_of_the_index_is_said_to_be_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for photo, itself in (("photos/" + at_name(500_000, 4_100_005), True), ("walk/q.jpg", False)):
        run(photo, "--json", "--no-verify")
        assert json.loads(capsys.readouterr().out)[0]["in_index"] is itself
        run(photo, "--no-verify")
        assert ("the photo is itself in the index" in capsys.readouterr().out) == itself


def test_what_cannot_be_met_or_drawn_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("names.csv").write_text("path,place\nwalk/q.jpg,hall\nwalk/deep/q.jpg,attic\n")
    Index.build("names.csv", "offline-lite0", "names.index")
    near = ("--near", "37,-123", "--radius", "9")
    arguments = ("walk/q.jpg", "--index", "names.index", "--no-verify", "-o", "a.gpx")
    app(["locate", *arguments, *near], result_action="return_value", exit_on_error=False)
    assert capsys.readouterr().err.splitlines() == [
        "beenhere: --near asks for positions, and no photo of the index has one: none is searched",
        "beenhere: written to a.gpx: 1 answer: 1 unknown",
        "beenhere: no photo has a position to draw, so the GPX holds no point",
    ]
