"""Every fault, planted in a rendered city: it is found, and nothing else is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from beenhere.city import write_city
from beenhere.config.tools import CheckConfig, CityConfig
from beenhere.tools.doctor import Finding, examine, gather

OPTIONS = CityConfig(
    seed=5, cities=2, places=6, images_per_place=4, database=14, queries=6, size=96, workers=1
)
Found = dict[str, set[str]]

PLACES = ("easting", "northing", "zone", "letter", "lat", "lon")
FIELDS = {
    **{name: number for number, name in enumerate(PLACES, 1)},
    **{"pano": 7, "heading": 9, "date": 13, "note": 14},
}
"""Where they stand in a name, between ``@``."""


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(tmp_path_factory.mktemp("clean") / "city", OPTIONS).root


@pytest.fixture
def city(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "city"))


def check(root: Path, **options: object) -> list[Finding]:
    return examine(gather(root), CheckConfig.model_validate({"workers": 1, **options}))


def by_kind(findings: list[Finding], root: Path) -> Found:
    return {
        finding.name: {
            Path(path).relative_to(root).as_posix() for path in finding.cases["path"].to_list()
        }
        for finding in findings
    }


def photos(root: Path, folder: str) -> list[Path]:
    return sorted((root / folder).rglob("*.jpg"))


def renamed(photo: Path, **changes: str) -> Path:
    """The same file with other fields in its name, and a panorama of its own."""
    fields = photo.name.split("@")
    for name, value in changes.items():
        fields[FIELDS[name]] = value
    return photo.with_name("@".join(fields))


def by_design(root: Path) -> Found:
    """What the city has as the benchmarks have it: headings past 360 in its training photos."""
    past = {
        photo.relative_to(root).as_posix()
        for photo in photos(root, "gsv_xs/train")
        if float(photo.name.split("@")[9]) >= 360
    }
    return {"heading-range": past} if past else {}


def test_clean_city(clean: Path) -> None:
    findings = check(clean)
    assert by_kind(findings, clean) == by_design(clean) != {}
    assert all(finding.severity == "note" for finding in findings)


# Each plants one fault and says what should be found.


def _copied(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def copy_in_train(root: Path) -> Found:
    test, train = photos(root, "sf_xs/test/database")[3], photos(root, "gsv_xs/train")[5]
    _copied(test, train)
    return {"copy-across-splits": {train.relative_to(root).as_posix()}}


def _near(change: Callable[[Image.Image], Image.Image], quality: int) -> Callable[[Path], Found]:
    def plant(root: Path) -> Found:
        test, train = photos(root, "tokyo_xs/test/queries")[2], photos(root, "gsv_xs/train")[7]
        with Image.open(test) as photo:
            change(photo).save(train, quality=quality)
        return {"near-copy-across-splits": {train.relative_to(root).as_posix()}}

    return plant


near_saved_again = _near(lambda photo: photo, 40)
near_brightened = _near(lambda photo: ImageEnhance.Brightness(photo).enhance(1.3), 85)
near_darkened = _near(lambda photo: ImageEnhance.Brightness(photo).enhance(0.6), 85)
near_cropped = _near(lambda photo: photo.crop((1, 1, 95, 95)).resize((96, 96)), 90)


def query_in_database(root: Path) -> Found:
    query = photos(root, "sf_xs/val/queries")[1]
    inside = root / "sf_xs/val/database" / renamed(query, pano="copied").name
    _copied(query, inside)
    return {"copy-of-query": {inside.relative_to(root).as_posix()}}


def validation_in_test(root: Path) -> Found:
    test = photos(root, "sf_xs/test/database")[0]
    _copied(test, root / "sf_xs/val/database" / test.name)
    copied = {f"sf_xs/val/database/{test.name}"}
    return {"copy-val-test": copied, "shared-streets-val-test": copied}


def copy_at_place(root: Path) -> Found:
    photo = photos(root, "gsv_xs/train")[0]
    _copied(photo, renamed(photo, pano="zzz-later"))
    return {"copy": {renamed(photo, pano="zzz-later").relative_to(root).as_posix()}}


def copy_at_another_place(root: Path) -> Found:
    first, last = photos(root, "gsv_xs/train")[0], photos(root, "gsv_xs/train")[-1]
    _copied(first, last)
    return {"copy-elsewhere": {last.relative_to(root).as_posix()}}


def copy_in_another_street(root: Path) -> Found:
    first, *_, last = photos(root, "sf_xs/test/database")
    _copied(first, last)
    return {"copy-elsewhere": {last.relative_to(root).as_posix()}}


def one_colour(root: Path) -> Found:
    black, grey = photos(root, "sf_xs/test/queries")[0], photos(root, "gsv_xs/train")[2]
    other = photos(root, "gsv_xs/train")[20]
    for photo in (black, other):  # that they are equal is no news
        Image.new("RGB", (96, 96)).save(photo)
    slope = np.tile(np.linspace(120, 128, 96), (96, 1)).astype(np.uint8)
    Image.fromarray(slope).save(grey)
    return {"near-empty": {path.relative_to(root).as_posix() for path in (black, grey, other)}}


def cut_off(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/queries")[0]
    photo.write_bytes(photo.read_bytes()[:1000])
    return {"unreadable": {photo.relative_to(root).as_posix()}}


def no_photo_at_all(root: Path) -> Found:
    photo = root / "sf_xs/val/queries/holiday.heic"
    photo.write_bytes(b"x")
    return {"not-used": {photo.relative_to(root).as_posix()}}


def smaller(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/database")[6]
    with Image.open(photo) as picture:
        picture.resize((80, 60)).save(photo)
    return {"other-size": {photo.relative_to(root).as_posix()}}


def trained_where_tested(root: Path) -> Found:
    there = photos(root, "sf_xs/test/database")[0].name.split("@")
    where = dict(zip(PLACES, there[1:7], strict=True))
    moved = [photo.rename(renamed(photo, **where)) for photo in photos(root, "gsv_xs/train")[:4]]
    return {"shared-streets": {photo.relative_to(root).as_posix() for photo in moved}}


def swapped_in_name(root: Path) -> Found:
    photo = photos(root, "gsv_xs/train/London")[0]
    fields = photo.name.split("@")
    new = photo.rename(renamed(photo, lat=fields[6], lon=fields[5]))
    relative = {new.relative_to(root).as_posix()}
    return {"disagreeing": relative, "place-spread": relative}


def other_zone(root: Path) -> Found:
    photo = photos(root, "sf_xs/test/queries")[2]
    new = photo.rename(renamed(photo, zone="12"))
    return {"disagreeing": {new.relative_to(root).as_posix()}}


def zone_alone(root: Path) -> Found:
    photo = photos(root, "sf_xs/test/database")[2]
    new = photo.rename(renamed(photo, zone="40", lat="", lon=""))
    return {"wrong-zone": {new.relative_to(root).as_posix()}}


def swapped_alone(root: Path) -> Found:
    photo = photos(root, "gsv_xs/train/London")[1]
    lat, lon = photo.name.split("@")[5:7]
    new = photo.rename(renamed(photo, easting="", northing="", lat=lon, lon=lat))
    relative = {new.relative_to(root).as_posix()}
    return {"swapped": relative, "place-spread": relative}


def lost_minus(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/database")[2]
    lon = photo.name.split("@")[6].replace("-", "")
    new = photo.rename(renamed(photo, easting="", northing="", lon=lon))
    return {"wrong-sign": {new.relative_to(root).as_posix()}}


def nowhere(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/database")[3]
    new = photo.rename(renamed(photo, easting="", northing="", lat="0.0", lon="0.0"))
    return {"null-island": {new.relative_to(root).as_posix()}}


def no_position(root: Path) -> Found:
    photo = photos(root, "tokyo_xs/test/database")[3]
    new = photo.rename(renamed(photo, easting="", northing="", lat="", lon=""))
    return {"no-position": {new.relative_to(root).as_posix()}}


def somewhere_else(root: Path) -> Found:
    photo = photos(root, "tokyo_xs/test/database")[5]
    new = photo.rename(renamed(photo, easting="", northing="", lat="43.0", lon="141.3"))
    return {"far-away": {new.relative_to(root).as_posix()}}


def strange_easting(root: Path) -> Found:
    photo = photos(root, "tokyo_xs/test/database")[6]
    new = photo.rename(renamed(photo, easting="3868000.0"))
    relative = {new.relative_to(root).as_posix()}
    return {"impossible-utm": relative, "disagreeing": relative}


def stray_member(root: Path) -> Found:
    photo = photos(root, "gsv_xs/train")[9]
    easting, northing = (float(text) for text in photo.name.split("@")[1:3])
    new = photo.rename(
        renamed(photo, easting=f"{easting + 40:.2f}", northing=f"{northing:.2f}", lat="", lon="")
    )
    return {"place-spread": {new.relative_to(root).as_posix()}}


def three_of_a_place(root: Path) -> Found:
    photo = photos(root, "gsv_xs/train")[0]
    note = photo.name.split("@")[14]
    photo.unlink()
    first = next(each for each in photos(root, "gsv_xs/train") if f"@{note}@" in each.name)
    return {"small-place": {first.relative_to(root).as_posix()}}


def lonely_query(root: Path) -> Found:
    query = photos(root, "tokyo_xs/test/queries")[0]
    northing = float(query.name.split("@")[2])
    new = query.rename(renamed(query, northing=f"{northing + 5000:.2f}", lat="", lon=""))
    return {"no-positive": {new.relative_to(root).as_posix()}}


def negative_heading(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/database")[0]
    new = photo.rename(renamed(photo, heading="-20"))
    return {"heading-range": {new.relative_to(root).as_posix()}}


def no_heading(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/database")[1]
    new = photo.rename(renamed(photo, heading=""))
    return {"no-heading": {new.relative_to(root).as_posix()}}


def next_century(root: Path) -> Found:
    photo = photos(root, "sf_xs/val/queries")[3]
    new = photo.rename(renamed(photo, date="21190704"))
    return {"future-date": {new.relative_to(root).as_posix()}}


def month_thirteen(root: Path) -> Found:
    photo = photos(root, "sf_xs/test/queries")[4]
    new = photo.rename(renamed(photo, date="20191307"))
    return {"no-such-date": {new.relative_to(root).as_posix()}}


NOTES = {
    copy_at_place,
    validation_in_test,
    smaller,
    three_of_a_place,
    lonely_query,
    negative_heading,
    no_heading,
    next_century,
    month_thirteen,
}
"""Those that would not change a score."""
FAULTS = [
    copy_in_train,
    near_saved_again,
    near_brightened,
    near_darkened,
    near_cropped,
    query_in_database,
    validation_in_test,
    copy_at_place,
    copy_at_another_place,
    copy_in_another_street,
    one_colour,
    cut_off,
    no_photo_at_all,
    smaller,
    trained_where_tested,
    swapped_in_name,
    other_zone,
    zone_alone,
    swapped_alone,
    lost_minus,
    nowhere,
    no_position,
    somewhere_else,
    strange_easting,
    stray_member,
    three_of_a_place,
    lonely_query,
    negative_heading,
    no_heading,
    next_century,
    month_thirteen,
]


@pytest.mark.parametrize("plant", FAULTS)
def test_planted(plant: Callable[[Path], Found], city: Path) -> None:
    planted = plant(city)
    findings = check(city)
    expected = by_design(city)
    for kind, paths in planted.items():
        expected[kind] = expected.get(kind, set()) | paths
    assert by_kind(findings, city) == expected
    worst = {finding.severity for finding in findings if finding.name in planted}
    assert worst == ({"note"} if plant in NOTES else {"score"})
