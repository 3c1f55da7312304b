"""Places among matches, held against loops that know nothing of arrays."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from beenhere import geo
from beenhere.photos.reference import LocalPoints, Points
from beenhere.retrieval.locate.places import Places, find_places, weights

Floats = NDArray[np.float64]
RADIUS = 25.0

# Far from zone borders, on one, on the 180th meridian, at both ends of UTM and at a pole.
CENTRES = {
    "city": (55.7, 13.2),
    "zone border": (48.0, 12.0),
    "equator": (0.0, 9.5),
    "180th meridian": (-17.0, 180.0),
    "end of UTM": (84.0, 25.0),
    "south of UTM": (-80.0, 25.0),
    "pole": (90.0, 0.0),
    # Not on Earth, but on the plan of a building.
    "plan": (0.0, 0.0),
}


def around(centre: tuple[float, float], east: Floats, north: Floats) -> Points:
    if centre == CENTRES["plan"]:
        nothing = np.full(len(east), None, object)
        return LocalPoints(nothing, nothing, np.asarray(east), np.asarray(north))
    lat, lon = np.full(len(east), centre[0]), np.full(len(east), centre[1])
    return geo.from_plane(geo.positions(lat, lon), east, north)


def offset(centre: tuple[float, float], places: Places) -> tuple[Floats, Floats]:
    found = places.centre
    if isinstance(found, LocalPoints):
        return found.x, found.y
    lat, lon = np.full(len(found), centre[0]), np.full(len(found), centre[1])
    return geo.to_plane(geo.positions(lat, lon), found)


def naive_place(
    weight: list[float], points: list[tuple[float, float]], free: set[int]
) -> tuple[float, float, float, float, set[int]]:
    """x, y, spread, share and members of the densest place, on a plane."""

    def inside(x: float, y: float) -> set[int]:
        metres = {i: math.hypot(points[i][0] - x, points[i][1] - y) for i in free}
        # A mean may lie as far from a photo as the radius; planes then differ by centimetres.
        assume(all(abs(each - RADIUS) > 0.02 for each in metres.values()))
        return {i for i, each in metres.items() if each <= RADIUS}

    def mean(members: set[int]) -> tuple[float, float]:
        total = sum(weight[i] for i in members)
        return (
            sum(weight[i] * points[i][0] for i in members) / total,
            sum(weight[i] * points[i][1] for i in members) / total,
        )

    seed = max(sorted(free), key=lambda i: sum(weight[j] for j in inside(*points[i])))
    members = inside(*points[seed])
    for _ in range(10):
        moved = inside(*mean(members)) or members
        if moved == members:
            break
        members = moved
    x, y = mean(members)
    share = sum(weight[i] for i in members)
    square = sum(weight[i] * ((points[i][0] - x) ** 2 + (points[i][1] - y) ** 2) for i in members)
    return x, y, math.sqrt(square / share), share, members


@pytest.mark.parametrize("name", CENTRES)
@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), k=st.integers(1, 12))
def test_as_naive_loops_find_them_anywhere_on_earth(name: str, seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    # Steps of 3.3 m: no distance is within a per mille of the radius, where planes may differ.
    east, north = random.integers(-12, 13, (2, 3 * k)) * 3.3
    positions = around(CENTRES[name], east, north)
    weight = random.dirichlet(np.ones(k), 3)
    first, second = find_places(weight, positions, RADIUS, 2)
    for query in range(3):
        rows = range(query * k, query * k + k)
        points = [(float(east[row]), float(north[row])) for row in rows]
        free = set(range(k))
        for places in (first, second):
            members = set(np.flatnonzero(places.members[query]).tolist())
            if not free:
                assert not members and not places.centre.known[query]
                continue
            x, y, spread, share, expected = naive_place(weight[query].tolist(), points, free)
            got_x, got_y = (values[query] for values in offset(CENTRES[name], places))
            assert members == expected
            # UTM's scale is off by up to 4 in 10,000 (k0 = 0.9996), and more by the poles.
            assert math.hypot(got_x - x, got_y - y) < 0.1
            assert places.spread[query] == pytest.approx(spread, abs=0.1)
            assert places.share[query] == pytest.approx(share)
            free -= expected


def test_a_street_is_no_place() -> None:
    # 5 m apart over 400 m, which single linkage would take for one; the best photo is the last.
    east = np.arange(81) * 5.0
    similarity = np.linspace(0.3, 0.5, 81)[None]
    weight = weights(similarity, None, 0.1, 12, similarity)
    (place,) = find_places(weight, around(CENTRES["city"], east, 0 * east), RADIUS, 1)
    assert place.members.sum() <= 11
    assert offset(CENTRES["city"], place)[0][0] > 380


def test_strays_do_not_pull() -> None:
    east = np.array([0.0, 4.0, 5_000.0, -80_000.0, 900_000.0])
    weight = np.full((1, 5), 0.2)
    place, runner_up = find_places(weight, around(CENTRES["city"], east, 0 * east), RADIUS, 2)
    assert offset(CENTRES["city"], place)[0][0] == pytest.approx(2.0, abs=0.01)
    assert place.members[0].tolist() == [True, True, False, False, False]
    assert runner_up.members[0].tolist() == [False, False, True, False, False]


def test_matches_without_a_position_support_nothing_and_count() -> None:
    lat, lon = np.array([55.7, np.nan, np.nan]), np.array([13.2, np.nan, np.nan])
    place, runner_up = find_places(np.array([[0.2, 0.5, 0.3]]), geo.positions(lat, lon), RADIUS, 2)
    assert place.share[0] == 0.2 and place.members.tolist() == [[True, False, False]]
    assert not runner_up.members.any()
    (nowhere,) = find_places(
        np.array([[0.6, 0.4]]), geo.positions([np.nan] * 2, [np.nan] * 2), 25, 1
    )
    assert not nowhere.members.any() and not nowhere.centre.known.any()


def test_a_ring_of_matches_stays_a_place() -> None:
    # Three photos 25 m from the first; their mean moves away from it, and the ball with it.
    east, north = np.array([0.0, 24.0, 24.0, 47.0]), np.array([0.0, 0.5, -0.5, 0.0])
    (place,) = find_places(np.full((1, 4), 0.25), around((55.7, 13.2), east, north), RADIUS, 1)
    assert place.members.any() and place.centre.known[0]


def test_many_queries_at_once_are_each_as_alone() -> None:
    random = np.random.default_rng(1)
    m, k = 1500, 20  # more than one block of distances
    east, north = random.uniform(-60, 60, (2, m * k))
    positions = around(CENTRES["zone border"], east, north)
    weight = random.dirichlet(np.ones(k), m)
    together = find_places(weight, positions, RADIUS, 2)
    for query in (0, 700, m - 1):
        rows = np.arange(query * k, query * k + k)
        alone = find_places(weight[query : query + 1], positions[rows], RADIUS, 2)
        for all_of, one in zip(together, alone, strict=True):
            assert all_of.members[query].tolist() == one.members[0].tolist()
            assert (
                all_of.centre.lat[query] == one.centre.lat[0]
                and all_of.spread[query] == one.spread[0]
            )


# --- weights --------------------------------------------------------------------------------------


@given(
    similarity=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=8),
    missing=st.integers(0, 3),
    temperature=st.floats(0.02, 1),
)
def test_weights_are_a_softmax_over_the_range(
    similarity: list[float], missing: int, temperature: float
) -> None:
    row = np.array([similarity + [np.nan] * missing])
    got = weights(row, None, temperature, 12, row)[0]
    best, scale = max(similarity), temperature * (max(similarity) - min(similarity))
    raised = [math.exp((s - best) / scale) if s < best else 1.0 for s in similarity]
    expected = [value / sum(raised) for value in raised] + [0.0] * missing
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_weights_do_not_depend_on_the_scale_of_a_model() -> None:
    steps = np.array([[0.5, 0.42, 0.4, 0.1]])
    np.testing.assert_allclose(
        weights(steps, None, 0.1, 12, steps),
        weights(0.99 + steps / 1000, None, 0.1, 12, 0.99 + steps / 1000),
        rtol=1e-6,
    )


def test_inliers_far_above_chance_win_and_few_say_nothing() -> None:
    similarity = np.array([[0.9, 0.5, 0.4]])
    plain = weights(similarity, None, 0.1, 12, similarity)
    few = weights(similarity, np.array([[0.0, 11.0, np.nan]]), 0.1, 12, similarity)
    np.testing.assert_allclose(few, plain)
    just_enough = weights(similarity, np.array([[0.0, 12.0, np.nan]]), 0.1, 12, similarity)[0]
    assert just_enough[1] == pytest.approx(0.5, abs=0.01)
    many = weights(similarity, np.array([[0.0, 60.0, np.nan]]), 0.1, 12, similarity)[0]
    np.testing.assert_allclose(many, (plain[0] + [0, 25, 0]) / 26)


def test_no_match_at_all_has_no_weight() -> None:
    nothing = np.full((2, 3), np.nan)
    assert weights(nothing, None, 0.1, 12, nothing).tolist() == [[0.0] * 3] * 2
