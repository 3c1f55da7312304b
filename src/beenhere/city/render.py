"""Renders what a camera on a street sees at a moment."""

import numpy as np

from beenhere.city.camera import Camera, Lens, Picture, Rays, develop
from beenhere.city.cars import Car, cars_on, draw_car
from beenhere.city.light import LAMP_HEIGHT, Light, Moment
from beenhere.city.noise import Bytes, Floats, Ints
from beenhere.city.scene import Scene
from beenhere.city.street import Point, Street
from beenhere.city.surfaces import shade_ground, shade_sky, shade_walls
from beenhere.city.tree_sprites import draw_trees

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
    light = Light(moment, street.bearing, street.style.lamp, south)
    picture = Picture(Rays(camera, size), moment, light)
    radiance, depth = picture.radiance.reshape(-1, 3), picture.depth.ravel()
    wall_of, depth_of = scene.cast(picture.rays)
    wall, s = wall_of.ravel(), picture.rays.s.ravel()
    walls = np.flatnonzero(wall >= 0)
    ground = np.flatnonzero((wall < 0) & (s < -1e-3))
    sky = np.flatnonzero((wall < 0) & (s >= -1e-3))
    depth[walls] = depth_of.ravel()[walls]
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


_POLE_HEIGHT = 8.5


def draw_posts(street: Street, picture: Picture) -> None:
    """Draw lamps (with their glow when they burn) and poles with their cross-arms."""
    light = picture.light
    metal, wood = np.float32(0.07), np.float32(0.09)
    sky = np.array(light.skylight, np.float32) + 0.4 * np.array(light.sunlight, np.float32)
    for at in street.poles:
        _post(picture, at, (0, _POLE_HEIGHT), 0.13, wood * sky)
        _post(picture, at, (_POLE_HEIGHT - 0.7, _POLE_HEIGHT - 0.5), 0.8, wood * sky)
    burning = max(light.lamps) > 0
    lantern = np.array(light.lamps, np.float32) if burning else np.float32(0.25) * sky
    for at in street.lamps:
        _post(picture, at, (0, LAMP_HEIGHT), 0.07, metal * sky)
        head = (at[0], at[1] * 0.75)
        _post(picture, head, (LAMP_HEIGHT - 0.12, LAMP_HEIGHT + 0.12), 0.3, lantern)
        if burning:
            _glow(picture, head)


def _post(
    picture: Picture, at: Point, span: tuple[float, float], half: float, colour: Floats
) -> None:
    """An upright of half-width ``half`` between the two heights of ``span``."""
    low, high = span
    rays = picture.rays
    window = rays.window(*at, half, low, high)
    ahead, aside = rays.camera.relative(*at)
    if window is None or ahead < 0.5:
        return
    blur = ahead * rays.pixel
    across = np.abs(rays.q[window] * ahead - aside)
    z = rays.camera.height + rays.s[window] * ahead
    cover = np.clip((half - across) / blur + 0.5, 0, 1) * min(1.0, 2 * half / blur)
    cover *= np.clip((high - z) / blur + 0.5, 0, 1) * np.clip((z - low) / blur + 0.5, 0, 1)
    cover *= picture.depth[window] > ahead
    here = picture.radiance[window]
    here += (picture.veiled(colour, ahead) - here) * cover[..., None]


def _glow(picture: Picture, at: Point) -> None:
    """The halo of a burning lamp, wider in fog and rain."""
    rays = picture.rays
    ahead, aside = rays.camera.relative(*at)
    reach = 1.2 + 60 * min(picture.moment.fog, 0.05)
    window = rays.window(*at, reach, LAMP_HEIGHT - reach, LAMP_HEIGHT + reach)
    if window is None or ahead < 1:
        return
    across = rays.q[window] * ahead - aside
    above = rays.camera.height + rays.s[window] * ahead - LAMP_HEIGHT
    near = np.clip(1 - np.hypot(across, above) / reach, 0, 1) ** 3
    near *= picture.depth[window] > ahead * 0.8
    picture.radiance[window] += near[..., None] * np.array(picture.light.lamps, np.float32) * 0.08
