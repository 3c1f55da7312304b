"""The design of one building: everything that stays the same from year to year."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.random import Generator

from beenhere.city.noise import Floats, generator, pick
from beenhere.city.styles import Colour, Style, scaled

ROOFLINE_SAMPLES = 128
"""Samples of a building's outline against the sky, over its width."""


@dataclass(frozen=True)
class Window:
    """A window that a façade repeats.

    Attributes:
        width, height, sill: metres; ``sill`` is its height above the floor.
        columns, rows: panes.
        arched: round head.
        surround: width in metres of the frame of stone around it, 0 for none.
    """

    width: float
    height: float
    sill: float
    columns: int
    rows: int
    arched: bool = False
    surround: float = 0.0
    shutters: bool = False
    balcony: bool = False


@dataclass(frozen=True)
class Building:
    """One building. Lengths in metres.

    Attributes:
        seed: of everything painted on it.
        width, depth, setback: plan; ``setback`` is from the pavement's inner edge.
        storeys: floors above the ground floor.
        bays: centres of the window columns from the left edge.
        skips: bays without windows, by index.
        oriels: bays that project as a bay window, by index.
        roof: "parapet", "cornice", "mansard", "pitched", "gable" or "stepped".
        ground_floor: "shops", "home", "garage", "lobby" or "arcade".
        script: how its signs are written.
    """

    seed: int
    width: float
    depth: float
    setback: float
    ground_height: float
    storey_height: float
    storeys: int
    roof: str
    roof_height: float
    ground_floor: str
    material: str
    wall: Colour
    trim: Colour
    frame: Colour
    accents: tuple[Colour, ...]
    bays: tuple[float, ...]
    skips: frozenset[int]
    oriels: frozenset[int]
    window: Window
    air_conditioners: bool
    script: str

    @property
    def eaves(self) -> float:
        """Height of the wall, without the roof."""
        return self.ground_height + self.storeys * self.storey_height

    @property
    def height(self) -> float:
        """Height of the highest point of the outline."""
        return float(self.roofline.max())

    @cached_property
    def roofline(self) -> Floats:
        """Outline over the width, seen from the street: heights, ``(ROOFLINE_SAMPLES,)``."""
        u = (np.arange(ROOFLINE_SAMPLES, dtype=np.float32) + 0.5) / ROOFLINE_SAMPLES
        middle = 1 - np.abs(2 * u - 1)
        rise = self.roof_height
        if self.roof == "gable":
            outline = rise * middle
        elif self.roof == "stepped":
            outline = rise * np.floor(np.minimum(middle * 1.25, 1) * 5) / 5
        else:
            outline = np.full_like(u, rise)
        rng = generator(self.seed, "chimneys")
        if self.roof in ("mansard", "pitched") and rng.random() < 0.7:
            at = rng.choice([0.0, 0.9])
            outline[(u >= at) & (u < at + 0.1)] += rng.uniform(0.7, 1.6)
        if self.roof == "parapet" and rng.random() < 0.5:
            at, wide = rng.uniform(0.1, 0.6), rng.uniform(0.12, 0.3)
            outline[(u >= at) & (u < at + wide)] += rng.uniform(0.5, 2.6)
        return (self.eaves + outline).astype(np.float32)


