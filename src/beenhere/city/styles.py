"""Cities: where each lies, how its streets are cut, how its houses are built."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from beenhere.city.noise import generator

Colour = tuple[float, float, float]
"""Red, green, blue as seen, 0 to 1 (a gamma of 2: squared, it is reflectance)."""


@dataclass(frozen=True)
class Style:
    """One way to build, as shares and ranges that streets and buildings draw from.

    Attributes:
        materials, roofs, ground_floors, trees: name to weight.
        walls, accents: colours; ``accents`` are doors, awnings and signs.
        frontage, storeys, storey_height, road, pavement, setback: ranges in metres
            (``storeys`` counts floors above the ground floor).
        oriels, balconies, shutters, air_conditioners, terraces, greenery, poles: shares in [0, 1].
        script: "latin" or "kana", how signs are written.
        lamp: colour of the street lights.
        drives_left: side of the road that traffic keeps to.
    """

    materials: Mapping[str, float]
    roofs: Mapping[str, float]
    ground_floors: Mapping[str, float]
    walls: tuple[Colour, ...]
    accents: tuple[Colour, ...]
    trees: Mapping[str, float]
    frontage: tuple[float, float]
    storeys: tuple[int, int]
    storey_height: tuple[float, float] = (2.9, 3.6)
    road: tuple[float, float] = (7, 12)
    pavement: tuple[float, float] = (2.5, 4.5)
    setback: tuple[float, float] = (0, 1.5)
    oriels: float = 0.0
    balconies: float = 0.2
    shutters: float = 0.1
    air_conditioners: float = 0.1
    terraces: float = 0.2
    greenery: float = 0.4
    poles: float = 0.2
    script: str = "latin"
    lamp: Colour = (1.0, 0.75, 0.42)
    drives_left: bool = False


def scaled(colour: Colour, factors: ArrayLike, low: float = 0.0, high: float = np.inf) -> Colour:
    """A colour times one number, or one number a channel, held in a range."""
    r, g, b = np.clip(np.multiply(colour, factors), low, high).tolist()
    return r, g, b


_BRIGHT = (
    (0.62, 0.14, 0.12), (0.12, 0.30, 0.52), (0.10, 0.36, 0.24), (0.85, 0.62, 0.12),
    (0.16, 0.16, 0.18), (0.80, 0.78, 0.72), (0.45, 0.20, 0.42), (0.86, 0.40, 0.14),
)  # fmt: skip

BRICK = Style(
    materials={"brick": 6, "stucco": 2, "stone": 1},
    roofs={"pitched": 4, "gable": 2, "parapet": 3, "mansard": 1},
    ground_floors={"home": 5, "shops": 4, "garage": 1},
    walls=((0.55, 0.31, 0.24), (0.62, 0.40, 0.29), (0.66, 0.55, 0.40), (0.44, 0.27, 0.23),
           (0.80, 0.77, 0.70), (0.58, 0.36, 0.32)),
    accents=_BRIGHT, trees={"round": 3, "tall": 1}, frontage=(5, 11), storeys=(1, 4),
    setback=(0, 3), terraces=0.5, greenery=0.5, drives_left=True,
)  # fmt: skip
STONE = Style(
    materials={"stone": 6, "stucco": 2, "brick": 1},
    roofs={"mansard": 6, "cornice": 3, "pitched": 1},
    ground_floors={"shops": 6, "home": 2, "arcade": 1, "lobby": 1},
    walls=((0.78, 0.72, 0.60), (0.74, 0.69, 0.61), (0.82, 0.77, 0.66), (0.70, 0.66, 0.60),
           (0.80, 0.74, 0.64)),
    accents=_BRIGHT, trees={"round": 4}, frontage=(10, 20), storeys=(4, 6),
    pavement=(3.5, 6), setback=(0, 0.4), balconies=0.6, shutters=0.25, terraces=0.25,
)  # fmt: skip
STUCCO = Style(
    materials={"stucco": 6, "wood": 2, "tile": 1, "brick": 1},
    roofs={"cornice": 4, "pitched": 3, "parapet": 3, "gable": 1},
    ground_floors={"shops": 4, "home": 3, "garage": 3},
    walls=((0.86, 0.78, 0.60), (0.82, 0.66, 0.56), (0.66, 0.76, 0.80), (0.88, 0.86, 0.80),
           (0.76, 0.80, 0.66), (0.80, 0.56, 0.44), (0.72, 0.66, 0.74), (0.90, 0.82, 0.50)),
    accents=_BRIGHT, trees={"round": 3, "palm": 1}, frontage=(6, 12), storeys=(1, 4),
    setback=(0, 1), oriels=0.3, balconies=0.3, shutters=0.2, terraces=0.2, poles=0.4,
)  # fmt: skip
CONCRETE = Style(
    materials={"concrete": 4, "tile": 4, "stucco": 2, "glass": 1},
    roofs={"parapet": 8, "pitched": 1},
    ground_floors={"shops": 7, "garage": 1, "home": 1, "lobby": 2},
    walls=((0.72, 0.71, 0.68), (0.62, 0.56, 0.50), (0.80, 0.78, 0.74), (0.54, 0.50, 0.48),
           (0.70, 0.62, 0.54), (0.60, 0.64, 0.66)),
    accents=_BRIGHT, trees={"round": 1, "tall": 1}, frontage=(5, 13), storeys=(2, 8),
    road=(5.5, 10), pavement=(1.2, 3), setback=(0, 1), balconies=0.5, air_conditioners=0.6,
    terraces=0.05, greenery=0.2, poles=0.8, script="kana", lamp=(0.92, 0.95, 1.0),
    drives_left=True,
)  # fmt: skip
MODERN = Style(
    materials={"glass": 3, "concrete": 3, "stone": 2, "brick": 2, "stucco": 2},
    roofs={"parapet": 8, "cornice": 2},
    ground_floors={"shops": 5, "lobby": 4, "garage": 1, "arcade": 1},
    walls=((0.74, 0.72, 0.68), (0.56, 0.60, 0.62), (0.66, 0.52, 0.42), (0.84, 0.82, 0.78),
           (0.50, 0.46, 0.44)),
    accents=_BRIGHT, trees={"round": 3, "tall": 1, "palm": 1}, frontage=(10, 24),
    storeys=(0, 7), road=(9, 15), pavement=(3, 5), setback=(0, 3), terraces=0.05,
    lamp=(1.0, 0.88, 0.66),
)  # fmt: skip


@dataclass(frozen=True)
class City:
    """A named city: the trees and file names carry ``name``, the coordinates ``zone`` and corner.

    Attributes:
        zone: UTM zone, such as ``"10S"``.
        easting, northing: metres, the south-west corner of the ground the streets are laid on.
        bearing: degrees clockwise from north of the street grid.
    """

    name: str
    zone: str
    easting: float
    northing: float
    bearing: float
    style: Style


# Name, zone, easting and northing of a spot in the town, and how it builds. The first few differ
# most from each other, because small runs take the first few.
_TRAINING = (
    ("London", "30U", 660_000, 5_710_000, BRICK),
    ("Osaka", "53S", 548_000, 3_838_000, CONCRETE),
    ("Lisbon", "29S", 486_000, 4_285_000, STUCCO),
    ("PRS", "31U", 451_000, 5_411_000, STONE),
    ("Chicago", "16T", 447_000, 4_636_000, MODERN),
    ("BuenosAires", "21H", 373_000, 6_170_000, STUCCO),
    ("Bangkok", "47P", 664_000, 1_519_000, CONCRETE),
    ("Boston", "19T", 329_000, 4_690_000, BRICK),
    ("Madrid", "30T", 440_000, 4_474_000, STONE),
    ("Melbourne", "55H", 320_000, 5_812_000, BRICK),
    ("MexicoCity", "14Q", 485_000, 2_148_000, STUCCO),
    ("Rome", "33T", 290_000, 4_640_000, STONE),
    ("LosAngeles", "11S", 384_000, 3_768_000, MODERN),
    ("Barcelona", "31T", 430_000, 4_582_000, STONE),
    ("PRG", "33U", 458_000, 5_548_000, STONE),
    ("Medellin", "18N", 434_000, 690_000, STUCCO),
    ("Minneapolis", "15T", 478_000, 4_980_000, MODERN),
    ("OSL", "32V", 597_000, 6_642_000, BRICK),
    ("TRT", "17T", 629_000, 4_834_000, BRICK),
    ("Miami", "17R", 580_000, 2_850_000, STUCCO),
    ("Phoenix", "12S", 400_000, 3_702_000, MODERN),
    ("Brussels", "31U", 595_000, 5_633_000, BRICK),
    ("WashingtonDC", "18S", 323_000, 4_307_000, BRICK),
)
_SF = ("SanFrancisco", "10S", 548_000, 4_178_000, replace(STUCCO, oriels=0.5, poles=0.5))
_TOKYO = ("Tokyo", "54S", 386_000, 3_949_000, CONCRETE)
_SECOND_TOWN = 30_000
"""Metres to the north where a name's next town lies, when more cities are asked than names."""


