"""Paints what lies behind and before the houses: the far end of the view, fences and hedges."""

import numpy as np

from beenhere.datasets.city.arrays import Floats
from beenhere.datasets.city.buildings import ROOFLINE_SAMPLES
from beenhere.datasets.city.canvas import FIRST_WINDOW, LAST_WINDOW, Canvas
from beenhere.datasets.city.masonry import lay_masonry
from beenhere.datasets.city.seeds import generator
from beenhere.datasets.city.streets import Fence
from beenhere.datasets.city.styles import Style


def paint_backdrop(seed: int, style: Style) -> tuple[Canvas, Floats]:
    """A row of far houses, 64 m that repeat, and its outline over the whole wall."""
    rng = generator(seed, "backdrop")
    canvas = Canvas.blank(64, 16, (0.5, 0.5, 0.5))
    x = 0.0
    while x < 64:
        wide = float(rng.uniform(6, 14))
        wall = style.walls[int(rng.integers(len(style.walls)))]
        canvas.fill(x, 0, x + wide, 16, wall)
        for z in np.arange(1.2, 15, 3.1):
            for i in np.arange(x + 1, x + wide - 1.5, 2.2):
                number = int(rng.integers(FIRST_WINDOW, LAST_WINDOW))
                canvas.fill(float(i), float(z), float(i) + 1.1, float(z) + 1.5,
                            (0.24, 0.26, 0.28), number)  # fmt: skip
        x += wide
    steps = rng.uniform(7, 13, ROOFLINE_SAMPLES // 4)
    return canvas, np.repeat(steps, 4).astype(np.float32)


def paint_fence(fence: Fence) -> Canvas:
    """A hedge, a low wall or a fence of boards."""
    rng = generator(fence.seed, "fence")
    if fence.kind == "hedge":
        canvas = Canvas.blank(fence.length, fence.height, (0.26, 0.36, 0.17))
        canvas.mottle(rng, 0.3, 0.5)
        return canvas
    if fence.kind == "wall":
        canvas = Canvas.blank(fence.length, fence.height, (0.55, 0.45, 0.38))
        lay_masonry(canvas, "brick" if rng.random() < 0.5 else "stone", rng)
        canvas.ledge(0, fence.height - 0.12, fence.length, fence.height, (0.7, 0.68, 0.64))
        return canvas
    tone = float(rng.uniform(0.3, 0.8))
    canvas = Canvas.blank(fence.length, fence.height, (tone, tone * 0.85, tone * 0.7))
    for x in np.arange(0, fence.length, 0.25):
        canvas.shade(float(x), 0, float(x) + 0.07, fence.height, float(rng.uniform(0.6, 0.9)))
    return canvas
