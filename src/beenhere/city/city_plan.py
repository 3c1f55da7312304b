"""Decides every photo of a city before the first is rendered: where, when, and under which name.

Streets lie in the cells of a grid that leaves room around each; every training place has a street
of its own, closed at both ends, and the evaluation sets have streets that no training city has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.random import Generator

from beenhere.city.camera import Camera, Lens, draw_lens
from beenhere.city.light import Moment, draw_moment
from beenhere.city.noise import generator, pick, subseed
from beenhere.city.street import street_widths
from beenhere.city.styles import City, sf_city, tokyo_city, training_city
from beenhere.config.tools import CityConfig
from beenhere.geo import to_wgs84, zone_code, zone_name

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

TRAINING_CONDITIONS = {
    "day": 0.55, "dusk": 0.08, "night": 0.15, "fog": 0.07, "rain": 0.10, "snow": 0.05,
}  # fmt: skip
QUERY_CONDITIONS = {
    "day": 0.66, "dusk": 0.08, "night": 0.08, "fog": 0.06, "rain": 0.08, "snow": 0.04,
}  # fmt: skip

_PLACE_STREET, _PLACE_CELL = 70.0, 190.0
_EVALUATION_STREET, _EVALUATION_CELL = 190.0, 420.0
POSITION_STEP = 14.0
"""Metres between two panoramas of a database."""
VIEWS = 5
"""Photos cut from one panorama, evenly around."""
LOST = 0.03
"""Share of queries on streets that the database does not have: no answer to them is right."""


@dataclass(frozen=True)
class Site:
    """Where a street lies: its seed, length and place on the map.

    Attributes:
        easting, northing: metres, of the street's origin. bearing: degrees, of its x axis.
    """

    city: City
    seed: int
    length: float
    easting: float
    northing: float
    bearing: float

    @property
    def south(self) -> bool:
        """Whether July is winter here."""
        return self.city.zone[-1] < "N"

    def locate(self, camera: Camera) -> tuple[float, float]:
        """Easting and northing of a camera."""
        turn = np.radians(self.bearing)
        east = self.easting + camera.x * np.sin(turn) - camera.y * np.cos(turn)
        north = self.northing + camera.x * np.cos(turn) + camera.y * np.sin(turn)
        return float(east), float(north)

    def yaw(self, heading: float) -> float:
        """Radians counter-clockwise from the street's axis of a compass heading in degrees."""
        return float(np.radians(self.bearing - heading))


@dataclass(frozen=True)
class Shot:
    """One photo to take; ``path`` is relative to the city's folder."""

    path: PurePosixPath
    camera: Camera
    moment: Moment
    lens: Lens


@dataclass(frozen=True)
class Roll:
    """The photos of one street, rendered together because its textures are painted once."""

    site: Site
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class EvaluationSet:
    """A database and its queries; ``folder`` holds both, relative to the city's folder."""

    folder: PurePosixPath
    rolls: tuple[Roll, ...]


@dataclass(frozen=True)
class CityPlan:
    """All of a city."""

    training: tuple[Roll, ...]
    evaluation: tuple[EvaluationSet, ...]

    @property
    def rolls(self) -> tuple[Roll, ...]:
        """Every roll, training first."""
        return self.training + tuple(roll for each in self.evaluation for roll in each.rolls)


def plan_city(options: CityConfig) -> CityPlan:
    """Plan the training cities and the three evaluation sets."""
    return CityPlan(
        training=tuple(_training_rolls(options)),
        evaluation=(
            _evaluation(options, sf_city(options.seed, "val"), "sf_xs/val", "crowd"),
            _evaluation(options, sf_city(options.seed, "test"), "sf_xs/test", "phone"),
            _evaluation(options, tokyo_city(options.seed), "tokyo_xs/test", "night"),
        ),
    )