def design_building(style: Style, seed: int, width: float) -> Building:
    """Draw a building of ``width`` metres in the manner of ``style``."""
    rng = generator(seed, "building")
    material = pick(rng, style.materials)
    storeys = int(rng.integers(style.storeys[0], style.storeys[1] + 1))
    storey_height = rng.uniform(*style.storey_height)
    roof = pick(rng, style.roofs)
    if roof == "gable":  # of a wide house its roof would be as high as a church's
        roof = "pitched" if width > 11 else "stepped" if rng.random() < 0.3 else roof
    window = _design_window(style, rng, material, storey_height)
    bays = _lay_bays(rng, width, window)
    oriels: frozenset[int] = frozenset()
    if rng.random() < style.oriels and len(bays) > 1 and storeys:
        oriels = frozenset(range(int(rng.integers(0, 2)), len(bays), 2))
    skips = frozenset(i for i in range(len(bays)) if rng.random() < 0.06) - oriels
    wall = _vary(rng, style.walls[rng.integers(len(style.walls))], 0.045)
    trim = scaled(wall, 1.15, high=0.95)
    if rng.random() < 0.7:
        trim = _TRIMS[rng.integers(len(_TRIMS))]
    accents = rng.permutation(len(style.accents))[:4]
    roof_heights = {
        "parapet": (0.4, 1.1), "cornice": (0.7, 1.3), "mansard": (2.4, 3.4), "pitched": (1.2, 2.6),
        "gable": (0.35 * width, 0.6 * width), "stepped": (0.4 * width, 0.6 * width),
    }  # fmt: skip
    return Building(
        seed=seed,
        width=width,
        depth=rng.uniform(9, 15),
        setback=rng.uniform(*style.setback) if rng.random() < 0.5 else style.setback[0],
        ground_height=rng.uniform(3.1, 4.6),
        storey_height=storey_height,
        storeys=storeys,
        roof=roof,
        roof_height=rng.uniform(*roof_heights[roof]),
        ground_floor=pick(rng, style.ground_floors),
        material=material,
        wall=wall,
        trim=trim,
        frame=_FRAMES[rng.integers(len(_FRAMES))],
        accents=tuple(_vary(rng, style.accents[i], 0.1) for i in accents),
        bays=bays,
        skips=skips,
        oriels=oriels,
        window=window,
        air_conditioners=rng.random() < style.air_conditioners,
        script=style.script,
    )


_TRIMS = (
    (0.88, 0.86, 0.81), (0.93, 0.92, 0.90), (0.72, 0.66, 0.56), (0.40, 0.38, 0.37),
    (0.55, 0.50, 0.44),
)  # fmt: skip
_FRAMES = (
    (0.92, 0.92, 0.90), (0.92, 0.92, 0.90), (0.20, 0.20, 0.21), (0.36, 0.24, 0.17),
    (0.22, 0.33, 0.29), (0.60, 0.61, 0.62),
)  # fmt: skip


def _vary(rng: Generator, colour: Colour, amount: float) -> Colour:
    """Lighter or darker by ``amount``, with a little of another hue."""
    tone = 1 + 2 * amount * rng.standard_normal()
    tints = 0.012 * rng.standard_normal(3)
    r, g, b = np.clip(np.multiply(colour, tone) + tints, 0.04, 0.95).tolist()
    return r, g, b


def _design_window(style: Style, rng: Generator, material: str, storey_height: float) -> Window:
    if material == "glass":
        width, height = rng.uniform(1.3, 2.6), storey_height - rng.uniform(0.3, 0.9)
        columns, rows = rng.integers(1, 3, 2).tolist()
        return Window(width, height, 0.15, columns, rows)
    balcony = rng.random() < style.balconies
    sill = 0.15 if balcony else rng.uniform(0.5, 1.0)
    height = min(rng.uniform(1.3, 2.1), storey_height - sill - 0.45)
    wide = rng.random() < 0.3
    columns, rows = _PANES[rng.integers(len(_PANES))]
    return Window(
        width=rng.uniform(1.6, 2.6) if wide else rng.uniform(0.8, 1.4),
        height=height,
        sill=sill,
        columns=columns + wide,
        rows=rows,
        arched=rng.random() < 0.15 and not wide,
        surround=float(rng.choice([0.0, 0.12, 0.2])),
        shutters=rng.random() < style.shutters and not wide,
        balcony=balcony,
    )


_PANES = ((1, 2), (2, 1), (2, 2), (2, 3), (1, 1), (3, 2))


def _lay_bays(rng: Generator, width: float, window: Window) -> tuple[float, ...]:
    """Centres of window columns: even, in pairs, or wide in the middle."""
    need = window.width * (1.9 if window.shutters else 1.15) + 2 * window.surround
    gap = need + float(rng.uniform(0.3, 1.6))
    count = max(1, int((width - 0.6) / gap))
    centres = (np.arange(count) + 0.5) * width / count
    pattern = rng.integers(4)
    if pattern == 0 and count >= 4 and count % 2 == 0:
        centres += np.where(np.arange(count) % 2 == 0, 1, -1) * 0.5 * (width / count - need)
    elif pattern == 1 and count >= 3:
        centres += np.sign(centres - width / 2) * 0.4 * min(0.6, width / count - need)
    return tuple(centres.tolist())
