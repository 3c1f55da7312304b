"""Cutting panoramas into views: what it costs, beside the plain ways to do it.

    python benchmarks/views.py [--quick] [--help]

One thread each, a JPEG to 12 views of 512 x 512 pixels, 60 degrees wide, in memory. The plain ways
decode the whole panorama by Pillow and read each view's four neighbours at its full size:

- *numpy*: angles and bilinear weights worked out for each view by array operations, in float64;
- *scipy*: the same angles, sampled by ``map_coordinates`` of order 1 on each channel;
- *OpenCV*: the same angles, sampled by ``remap``, where it is installed.

*Off* is the mean difference, of 255, from what the view should show: the mean of 16 rays through
each of its pixels, at the panorama's full size. A panorama that has more pixels than its views
glitters where it is not scaled down first. The picture is made up: edges at every scale.
"""

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.ndimage import map_coordinates

from beenhere.config.tools import ViewsConfig
from beenhere.tools.panoramas.cut import WHOLE_SPHERE, Sphere, cut_views, focal_length

CONSOLE = Console(highlight=False, width=100)
Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A way to sample: a panorama ``(h, w, 3)`` at columns and rows, to ``(H, W, 3)``."""

    name: str
    sample: Callable[[Picture, Floats, Floats], NDArray[np.generic]]


def angles(options: ViewsConfig, yaw: float, height: int, width: int) -> tuple[Floats, Floats]:
    """Columns and rows of a view's pixels, as one writes them down."""
    rows, columns = np.mgrid[0 : options.size[0], 0 : options.size[1]].astype(np.float64)
    right = columns + 0.5 - options.size[1] / 2
    up = options.size[0] / 2 - rows - 0.5
    ahead = focal_length(options.size[1], options.fov)
    longitude = np.arctan2(right, ahead) + np.radians(yaw)
    latitude = np.arctan2(up, np.hypot(right, ahead))
    x = (longitude / (2 * np.pi) + 0.5) % 1 * width - 0.5
    return x, (0.5 - latitude / np.pi) * height - 0.5


def by_numpy(panorama: Picture, x: Floats, y: Floats) -> NDArray[np.generic]:
    """Four neighbours and their weights."""
    height, width = panorama.shape[:2]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    wx, wy = (x - left)[..., None], (y - top)[..., None]
    low, high = top.clip(0, height - 1), (top + 1).clip(0, height - 1)
    upper = panorama[low, left % width] * (1 - wx) + panorama[low, (left + 1) % width] * wx
    lower = panorama[high, left % width] * (1 - wx) + panorama[high, (left + 1) % width] * wx
    return np.asarray(np.rint(upper * (1 - wy) + lower * wy).astype(np.uint8))


def by_scipy(panorama: Picture, x: Floats, y: Floats) -> NDArray[np.generic]:
    """Each channel by itself."""
    channels = [
        map_coordinates(panorama[..., c], (y, x), order=1, mode="grid-wrap") for c in range(3)
    ]
    return np.stack(channels, axis=-1)


def ways() -> list[Way]:
    """Those that are installed."""
    found = [Way("plain: numpy", by_numpy), Way("plain: scipy", by_scipy)]
    try:
        import cv2
    except ImportError:
        return found
    cv2.setNumThreads(1)

    def by_opencv(panorama: Picture, x: Floats, y: Floats) -> NDArray[np.generic]:
        maps = x.astype(np.float32), y.astype(np.float32)
        return np.asarray(cv2.remap(panorama, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))

    return [*found, Way("plain: OpenCV", by_opencv)]


def picture(height: int) -> Picture:
    """``(height, 2 * height, 3)``: noise of every scale, as pictures of the world have it."""
    rng = np.random.default_rng(0)
    total = np.zeros((height, 2 * height), np.float32)
    cell = 1
    while cell <= height // 4:
        cells = rng.uniform(-1, 1, (height // cell, 2 * height // cell)).astype(np.float32)
        total += cells.repeat(cell, 0).repeat(cell, 1)[:height, : 2 * height] * 30
        cell *= 4
    rgb = np.clip(127 + total[..., None] + np.array([0, 10, -10]), 0, 255)
    return np.asarray(rgb.astype(np.uint8))


def exact(panorama: Picture, options: ViewsConfig, yaw: float) -> Floats:
    """A view as the mean of 16 rays through each pixel."""
    fine = options.model_copy(update={"size": (options.size[0] * 4, options.size[1] * 4)})
    sampled = by_numpy(panorama, *angles(fine, yaw, *panorama.shape[:2])).astype(np.float64)
    mean: Floats = sampled.reshape(options.size[0], 4, options.size[1], 4, 3).mean((1, 3))
    return mean


def median_ms(work: Callable[[], object], times: int) -> float:
    """Of several runs, after one that warms up."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return float(np.median(taken))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one size, one run")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    options = ViewsConfig()
    yaws = [number * 360 / options.views for number in range(options.views)]
    table = Table("panorama", "way", "ms a panorama", "of it decoding", "off")
    for height in (1024,) if quick else (1024, 2048, 4096):
        data = simplejpeg.encode_jpeg(picture(height), quality=92)
        size = f"{2 * height} x {height}"
        panorama = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        wanted = exact(panorama, options, yaws[5])

        def ours(data: bytes = data) -> list[Picture]:
            return list(cut_views(data, Sphere(WHOLE_SPHERE), yaws, options))

        def none(data: bytes = data) -> list[Picture]:
            return list(cut_views(data, Sphere(WHOLE_SPHERE), [], options))

        runs = 1 if quick else 5
        off = np.abs(ours()[5] - wanted).mean()
        decoding = f"{median_ms(none, runs):.0f}"
        table.add_row(size, "beenhere", f"{median_ms(ours, runs):.0f}", decoding, f"{off:.2f}")
        for way in ways():

            def decode(data: bytes = data) -> Picture:
                return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

            def plain(way: Way = way, decode: Callable[[], Picture] = decode) -> list[object]:
                whole = decode()
                return [way.sample(whole, *angles(options, yaw, *whole.shape[:2])) for yaw in yaws]

            view = way.sample(panorama, *angles(options, yaws[5], *panorama.shape[:2]))
            off = np.abs(np.asarray(view, np.float64) - wanted).mean()
            took, decoded = median_ms(plain, min(runs, 3)), median_ms(decode, min(runs, 3))
            table.add_row("", way.name, f"{took:.0f}", f"{decoded:.0f}", f"{off:.2f}")
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
