"""Names and positions of a planned city, without rendering a photo."""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from beenhere.city.city_plan import LOST, CityPlan, plan_city
from beenhere.city.styles import sf_city, training_city
from beenhere.config.tools import CityConfig
from beenhere.geo import to_utm, to_wgs84, zone_code, zone_name

NAME = re.compile(
    r"@(?P<easting>\d{7}\.\d\d)@(?P<northing>\d{7}\.\d\d)@(?P<zone>\d\d)@(?P<letter>[C-X])"
    r"@(?P<lat>[0-9-]\d\d\.\d{5})@(?P<lon>[0-9-]\d\d\d\.\d{5})@(?P<pano>[A-Za-z0-9_.-]+)@"
    r"@(?P<heading>\d*)@@@@(?P<date>\d*)@(?P<note>[A-Za-z0-9_]*)@\.jpg"
)


@pytest.fixture(scope="module")
def plan() -> CityPlan:
    return plan_city(
        CityConfig(seed=5, cities=3, places=40, images_per_place=4, database=160, queries=67)
    )


def fields(name: str) -> dict[str, str]:
    match = NAME.fullmatch(name)
    assert match, name
    assert len(name.split("@")) == 16
    return match.groupdict()


def position(name: str) -> tuple[float, float]:
    read = fields(name)
    return float(read["easting"]), float(read["northing"])


def test_training_names_are_gsv_xs(plan: CityPlan) -> None:
    headings = []
    labels = set()
    for roll in plan.training:
        notes = set()
        for shot in roll.shots:
            read = fields(shot.path.name)
            assert shot.path.parts[:2] == ("gsv_xs", "train")
            assert shot.path.parts[2] == read["note"].split("_")[1]
            assert re.fullmatch(r"20\d\d(0[1-9]|1[0-2])", read["date"])
            assert int(read["date"]) == shot.moment.date // 100
            headings.append(int(read["heading"]))
            notes.add(read["note"])
        assert len(notes) == 1
        assert len(roll.shots) == 4
        labels |= notes
    assert len(labels) == 40
    assert len({label.split("_")[1] for label in labels}) == 3
    assert 360 <= max(headings) < 720
    assert min(headings) < 360


@pytest.mark.parametrize(
    ("part", "side", "heading", "date", "pano"),
    [
        ("sf_xs/val", "database", r"\d+", r"\d{6}", r"[\w-]{22}"),
        ("sf_xs/val", "queries", r"\d+", r"\d{6}", r"[\w-]{22}"),
        ("sf_xs/test", "database", r"\d+", r"\d{6}", r"[\w-]{22}"),
        ("sf_xs/test", "queries", "", r"\d{8}", r"[\w-]{22}"),
        ("tokyo_xs/test", "database", r"\d+", r"\d{6}", r"[\w-]{22}"),
        ("tokyo_xs/test", "queries", "", r"\d{6}", r"\d{5}\.jpg"),
    ],
)
def test_evaluation_names(
    plan: CityPlan, part: str, side: str, heading: str, date: str, pano: str
) -> None:
    (found,) = [each for each in plan.evaluation if str(each.folder) == part]
    names = [
        shot.path.name
        for roll in found.rolls
        for shot in roll.shots
        if shot.path.parent == found.folder / side
    ]
    assert len(names) == (160 if side == "database" else 67)
    for name in names:
        read = fields(name)
        assert re.fullmatch(heading, read["heading"])
        assert re.fullmatch(date, read["date"])
        assert re.fullmatch(pano, read["pano"])


def test_no_two_paths_are_equal(plan: CityPlan) -> None:
    counts = Counter(shot.path for roll in plan.rolls for shot in roll.shots)
    assert max(counts.values()) == 1


def test_positions_agree_with_latitude_and_longitude(plan: CityPlan) -> None:
    for roll in plan.rolls:
        read = fields(roll.shots[0].path.name)
        easting, northing, zones = to_utm([float(read["lat"])], [float(read["lon"])])
        assert zones == [read["zone"] + read["letter"]]
        # Five decimals of a degree are a metre.
        assert abs(easting[0] - float(read["easting"])) < 1
        assert abs(northing[0] - float(read["northing"])) < 1


@pytest.mark.parametrize("index", range(92))
def test_every_city_lies_in_its_zone(index: int) -> None:
    city = training_city(0, index)
    code = zone_code(city.zone)
    # Streets of thousands of places reach this far.
    corners = [(city.easting + e, city.northing + n) for e in (-500, 9e3) for n in (-6e3, 9e3)]
    lat, lon = to_wgs84([e for e, _ in corners], [n for _, n in corners], [code] * 4)
    assert {zone_name(y, x) for y, x in zip(lat, lon, strict=True)} == {city.zone}


def test_places_are_apart(plan: CityPlan) -> None:
    spots = np.array([np.mean([position(s.path.name) for s in r.shots], 0) for r in plan.training])
    zones = [r.site.city.name for r in plan.training]
    for i, j in pairwise(range(len(spots))):
        assert zones[i] != zones[j] or np.hypot(*(spots[i] - spots[j])) > 100
    for roll in plan.training:
        where = np.array([position(s.path.name) for s in roll.shots])
        assert np.hypot(*(where - where.mean(0)).T).max() < 12


def test_no_street_is_used_twice(plan: CityPlan) -> None:
    assert len({roll.site.seed for roll in plan.rolls}) == len(plan.rolls)
    assert sf_city(5, "val").northing != sf_city(5, "test").northing


def test_streets_do_not_reach_each_other(plan: CityPlan) -> None:
    middles: dict[str, list[tuple[float, float, float]]] = {}
    for site in (roll.site for roll in plan.rolls):
        turn, half = np.radians(site.bearing), site.length / 2
        middle = (site.easting + half * np.sin(turn), site.northing + half * np.cos(turn), half)
        for e, n, other in middles.setdefault(site.city.zone, []):
            assert np.hypot(middle[0] - e, middle[1] - n) > half + other + 40
        middles[site.city.zone].append(middle)


def test_queries_have_positives_but_for_the_lost(plan: CityPlan) -> None:
    for each in plan.evaluation:
        shots = [shot for roll in each.rolls for shot in roll.shots]
        where = {s.path: position(s.path.name) for s in shots}
        database = np.array([p for path, p in where.items() if path.parent.name == "database"])
        queries = [p for path, p in where.items() if path.parent.name == "queries"]
        found = [np.hypot(*(database - q).T).min() <= 25 for q in queries]
        assert found.count(False) == round(67 * LOST)


def test_another_seed_is_another_city(plan: CityPlan) -> None:
    other = plan_city(CityConfig(seed=6, cities=3, places=40, images_per_place=4))
    assert {r.site.seed for r in plan.rolls}.isdisjoint({r.site.seed for r in other.rolls})
