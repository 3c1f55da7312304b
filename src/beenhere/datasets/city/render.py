"""Renders what a camera on a street sees at a moment."""

import numpy as np

from beenhere.datasets.city.arrays import Bytes, Floats, Ints
from beenhere.datasets.city.camera import Camera, Rays
from beenhere.datasets.city.car_body import draw_car
from beenhere.datasets.city.cars import Car, cars_on
from beenhere.datasets.city.ground import shade_ground
from beenhere.datasets.city.lens import Lens, develop
from beenhere.datasets.city.moment import Moment, light_of
from beenhere.datasets.city.picture import Picture
from beenhere.datasets.city.plants import draw_trees
from beenhere.datasets.city.posts import draw_posts
from beenhere.datasets.city.scene import Scene
from beenhere.datasets.city.sky import shade_sky
from beenhere.datasets.city.walls import shade_walls

_CAR_REACH = 60.0
_CAR_GAP = 4.2
"""Nobody takes a photo with a car's roof in the way: cars as near as that have driven on."""


def render_view(
    scene: Scene, camera: Camera, moment: Moment, lens: Lens, size: int, south: bool = False
) -> Bytes:
    """A photo of a street.

    Args:
        size: pixels a side.
        south: whether the city lies south of the equator, where July is winter.

    Returns:
        ``(size, size, 3)`` sRGB.
    """
    street = scene.street
    light = light_of(moment, street.bearing, street.style.lamp, south)
    picture = Picture.blank(Rays.of(camera, size), moment, light)
    radiance, depth = picture.radiance.reshape(-1, 3), picture.depth.ravel()
    hits = scene.cast(picture.rays)
    wall, s = hits.wall.ravel(), picture.rays.s.ravel()
    walls = np.flatnonzero(wall >= 0)
    ground = np.flatnonzero((wall < 0) & (s < -1e-3))
    sky = np.flatnonzero((wall < 0) & (s >= -1e-3))
    depth[walls] = hits.depth.ravel()[walls]
    depth[ground] = camera.height / -s[ground]

    cars = [c for c in cars_on(street, moment) if _CAR_GAP < _distance(c, camera) < _CAR_REACH]
    radiance[sky] = shade_sky(picture.rays.directions(sky), moment, light)
    radiance[walls] = shade_walls(scene, picture, walls, wall[walls])
    radiance[ground], wet = shade_ground(street, picture, ground, cars)
    for car in sorted(cars, key=lambda c: -_distance(c, camera)):
        draw_car(street, picture, car)
    _veil(picture, sky)
    draw_posts(street, picture)
    draw_trees(street, picture, south)
    if moment.wet:
        wet *= depth[ground] >= camera.height / -s[ground]  # not where a car hides the ground
        _mirror(picture, ground, wet)
    return develop(picture.radiance, moment, lens)


def _distance(car: Car, camera: Camera) -> float:
    return float(np.hypot(car.x - camera.x, car.y - camera.y))


def _veil(picture: Picture, sky: Ints) -> None:
    """Fog and haze over everything drawn so far; thick fog takes the sky too."""
    clear = np.exp(-picture.moment.fog * np.minimum(picture.depth, 400)).astype(np.float32)
    if picture.moment.fog < 0.01:
        clear.ravel()[sky] = 1
    haze = np.array(picture.light.haze, np.float32)
    picture.radiance[:] *= clear[..., None]
    picture.radiance[:] += haze * (1 - clear)[..., None]


def _mirror(picture: Picture, ground: Ints, wet: Floats) -> None:
    """Let wet ground mirror what stands above it, smeared upright as wet asphalt does."""
    camera, size = picture.rays.camera, picture.rays.size
    horizon = size / 2 * (1 + np.tan(camera.pitch) / np.tan(camera.fov / 2))
    mirrored = np.round(2 * horizon - np.arange(size)).astype(int)
    smear = max(1, size // 45)
    rows = [np.clip(mirrored + d, 0, size - 1) for d in (-smear, 0, smear)]
    above = sum(picture.radiance[r] for r in rows).reshape(-1, 3)[ground]
    picture.radiance.reshape(-1, 3)[ground] += above * (0.28 / 3 * wet)[:, None]
