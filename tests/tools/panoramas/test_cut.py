"""Views against worlds of which every direction is known, and against a slow exact camera."""

import numpy as np
import pytest
import torch
from camera import SHORT, jpeg, tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from panorama import direction, grid, naive_view, panorama, png_bytes, sky

from beenhere.config.tools import ViewsConfig
from beenhere.tools.panoramas.cut import (
    WHOLE_SPHERE,
    Cover,
    Sphere,
    cut_views,
    on_sphere,
    sample,
    scaled_down,
)

WHOLE = Sphere(WHOLE_SPHERE)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (48, 96, 3), dtype=np.uint8)


def view(picture: NDArray[np.uint8], yaw: float, options: ViewsConfig, sphere: Sphere = WHOLE):
    return next(cut_views(png_bytes(picture), sphere, [yaw], options))


@settings(max_examples=40)
@given(
    yaw=st.floats(-720, 720),
    pitch=st.sampled_from([-90.0, -61.0, -20.0, 0.0, 4.0, 33.3, 90.0]),
    fov=st.floats(20, 140),
    size=st.sampled_from([(16, 16), (16, 24), (23, 17)]),
)
def test_every_pixel_is_where_a_slow_exact_camera_has_it(
    yaw: float, pitch: float, fov: float, size: tuple[int, int]
) -> None:
    x, y = on_sphere(size, fov, pitch, yaw)
    ours = sample(torch.from_numpy(NOISE).permute(2, 0, 1), WHOLE_SPHERE, x, y)
    # Noise has an edge at every pixel: a thousandth of a pixel off would move a value by 0.25.
    assert np.abs(ours - naive_view(NOISE, size, fov, pitch, yaw)).max() < 0.52


@pytest.mark.parametrize("heading", [0.0, 90.0, 180.0, 271.5])
@pytest.mark.parametrize("middle", [0.0, 123.0])
@pytest.mark.parametrize("pitch", [0.0, -35.0, 88.0])
def test_a_view_sees_what_lies_in_its_direction(
    heading: float, middle: float, pitch: float
) -> None:
    options = ViewsConfig(size=(24, 32), fov=70, pitch=pitch)
    seen = view(panorama(sky, 256, middle), heading - middle, options)
    for row, column in [(0, 0), (0, 31), (11, 15), (23, 0), (23, 31)]:
        wanted = sky(*map(np.float64, direction(row, column, (24, 32), 70, pitch, heading)))
        assert np.abs(seen[row, column] - wanted).max() < 1.2


def test_the_edges_of_a_view_are_half_its_field_of_view_away() -> None:
    x, y = on_sphere((101, 201), 90, 0, 0)
    # The outermost centres lie half a pixel inside: atan(100 / 100.5) degrees from the middle.
    edge = np.degrees(np.arctan(100 / 100.5))
    assert np.allclose((x[50, [0, -1]] - 0.5) * 360, [-edge, edge])
    assert x[50, 100] == pytest.approx(0.5)
    assert np.allclose(y[50], 0.5)


def test_the_seam_is_no_edge() -> None:
    picture = panorama(grid, 200)
    options = ViewsConfig(size=(120, 120), fov=60)
    turned = np.roll(picture, 200, axis=1)
    # The same direction, once across the seam and once in the middle.
    assert np.abs(view(picture, 180, options).astype(int) - view(turned, 0, options)).max() <= 1


@pytest.mark.parametrize("height", [400, 403])
def test_the_seam_is_no_edge_when_scaled_down(height: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (height, 800, 3), dtype=np.uint8)
    options = ViewsConfig(size=(50, 50), fov=60)  # scaled to an even number of columns
    turned = np.roll(picture, 400, axis=1)
    seam = view(picture, 180, options).astype(int)
    assert np.abs(seam - view(turned, 0, options)).max() <= 2
    assert seam.std() > 3


def test_fewer_pixels_are_means_not_samples() -> None:
    """A chessboard as fine as the panorama's pixels is grey in a small view, not stripes."""
    rows, columns = np.mgrid[0:512, 0:1024]
    fine = np.repeat((((rows + columns) % 2) * 255)[..., None], 3, axis=2).astype(np.uint8)
    seen = view(fine, 180, ViewsConfig(size=(32, 32), fov=80))
    assert np.abs(seen.astype(int) - 127).max() <= 4


def test_a_small_view_equals_the_mean_of_a_large_one() -> None:
    picture = panorama(grid, 1024)
    small = view(picture, 77, ViewsConfig(size=(64, 64), fov=60)).astype(float)
    large = view(picture, 77, ViewsConfig(size=(512, 512), fov=60)).astype(float)
    mean = large.reshape(64, 8, 64, 8, 3).mean((1, 3))
    assert np.abs(small - mean).max() < 2.5
    assert np.abs(small - mean).mean() < 0.6
    middle, waves = mean.mean((0, 1)), mean - mean.mean((0, 1))
    aligned = [
        float((np.roll(small, step, axis=axis) - middle)[2:-2, 2:-2].ravel() @ flat)
        for flat in [waves[2:-2, 2:-2].ravel()]
        for axis in (0, 1)
        for step in (-1, 0, 1)
    ]
    for before, here, after in (aligned[:3], aligned[3:]):
        peak = (before - after) / (2 * (before - 2 * here + after))  # of a parabola, in pixels
        assert abs(peak) < 0.05


