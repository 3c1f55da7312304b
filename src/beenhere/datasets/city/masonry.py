"""What a wall is made of, as a pattern over the whole of it."""

import numpy as np

from beenhere.datasets.city.canvas import TEXELS_PER_METRE, Canvas


def lay_masonry(canvas: Canvas, material: str, rng: np.random.Generator) -> None:
    """Give a plain wall the pattern of its material.

    Args:
        material: "brick", "stone", "stucco", "wood", "concrete", "tile" or "glass".
    """
    if material == "brick":
        _blocks(canvas, rng, length=4, course=1, spread=0.13, joint=1.0)
    elif material == "stone":
        length, course = int(rng.integers(10, 18)), int(rng.integers(5, 9))
        _blocks(canvas, rng, length=length, course=course, spread=0.05, joint=0.84)
    elif material == "tile":
        side = int(rng.integers(3, 7))
        _blocks(canvas, rng, length=side, course=side, spread=0.05, joint=0.9)
    elif material == "wood":
        step = int(rng.integers(3, 5))
        canvas.rgb[::step] *= 0.8
        canvas.rgb[1::step] *= 1.05
    elif material == "concrete":
        _panels(canvas, rng)
    elif material == "stucco":
        canvas.mottle(rng, 0.6, 0.05)
    elif material == "glass":
        canvas.rgb *= 0.75


def _blocks(
    canvas: Canvas, rng: np.random.Generator, length: int, course: int, spread: float, joint: float
) -> None:
    """Running bond: each block its own tone, every other course shifted by half (in texels)."""
    rows, columns = canvas.code.shape
    course_of = np.arange(rows) // course
    tones = 1 + spread * rng.uniform(-1, 1, (course_of[-1] + 1, columns // length + 2))
    shift = np.where(course_of % 2 == 1, length // 2, 0)
    along = np.arange(columns)[None, :] + shift[:, None]
    tone = tones.astype(np.float32)[course_of[:, None], along // length]
    if joint < 1:
        tone[np.arange(rows) % course == 0] *= joint
        tone[along % length == 0] *= joint
    canvas.rgb *= tone[..., None]


def _panels(canvas: Canvas, rng: np.random.Generator) -> None:
    """Cast panels with dark joints, each weathered a little differently."""
    rows, columns = canvas.code.shape
    high = int(rng.uniform(1.4, 3.2) * TEXELS_PER_METRE)
    wide = int(rng.uniform(1.2, 4.0) * TEXELS_PER_METRE)
    tones = rng.uniform(0.95, 1.03, (rows // high + 1, columns // wide + 1)).astype(np.float32)
    tone = tones[np.arange(rows)[:, None] // high, np.arange(columns)[None, :] // wide]
    canvas.rgb *= tone[..., None]
    canvas.rgb[::high] *= 0.78
    canvas.rgb[:, ::wide] *= 0.78
