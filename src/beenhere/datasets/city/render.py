"""Renders what a camera on a street sees at a moment."""

import numpy as np

from beenhere.datasets.city.arrays import Bytes, Floats, Ints
from beenhere.datasets.city.camera import Camera, Rays
from beenhere.datasets.city.canvas import DOOR_LAMP, FIRST_WINDOW, LAST_WINDOW, SHOP_GLASS, SIGN
from beenhere.datasets.city.cars import Car, cars_on, draw_car
from beenhere.datasets.city.ground import ground_reflectance
from beenhere.datasets.city.lens import Lens, develop
from beenhere.datasets.city.lighting import Vector, irradiance
from beenhere.datasets.city.moment import Light, Moment, light_of
from beenhere.datasets.city.plants import draw_trees
from beenhere.datasets.city.posts import draw_posts
from beenhere.datasets.city.scene import Hits, Scene
from beenhere.datasets.city.seeds import generator
from beenhere.datasets.city.sky import shade_sky

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
    rays = Rays.of(camera, size)
    hits = scene.cast(rays)
    radiance = np.empty((size * size, 3), np.float32)
    depth = hits.depth.copy().ravel()
    q, s = rays.q.ravel(), rays.s.ravel()
    wall = hits.wall.ravel()
    walls = np.flatnonzero(wall >= 0)
    ground = np.flatnonzero((wall < 0) & (s < -1e-3))
    sky = np.flatnonzero((wall < 0) & (s >= -1e-3))
    depth[ground] = camera.height / -s[ground]

    radiance[sky] = shade_sky(_directions(camera, q[sky], s[sky]), moment, light)
    radiance[walls] = _shade_walls(scene, rays, hits, walls, moment, light)
    cars = [c for c in cars_on(street, moment) if _CAR_GAP < _distance(c, camera) < _CAR_REACH]
    wet = np.zeros(size * size, np.float32)
    radiance[ground], wet[ground] = _shade_ground(scene, rays, ground, depth, cars, moment, light)
    image = radiance.reshape(size, size, 3)
    _veil(image, depth.reshape(size, size), moment, light, sky)
    deep = depth.reshape(size, size)
    cars.sort(key=lambda c: -_distance(c, camera))
    for car in cars:
        draw_car(car, rays, image, deep, moment, light, 0.02)
    draw_posts(street, rays, image, deep, moment, light)
    draw_trees(street, rays, image, deep, moment, light, south)
    if moment.wet:
        _mirror(image, wet.reshape(size, size), camera)
    return develop(image, moment, lens)


def _distance(car: Car, camera: Camera) -> float:
    return float(np.hypot(car.x - camera.x, car.y - camera.y))


def _directions(camera: Camera, q: Floats, s: Floats) -> Vector:
    """Unit directions in the street's frame."""
    (fx, fy), (rx, ry) = camera.forward, camera.right
    length = np.sqrt(1 + q * q + s * s)
    return (fx + q * rx) / length, (fy + q * ry) / length, s / length


def _shade_walls(
    scene: Scene, rays: Rays, hits: Hits, at: Ints, moment: Moment, light: Light
) -> Floats:
    camera = rays.camera
    (fx, fy), (rx, ry) = camera.forward, camera.right
    q, s = rays.q.ravel()[at], rays.s.ravel()[at]
    wall, t = hits.wall.ravel()[at], hits.depth.ravel()[at]
    x, y = camera.x + t * (fx + q * rx), camera.y + t * (fy + q * ry)
    z = camera.height + t * s
    cx, cy, tx, ty = (np.take(a, wall) for a in (*scene.corner.T, *scene.tangent.T))
    u = (x - cx) * tx + (y - cy) * ty
    texture = np.take(scene.texture, wall)
    shown = np.unique(wall)
    scene.atlas.paint(np.unique(scene.texture[shown]))
    # A wall seen at a slant is squeezed sideways; half-way between the two keeps it sharp.
    slant = np.abs(ty * (fx + q * rx) - tx * (fy + q * ry))
    slant /= np.sqrt(1 + q * q)
    footprint = t * rays.pixel / np.sqrt(np.maximum(slant, 0.08))
    albedo, code = scene.atlas.sample(texture, u, z, footprint)
    if moment.snow:
        albedo = albedo + 0.25 * moment.snow * (albedo > 0.4)
    received = irradiance(scene.street, light, (x, y, z), (ty, -tx, 0.0))
    radiance = albedo * received
    glass = (code >= FIRST_WINDOW) & (code < SIGN)
    radiance[glass] += _reflection(q[glass], s[glass], z[glass], slant[glass], light)
    if light.lit:
        radiance += _glow(scene, shown, wall, code, albedo, moment, light)
    return radiance