@pytest.mark.parametrize("width", [96, 97, 250])
def test_scaling_down_knows_no_seam(width: int) -> None:
    rng = np.random.default_rng(2)
    picture = torch.from_numpy(rng.integers(0, 256, (3, 40, 500), dtype=np.uint8))
    thrice = scaled_down(torch.cat([picture] * 3, dim=2), 20, 3 * width, closed=False)
    once = scaled_down(picture, 20, width, closed=True)
    assert (once.int() - thrice[:, :, width : 2 * width].int()).abs().max() <= 1


@pytest.mark.parametrize("pitch", [90.0, -90.0])
def test_poles_are_clean(pitch: float) -> None:
    options = ViewsConfig(size=(64, 64), fov=60, pitch=pitch)
    seen = view(panorama(sky, 256), 30, options).astype(int)
    up = np.sign(pitch)
    for row, column in [(0, 0), (31, 31), (32, 32), (63, 5)]:
        wanted = sky(*map(np.float64, direction(row, column, (64, 64), 60, pitch, 30)))
        assert np.abs(seen[row, column] - wanted).max() < 1.5
    assert seen[31:33, 31:33, 2].mean() == pytest.approx(127.5 + 100 * up, abs=1)
    # A world without edges has none at the pole.
    assert np.abs(np.diff(seen, axis=0)).max() <= 4
    assert np.abs(np.diff(seen, axis=1)).max() <= 4


def test_a_part_of_a_panorama_shows_the_same_as_the_whole() -> None:
    picture = panorama(grid, 200)
    cover = Cover(300 / 400, 40 / 200, 180 / 400, 100 / 200)  # across the seam
    part = np.roll(picture, 100, axis=1)[40:140, 0:180]
    options = ViewsConfig(size=(60, 80), fov=50)
    sphere = Sphere(cover)
    whole = view(picture, 170, options).astype(int)
    assert cover.holds(*on_sphere(options.size, options.fov, 0, 170))
    assert np.abs(view(part, 170, options, sphere) - whole).max() <= 1


@pytest.mark.parametrize(
    ("yaw", "pitch", "held"),
    [(0, 0, True), (19.9, 0, True), (20.5, 0, False), (-20.5, 0, False), (0, 15, False)],
)
def test_a_view_beyond_a_part_is_known(yaw: float, pitch: float, held: bool) -> None:
    cover = Cover(0.5 - 50 / 360, 0.5 - 35 / 180, 100 / 360, 70 / 180)
    assert cover.holds(*on_sphere((600, 600), 60, pitch, yaw)) is held


@settings(max_examples=25)
@given(yaw=st.floats(-180, 180), pose_pitch=st.floats(-60, 60), pose_roll=st.floats(-60, 60))
def test_a_tilted_panorama_gives_upright_views(
    yaw: float, pose_pitch: float, pose_roll: float
) -> None:
    """The camera's own axes, built vector by vector, say where it recorded a direction."""
    x, y = on_sphere((5, 7), 80, 10, yaw, pose_pitch, pose_roll)
    p, r = np.radians(pose_pitch), np.radians(pose_roll)
    ahead = np.array([0, np.cos(p), np.sin(p)])
    above = np.array([0, -np.sin(p), np.cos(p)])
    side = np.array([1.0, 0, 0])
    # Rolled clockwise, as seen from behind: its right side sinks.
    side, above = side * np.cos(r) - above * np.sin(r), above * np.cos(r) + side * np.sin(r)
    for row in range(5):
        for column in range(7):
            ray = np.array(direction(row, column, (5, 7), 80, 10, yaw))
            longitude = np.arctan2(ray @ side, ray @ ahead)
            latitude = np.arcsin(np.clip(ray @ above, -1, 1))
            off = (x[row, column] - 0.5 - longitude / (2 * np.pi) + 0.5) % 1 - 0.5
            assert abs(off) * max(np.cos(latitude), 1e-3) < 1e-7
            assert y[row, column] == pytest.approx(0.5 - latitude / np.pi, abs=1e-7)


def test_a_jpeg_decoded_at_a_fraction_shows_the_same() -> None:
    picture = panorama(grid, 1024)
    options = ViewsConfig(size=(96, 96), fov=60)
    exact = view(picture, 200, options).astype(int)
    seen = next(cut_views(jpeg(picture, quality=98), WHOLE, [200], options))
    assert np.abs(seen - exact).mean() < 2


def test_a_panorama_stored_on_its_side_is_turned_upright() -> None:
    picture = panorama(grid, 256)
    options = ViewsConfig(size=(96, 96), fov=90)
    lying = jpeg(np.rot90(picture).copy(), tiff({0x0112: (SHORT, [6])}), quality=98)
    seen = next(cut_views(lying, WHOLE, [200], options))
    assert np.abs(seen.astype(int) - view(picture, 200, options)).mean() < 2