def training_city(seed: int, index: int) -> City:
    """The ``index``-th training city: 23 names, then the same with 2, 3, ... behind, elsewhere."""
    turn, place = divmod(index, len(_TRAINING))
    name, zone, easting, northing, style = _TRAINING[place]
    name = f"{name}{turn + 1}" if turn else name
    return _city(seed, name, zone, easting, northing + turn * _SECOND_TOWN, style)


def sf_city(seed: int, split: str) -> City:
    """The city of SF-XS; ``split`` ("val" or "test") have ground 20 km apart and other streets."""
    # Both are built alike: what a city leans to hangs on its name.
    return replace(_city(seed, *_SF), northing=_SF[3] - (20_000 if split == "val" else 0))


def tokyo_city(seed: int) -> City:
    """The city of Tokyo-XS."""
    return _city(seed, *_TOKYO)


def _city(seed: int, name: str, zone: str, easting: float, northing: float, base: Style) -> City:
    """Give the city its own leanings: no two seeds, and no two towns of a kind, are alike."""
    rng = generator(seed, "city", name)

    def lean(weights: Mapping[str, float]) -> dict[str, float]:
        return {k: w * float(rng.lognormal(0, 0.4)) for k, w in weights.items()}

    keep = rng.permutation(len(base.walls))[: max(4, len(base.walls) - 2)]
    tint = rng.uniform(0.93, 1.04, 3)
    style = replace(
        base,
        materials=lean(base.materials),
        roofs=lean(base.roofs),
        ground_floors=lean(base.ground_floors),
        trees=lean(base.trees),
        walls=tuple(scaled(base.walls[i], tint, high=0.95) for i in keep),
        greenery=min(base.greenery * rng.uniform(0.6, 1.5), 1.0),
        oriels=min(base.oriels + rng.uniform(0, 0.15), 1.0),
    )
    east, north, bearing = rng.uniform(0, 500), rng.uniform(0, 500), rng.uniform(0, 90)
    return City(name, zone, easting + east, northing + north, bearing, style)