def _sites(city: City, seed: int, count: int, length: float, cell: float) -> Iterator[Site]:
    """Streets in the cells of a square grid, each along or across it."""
    side = max(1, int(np.ceil(np.sqrt(count))))
    turn = np.radians(city.bearing)
    for i in range(count):
        rng = generator(seed, "plot", city.name, i, int(city.northing))
        row, column = divmod(i, side)
        # The street's middle lies in the middle of its cell, whichever way it runs.
        bearing = (city.bearing + 90 * int(rng.integers(4))) % 360
        along = np.radians(bearing)
        east = city.easting + cell * (column * np.cos(turn) + row * np.sin(turn))
        north = city.northing + cell * (row * np.cos(turn) - column * np.sin(turn))
        yield Site(
            city=city,
            seed=subseed(seed, "street", city.name, i, int(city.northing)),
            length=length,
            easting=float(east - np.sin(along) * length / 2),
            northing=float(north - np.cos(along) * length / 2),
            bearing=bearing,
        )


def _training_rolls(options: CityConfig) -> Iterator[Roll]:
    place = 0
    for index in range(options.cities):
        city = training_city(options.seed, index)
        count = options.places // options.cities + (index < options.places % options.cities)
        for site in _sites(city, options.seed, count, _PLACE_STREET, _PLACE_CELL):
            yield _place(options, site, f"{place:07d}_{city.name}")
            place += 1