def _reflection(q: Floats, s: Floats, z: Floats, slant: Floats, light: Light) -> Floats:
    """What window panes mirror: the houses across, and the sky above them."""
    fresnel = 0.08 + 0.7 * (1 - slant) ** 4
    sky = np.clip((s + 0.02 * z - 0.25) * 3, 0.1, 1) * fresnel
    return sky[:, None] * np.array(light.horizon, np.float32)


def _glow(
    scene: Scene, shown: Ints, wall: Ints, code: Bytes,
    albedo: Floats, moment: Moment, light: Light,
) -> Floats:  # fmt: skip
    """Light out of windows, shops and signs: which of them burn differs from night to night."""
    table = np.zeros((len(shown), 256, 3), np.float32)
    for row, number in enumerate(shown):
        rng = generator(scene.seeds[number], "lights", moment.date)
        burns = rng.random(256)
        warmth = rng.random((256, 1)).astype(np.float32)
        colour = np.array([1.0, 0.62, 0.28], np.float32) * (1 - warmth) + warmth * np.array(
            [0.75, 0.85, 1.0], np.float32
        )
        share = np.zeros(256)
        share[FIRST_WINDOW : LAST_WINDOW + 1] = light.lit
        share[SHOP_GLASS:SIGN] = light.shop_lit
        share[SIGN:DOOR_LAMP] = light.shop_lit
        share[DOOR_LAMP] = 0.6
        level = rng.uniform(0.1, 0.4, (256, 1)).astype(np.float32)
        table[row] = np.where((burns < share)[:, None], colour * level, 0)
    row = np.searchsorted(shown, wall)
    out = np.take(table.reshape(-1, 3), row * 256 + code, axis=0)
    # Curtains and goods show against the light; signs glow in their own colours.
    return out * (0.25 + 2.2 * albedo)


def _shade_ground(
    scene: Scene, rays: Rays, at: Ints, depth: Floats, cars: list[Car],
    moment: Moment, light: Light,
) -> tuple[Floats, Floats]:  # fmt: skip
    camera = rays.camera
    (fx, fy), (rx, ry) = camera.forward, camera.right
    q, t = rays.q.ravel()[at], depth[at]
    x, y = camera.x + t * (fx + q * rx), camera.y + t * (fy + q * ry)
    s = rays.s.ravel()[at]
    blur = t * rays.pixel * np.sqrt(1 + np.minimum(1 / (s * s), 100))
    albedo, wet = ground_reflectance(scene.street, moment, x, y, blur)
    shade = _contact(cars, x, y)
    flat = np.zeros_like(x)
    received = irradiance(scene.street, light, (x, y, flat), (0.0, 0.0, 1.0))
    return albedo * received * shade[:, None], wet


def _contact(cars: list[Car], x: Floats, y: Floats) -> Floats:
    """Shade under and beside cars, 1 where there is none."""
    shade = np.ones(x.shape, np.float32)
    for car in cars:
        dx = np.abs(x - car.x) - car.body.length / 2
        dy = np.abs(y - car.y) - car.body.width / 2
        out = np.maximum(np.maximum(dx, dy), 0)
        shade *= 1 - 0.85 * np.clip(1 - out * 2.5, 0, 1)
    return shade


def _veil(image: Floats, depth: Floats, moment: Moment, light: Light, sky: Ints) -> None:
    """Fog and haze over everything so far drawn; in fog the sky goes too."""
    clear = np.exp(-moment.fog * np.minimum(depth, 400)).astype(np.float32)
    if moment.fog < 0.01:
        clear.ravel()[sky] = 1
    haze = np.array(light.haze, np.float32)
    image *= clear[..., None]
    image += haze * (1 - clear)[..., None]


def _mirror(image: Floats, wet: Floats, camera: Camera) -> None:
    """Let wet ground mirror what stands above it, smeared upright as wet asphalt does."""
    size = image.shape[0]
    horizon = size / 2 * (1 + np.tan(camera.pitch) / np.tan(camera.fov / 2))
    rows = np.arange(size)
    source = np.clip(np.round(2 * horizon - rows).astype(int), 0, size - 1)
    above = image[source]
    smeared = (above + image[np.clip(source - 5, 0, size - 1)] + image[
        np.clip(source + 4, 0, size - 1)]) / 3  # fmt: skip
    image += smeared * (0.28 * wet)[..., None]
