"""What a rendered street looks like: what changes from year to year, and what does not."""

from dataclasses import replace

import numpy as np
import pytest

from beenhere.city import render_view
from beenhere.city.camera import Camera, Lens, Rays
from beenhere.city.cars import cars_on
from beenhere.city.light import CONDITIONS, Moment, draw_moment
from beenhere.city.scene import Scene
from beenhere.city.street import Street
from beenhere.city.styles import training_city

SIZE = 64
PLAIN = Lens(exposure=1.0, cast=(1.0, 1.0, 1.0), softness=0.0, noise=0.0, quality=90, seed=1)
NOON = Moment(year=2012, month=6, day=3, hour=12.0, condition="day", cloud=0.4, fog=0.001,
              wet=0.0, snow=0.0)  # fmt: skip
ACROSS = Camera(x=35, y=-1, height=2.2, yaw=np.pi / 2, pitch=0.1, fov=1.2)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(Street(training_city(1, 0).style, 11, 70, 30))


def photo(scene: Scene, moment: Moment, camera: Camera = ACROSS, lens: Lens = PLAIN) -> np.ndarray:
    return render_view(scene, camera, moment, lens, SIZE).astype(np.float64)


def test_same_view_is_the_same_photo(scene: Scene) -> None:
    again = Scene(Street(training_city(1, 0).style, 11, 70, 30))
    assert (photo(scene, NOON) == photo(again, NOON)).all()


def test_cars_change_with_the_years_and_the_buildings_stay(scene: Scene) -> None:
    later = replace(NOON, year=2019)
    assert cars_on(scene.street, NOON) == cars_on(scene.street, NOON)
    assert cars_on(scene.street, NOON) != cars_on(scene.street, later)
    # The sky and the light are the same kind; what is above the cars must be the same wall.
    up = replace(ACROSS, pitch=0.35)
    wall, _ = scene.cast(Rays(up, SIZE))
    high = (wall >= 0) & (np.arange(SIZE)[:, None] < SIZE // 2)
    assert high.sum() > SIZE * SIZE / 10
    one, other = photo(scene, NOON, up), photo(scene, later, up)
    patterns = [a.mean(2)[high] - a.mean(2)[high].mean() for a in (one, other)]
    assert np.corrcoef(*patterns)[0, 1] > 0.9


def test_another_street_is_another_view(scene: Scene) -> None:
    other = Scene(Street(training_city(1, 0).style, 12, 70, 30))
    assert np.abs(photo(scene, NOON) - photo(other, NOON)).mean() > 10


def test_night_is_dark_with_lights(scene: Scene) -> None:
    night = replace(NOON, hour=23.0, condition="night")
    camera = replace(ACROSS, yaw=0.4)
    day, dark = photo(scene, NOON, camera), photo(scene, night, camera)
    assert np.median(dark) < 0.75 * np.median(day)
    assert dark[: SIZE // 4].min() < 40
    assert dark.max() > 180


def test_lit_windows_differ_from_night_to_night(scene: Scene) -> None:
    night = replace(NOON, hour=23.0, condition="night")
    nights = [photo(scene, replace(night, day=day), replace(ACROSS, pitch=0.3)) for day in (3, 4)]
    assert np.abs(nights[0] - nights[1]).max() > 60


def test_fog_hides_what_is_far(scene: Scene) -> None:
    along = replace(ACROSS, yaw=0.0)
    _, depth = scene.cast(Rays(along, SIZE))
    far = (depth > 30) & (depth < 100)
    assert far.any()
    fog = replace(NOON, condition="fog", fog=0.05)
    assert photo(scene, fog, along)[far].std() < 0.6 * photo(scene, NOON, along)[far].std()


def test_snow_whitens_the_ground(scene: Scene) -> None:
    down = replace(ACROSS, pitch=-0.4)
    snow = replace(NOON, month=1, snow=1.0, condition="snow")
    assert photo(scene, snow, down)[-8:].mean() > photo(scene, NOON, down)[-8:].mean() + 10


@pytest.mark.parametrize("size", [1, 7, 32])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_any_size_and_weather(scene: Scene, size: int, condition: str) -> None:
    moment = draw_moment(np.random.default_rng(size), condition, 2015)
    image = render_view(scene, ACROSS, moment, PLAIN, size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8


def test_snow_falls_in_winter() -> None:
    rng = np.random.default_rng(0)
    north = {draw_moment(rng, "snow", 2015).month for _ in range(50)}
    south = {draw_moment(rng, "snow", 2015, south=True).month for _ in range(50)}
    assert (north, south) == ({12, 1, 2}, {6, 7, 8})


@pytest.mark.parametrize("yaw", [0.0, 1.1, 2.9, 4.4])
def test_cast_finds_what_a_search_over_all_walls_finds(scene: Scene, yaw: float) -> None:
    """Each pixel's wall against the nearest of all, one by one, in float64."""
    camera = Camera(x=30, y=0.7, height=2.0, yaw=yaw, pitch=0.1, roll=0.02, fov=1.3)
    rays = Rays(camera, 24)
    walls, _ = scene.cast(rays)
    rng = np.random.default_rng(0)
    agree = []
    for row, column in rng.integers(0, 24, (150, 2)):
        q, s = float(rays.q[row, column]), float(rays.s[row, column])
        dx = np.cos(yaw) + q * np.sin(yaw)
        dy = np.sin(yaw) - q * np.cos(yaw)
        best, nearest = -1, np.inf
        for wall in range(len(scene.length)):
            (nx, ny), (tx, ty) = scene.normal[wall].tolist(), scene.tangent[wall].tolist()
            cx, cy = scene.corner[wall].tolist()
            facing = nx * dx + ny * dy
            gap = nx * (cx - camera.x) + ny * (cy - camera.y)
            if facing >= 0 or gap >= 0:
                continue
            depth = gap / facing
            along = (camera.x + depth * dx - cx) * tx + (camera.y + depth * dy - cy) * ty
            if not 0 <= along < scene.length[wall] or depth < 0.3:
                continue
            outline = scene.outline[scene.texture[wall]]
            top = outline[int(along / scene.length[wall] * len(outline))]
            if camera.height + depth * s < top and depth < nearest:
                best, nearest = wall, depth
        if best >= 0 and camera.height + nearest * s < 0:
            best = -1
        agree.append(best == walls[row, column])
    # The columns that choose the walls to try are half a pixel apart: edges may differ.
    assert np.mean(agree) > 0.97