def _place(options: CityConfig, site: Site, label: str) -> Roll:
    """Dated photos from one spot towards one view."""
    rng = generator(site.seed, "place")
    x, y = site.length / 2 + rng.uniform(-6, 6), rng.uniform(-0.8, 0.8)
    facing = rng.uniform(0, 360)
    years = rng.choice(np.arange(2008, 2023), options.images_per_place, replace=True)
    half_road, _ = street_widths(site.city.style, site.seed)
    taken = []
    for year in years:
        moment = draw_moment(rng, pick(rng, TRAINING_CONDITIONS), int(year), site.south)
        heading = round(facing + np.clip(rng.normal(0, 13), -28, 28)) % 360
        camera = Camera(
            x=x + rng.normal(0, 1.6),
            y=float(np.clip(y + rng.normal(0, 0.5), -0.3 * half_road, 0.3 * half_road)),
            height=rng.uniform(1.7, 2.7),
            yaw=site.yaw(heading),
            pitch=rng.normal(0.07, 0.035),
            roll=rng.normal(0, 0.012),
            fov=float(np.radians(rng.uniform(62, 88))),
        )
        # Headings of the real set run past a full turn for about a third of its photos.
        written = heading + 360 * int(rng.random() < 0.3)
        fields = _fields(_draw_pano(rng), written, moment.date // 100, label)
        taken.append((camera, moment, draw_lens(rng, moment.condition), fields))
    return Roll(site, _shots(site, PurePosixPath("gsv_xs/train", site.city.name), taken))


def _shots(
    site: Site, folder: PurePosixPath, taken: list[tuple[Camera, Moment, Lens, str]]
) -> tuple[Shot, ...]:
    """Photos with the names that the benchmarks give theirs: fields between ``@``.

    The fields are easting, northing, zone number and letter, latitude, longitude, and those of
    :func:`_fields`. Latitude and longitude follow from the easting and northing as they are
    written, with two decimals.
    """
    zone = site.city.zone
    where = [[round(metres, 2) for metres in site.locate(camera)] for camera, *_ in taken]
    east, north = np.reshape(where, (-1, 2)).T
    lat, lon = to_wgs84(east, north, [zone_code(zone)] * len(taken))
    shots = []
    for (e, n), y, x, (camera, moment, lens, fields) in zip(where, lat, lon, taken, strict=True):
        # The letter follows from the latitude; the number stays the city's.
        letter = (zone_name(float(y), float(x)) or zone)[-1]
        position = f"@{e:010.2f}@{n:010.2f}@{zone[:-1]}@{letter}@{y:09.5f}@{x:010.5f}"
        shots.append(Shot(folder / f"{position}{fields}.jpg", camera, moment, lens))
    return tuple(shots)


def _fields(pano: str, heading: int | str, date: int, note: str = "") -> str:
    """Panorama, tile, heading, pitch, roll, height, YYYYMM or YYYYMMDD, note; empty: unknown."""
    return f"@{pano}@@{heading}@@@@{date}@{note}@"


def _draw_pano(rng: Generator) -> str:
    """The id of a panorama: 22 letters, such as street-level ones have."""
    return "".join(_BASE64[i] for i in rng.integers(0, 64, 22))


def _evaluation(options: CityConfig, city: City, folder: str, manner: str) -> EvaluationSet:
    """A database along streets, and queries along the same streets on other dates.

    Args:
        manner: how queries are taken: "crowd" like the database, by "phone", or by phone at
            "night".
    """
    root = PurePosixPath(folder)
    panoramas = -(-options.database // VIEWS)
    per_street = int((_EVALUATION_STREET - 20) // POSITION_STEP)
    count = -(-panoramas // per_street)
    lost = round(options.queries * LOST)
    sites = list(_sites(city, options.seed, count + 1, _EVALUATION_STREET, _EVALUATION_CELL))
    rolls = []
    left = options.database
    number = 0
    for i, site in enumerate(sites):
        rng = generator(site.seed, "survey")
        here = panoramas // count + (i < panoramas % count) if i < count else 0
        database = _survey(rng, site, root / "database", here, left)
        left -= len(database)
        known = options.queries - lost
        wanted = known // count + (i < known % count) if i < count else lost
        span = (here or per_street) * POSITION_STEP
        queries = _queries(rng, site, root / "queries", wanted, span, manner, number)
        number += wanted
        if database or queries:
            rolls.append(Roll(site, database + queries))
    return EvaluationSet(root, tuple(rolls))


def _survey(
    rng: Generator, site: Site, folder: PurePosixPath, panoramas: int, most: int
) -> tuple[Shot, ...]:
    """Panoramas every few metres, each cut into views; at most ``most`` photos."""
    taken = []
    for i in range(panoramas):
        moment = draw_moment(rng, "day", int(rng.integers(2013, 2019)), site.south)
        pano, turn = _draw_pano(rng), int(rng.integers(360))
        x = 12 + i * POSITION_STEP + rng.uniform(-2, 2)
        y, height = rng.uniform(-0.7, 0.7), rng.uniform(2.1, 2.6)
        for view in range(VIEWS):
            heading = (turn + view * 360 // VIEWS) % 360
            pitch, fov = rng.normal(0.07, 0.02), float(np.radians(78))
            camera = Camera(x, y, height, site.yaw(heading), pitch, fov=fov)
            fields = _fields(pano, heading, moment.date // 100)
            taken.append((camera, moment, draw_lens(rng, moment.condition), fields))
    return _shots(site, folder, taken[:most])


def _queries(
    rng: Generator, site: Site, folder: PurePosixPath, count: int, span: float,
    manner: str, number: int,
) -> tuple[Shot, ...]:  # fmt: skip
    """Photos at chance positions of the surveyed stretch, years later."""
    taken = []
    half_road, _ = street_widths(site.city.style, site.seed)
    for i in range(count):
        condition = "night" if manner == "night" else pick(rng, QUERY_CONDITIONS)
        moment = draw_moment(rng, condition, int(rng.integers(2019, 2024)), site.south)
        heading = int(rng.integers(360))
        camera = Camera(
            x=rng.uniform(8, 8 + span),
            y=float(np.clip(rng.normal(0, 1), -0.3 * half_road, 0.3 * half_road)),
            height=rng.uniform(1.5, 1.9) if manner != "crowd" else rng.uniform(1.9, 2.7),
            yaw=site.yaw(heading),
            pitch=rng.normal(0.09, 0.05),
            roll=rng.normal(0, 0.02),
            fov=float(np.radians(rng.uniform(62, 84))),
        )
        # Both ids are drawn whatever the manner, so that it does not disturb what comes after.
        crowd, phone = _draw_pano(rng), _draw_pano(rng)
        fields = {
            "crowd": _fields(crowd, heading, moment.date // 100),
            "phone": _fields(phone, "", moment.date),
            "night": _fields(f"{number + i:05d}.jpg", "", moment.date // 100),
        }[manner]
        taken.append((camera, moment, draw_lens(rng, moment.condition), fields))
    return _shots(site, folder, taken)
