"""Lays out a street: which buildings stand where, crossings, trees and lamps. Metres throughout.

A street runs along x from 0 to its length; y is to the left. It ends at both ends in another
street whose houses close the view, so that nothing of it can be seen from any other street.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from beenhere.city.buildings import Building, design_building
from beenhere.city.noise import Floats, generator, pick, subseed
from beenhere.city.styles import Style

Point = tuple[float, float]

HEIGHT_STEP = 0.5
"""Spacing in metres of :attr:`Street.skyline`."""
SKYLINE_START = -60.0
"""Where on x the skyline's first sample lies; it ends as far behind the street's end."""


@dataclass(frozen=True)
class Lot:
    """Where a building stands: its left corner seen from the street, and where its front runs to.

    Attributes:
        corner: ``(x, y)`` of the front's left end.
        tangent: unit vector along the front, to the right.
    """

    building: Building
    corner: Point
    tangent: Point


@dataclass(frozen=True)
class Fence:
    """A low wall, hedge or railing before a gap or a garden."""

    seed: int
    kind: str
    corner: Point
    tangent: Point
    length: float
    height: float


@dataclass(frozen=True)
class Tree:
    """A tree; ``kind`` is "round", "tall" or "palm", ``variant`` and ``mirrored`` its looks."""

    x: float
    y: float
    kind: str
    height: float
    width: float
    variant: int
    mirrored: bool


class Street:
    """Everything of a street that lasts.

    Attributes:
        bearing: degrees clockwise from north of its x axis.
        half_road, pavement: width of half the carriageway and of a pavement.
        half_width: from the middle of the road to the building line.
        crossings: ``(from, to)`` on x of the streets that cross it, with the two at its ends.
        lots, fences, trees: what stands on it.
        lamps: ``(x, y)`` of the street lights; poles: of the wooden ones.
        skyline: ``(2, n)`` heights of the left and right rows, for the shadows they throw.
    """

    def __init__(self, style: Style, seed: int, length: float, bearing: float) -> None:
        """Lay out a street of ``length`` metres; long ones are crossed by others."""
        rng = generator(seed, "street")
        self.style, self.seed = style, seed
        self.length, self.bearing = length, bearing
        self.half_road, self.pavement = street_widths(style, seed)
        self.half_width = self.half_road + self.pavement
        across = rng.uniform(8, 13)
        # One crossing in every 100 m or so, none in a short street.
        count = int(length // 100)
        spots = (np.arange(count) + 0.5) * length / max(count, 1) + rng.uniform(-12, 12, count)
        self._inner = [(float(x), float(x) + across) for x in spots]
        self.crossings = ((-across, 0.0), *self._inner, (length, length + across))
        builder = _Builder(style, seed, rng)
        self._build(builder, rng)
        self.lots, self.fences = tuple(builder.lots), tuple(builder.fences)
        self.trees = self._plant(rng)
        self.lamps = self._posts(rng, self.half_road + 0.5, 26)
        has_poles = rng.random() < style.poles
        self.poles = self._posts(rng, -self.half_road - 0.4, 30) if has_poles else ()
        self.skyline = self._skyline()

    def _build(self, builder: "_Builder", rng: Generator) -> None:
        edges = [0.0, *(x for crossing in self._inner for x in crossing), self.length]
        for side in (1, -1):
            for start, end in zip(edges[::2], edges[1::2], strict=True):
                left = start if side == 1 else end
                builder.row((left, side * self.half_width), (side, 0.0), end - start)
        for start, end in self.crossings:
            near, far = self.half_width + 12, self.half_width + rng.uniform(34, 60)
            # The streets at the ends have houses all along their far side, which close the view.
            builder.flank(start, 1, near if start >= 0 else 0.0, far)
            builder.flank(end, -1, near if end <= self.length else 0.0, far)
            builder.row((start - 8, far), (1.0, 0.0), end - start + 16)
            builder.row((end + 8, -far), (-1.0, 0.0), end - start + 16)

    def _plant(self, rng: Generator) -> tuple[Tree, ...]:
        """Rows of trees, on one side, on both or on none."""
        trees = []
        for side in (1, -1):
            if rng.random() > self.style.greenery:
                continue
            kind = pick(rng, self.style.trees)
            step, height = rng.uniform(8, 16), rng.uniform(4.5, 9)
            for x in np.arange(rng.uniform(2, 8), self.length - 2, step):
                if rng.random() < 0.2 or any(a - 3 < x < b + 3 for a, b in self._inner):
                    continue
                tall = height * rng.uniform(0.8, 1.2)
                share = {"round": 0.7, "tall": 0.35, "palm": 0.5}[kind]
                wide = tall * share * rng.uniform(0.8, 1.2)
                at = float(x + rng.uniform(-1, 1))
                y = side * (self.half_road + min(0.9, self.pavement * 0.4))
                variant, mirrored = int(rng.integers(4)), rng.random() < 0.5
                trees.append(Tree(at, y, kind, tall, wide, variant, mirrored))
        return tuple(trees)

    def _posts(self, rng: Generator, y: float, step: float) -> tuple[Point, ...]:
        """Posts about ``step`` metres apart, alternating sides when the road is wide."""
        spots = np.arange(rng.uniform(3, 15), self.length, step)
        alternate = -1 if abs(y) > 5 else 1
        return tuple(
            (float(x), y * alternate**i)
            for i, x in enumerate(spots)
            if not any(a - 1 < x < b + 1 for a, b in self._inner)
        )

    def _skyline(self) -> Floats:
        xs = np.arange(SKYLINE_START, self.length - SKYLINE_START, HEIGHT_STEP)
        heights = np.zeros((2, len(xs)), np.float32)
        for lot in self.lots:
            # Only the two rows along the street, and no house far behind them.
            if lot.tangent[1] or abs(lot.corner[1]) > self.half_width + 10:
                continue
            side = 0 if lot.tangent[0] > 0 else 1
            ends = sorted((lot.corner[0], lot.corner[0] + lot.tangent[0] * lot.building.width))
            heights[side, (xs >= ends[0]) & (xs <= ends[1])] = lot.building.height
        return heights


def street_widths(style: Style, seed: int) -> tuple[float, float]:
    """Half the carriageway and a pavement of the street with ``seed``, in metres."""
    rng = generator(seed, "widths")
    return rng.uniform(*style.road) / 2, rng.uniform(*style.pavement)


class _Builder:
    """Fills rows with buildings, one after the other."""

    def __init__(self, style: Style, seed: int, rng: Generator) -> None:
        self.style, self.seed, self.rng = style, seed, rng
        self.lots: list[Lot] = []
        self.fences: list[Fence] = []

    def row(self, corner: Point, tangent: Point, length: float) -> None:
        """Buildings from ``corner`` along ``tangent``, facing the street on their front side."""
        at = 0.0
        while at < length - 3:
            chance = self.rng.random()
            room = length - at
            if chance < 0.07 and 6 < at < room - 12:
                at += self._gap(corner, tangent, at)
            elif chance < 0.07 + 0.25 * self.style.terraces:
                at += self._terrace(corner, tangent, at, room)
            else:
                at += self._stand(corner, tangent, at, self._design(room))

    def flank(self, x: float, facing: int, near: float, far: float) -> None:
        """Buildings along one side of a street that crosses, ``near`` to ``far`` from the axis.

        Args:
            x: where their fronts stand. facing: 1 if they look towards larger x, -1 if not.
        """
        tangent = (0.0, float(facing))
        if near:
            self.row((x, facing * near), tangent, far - near)
        self.row((x, -facing * far), tangent, far - near if near else 2 * far)

    def _design(self, room: float) -> Building:
        """A building of usual width, or as wide as the room if little would be left beside it."""
        width = self.rng.uniform(*self.style.frontage)
        return self._build(room if room - width < 5 else width)

    def _build(self, width: float) -> Building:
        seed = subseed(self.seed, "lot", len(self.lots))
        return design_building(self.style, seed, width)

    def _stand(self, corner: Point, tangent: Point, at: float, building: Building) -> float:
        """Put up a building; returns the frontage it takes."""
        normal = (tangent[1], -tangent[0])
        x, y = (corner[i] + at * tangent[i] - building.setback * normal[i] for i in range(2))
        self.lots.append(Lot(building, (x, y), tangent))
        if 1.6 < building.setback < 10:
            self._fence(corner, tangent, at, building.width)
        return building.width

    def _terrace(self, corner: Point, tangent: Point, at: float, room: float) -> float:
        """Several houses built as one, told apart by their doors and curtains."""
        first = self._design(room)
        count = min(int(self.rng.integers(3, 7)), max(1, int(room // first.width)))
        taken = 0.0
        for i in range(count):
            accents = tuple(first.accents[j] for j in self.rng.permutation(4))
            house = replace(first, seed=subseed(first.seed, "terrace", i), accents=accents)
            taken += self._stand(corner, tangent, at + taken, house)
        return taken

    def _gap(self, corner: Point, tangent: Point, at: float) -> float:
        """An alley, or a yard behind a fence."""
        alley = self.rng.random() < 0.5
        width = self.rng.uniform(2, 4) if alley else self.rng.uniform(6, 12)
        behind = replace(self._build(width + 10), setback=16.0)
        self._stand(corner, tangent, at - 5, behind)
        if not alley:
            self._fence(corner, tangent, at, width)
        return width

    def _fence(self, corner: Point, tangent: Point, at: float, length: float) -> None:
        kind = pick(self.rng, {"hedge": 2, "wall": 2, "boards": 1})
        height = self.rng.uniform(0.6, 1.8 if kind != "wall" else 1.2)
        x, y = (corner[i] + at * tangent[i] for i in range(2))
        seed = subseed(self.seed, "fence", len(self.fences))
        self.fences.append(Fence(seed, kind, (x, y), tangent, length, height))
