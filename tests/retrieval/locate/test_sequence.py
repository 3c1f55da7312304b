"""Photos along a path: against all paths, one by one, and against frames alone."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from camera import ASCII, jpeg, street, tiff
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from beenhere import geo
from beenhere.errors import DataError
from beenhere.photos.photo_input import PhotoInput, photo_input
from beenhere.retrieval.locate.answer import Candidates, Place
from beenhere.retrieval.locate.sequence import (
    CHANCE,
    ELSEWHERE,
    LOSE,
    MOST_SPEED,
    PASSED_ON,
    UNKNOWN,
    frame_evidence,
    path_states,
    posteriors,
    reaches,
    step_factors,
)

Floats = NDArray[np.float64]
ORIGIN = geo.positions([55.7], [13.2])


def naive_posteriors(evidence: list[Floats], steps: list[Floats], power: float) -> list[Floats]:
    """Frame by frame: its evidence, times what each side says, which asks the next one itself."""

    def said(of: int, state: int, by: int) -> float:
        beyond = by + (by - of)
        total = 0.0
        for other, own in enumerate(evidence[by]):
            way = steps[of][state, other] if of < by else steps[by][other, state]
            more = said(by, other, beyond) if 0 <= beyond < len(evidence) else 1.0
            total += float(own) * float(way) * more
        return float(total**power)

    found = []
    for frame, states in enumerate(evidence):
        products = np.array(states)
        for state in range(len(states)):
            for side in (frame - 1, frame + 1):
                if 0 <= side < len(evidence):
                    products[state] *= said(frame, state, side)
        found.append(products / products.sum())
    return found


def all_paths(evidence: list[Floats], steps: list[Floats]) -> list[Floats]:
    """The sum over every path there is."""
    totals = [np.zeros(len(states)) for states in evidence]
    for path in itertools.product(*(range(len(states)) for states in evidence)):
        product = 1.0
        for frame, state in enumerate(path):
            product *= float(evidence[frame][state])
            if frame:
                product *= float(steps[frame - 1][path[frame - 1], state])
        for frame, state in enumerate(path):
            totals[frame][state] += product
    return [total / total.sum() for total in totals]


@given(seed=st.integers(0, 10**6), sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_posteriors_one_by_one(seed: int, sizes: list[int]) -> None:
    random = np.random.default_rng(seed)
    evidence = [random.dirichlet(np.ones(size)) for size in sizes]
    steps = [random.uniform(0.001, 10, pair) for pair in itertools.pairwise(sizes)]
    for got, expected in zip(
        posteriors(evidence, steps, 1), all_paths(evidence, steps), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-9)
    power = random.uniform(0.1, 1)
    for got, expected in zip(
        posteriors(evidence, steps, power), naive_posteriors(evidence, steps, power), strict=True
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("power", [1.0, PASSED_ON])
def test_a_long_path_neither_overflows_nor_vanishes(power: float) -> None:
    evidence = [np.array([1e-5, 1 - 1e-5])] * 3000
    steps = [np.array([[10.0, 0.1], [0.1, 1.0]])] * 2999
    found = posteriors(evidence, steps, power)
    assert all(np.isfinite(states).all() for states in found)
    assert found[1500].sum() == pytest.approx(1)


# --- what a frame says, and a step ----------------------------------------------------------------


def test_a_frame_alone_says_its_probability() -> None:
    np.testing.assert_allclose(frame_evidence([0.6, 0.3], 0.8), [0.8, 0.06, 0.14])
    np.testing.assert_allclose(
        frame_evidence([0.6, 0.2], None), [0.75 * (1 - UNKNOWN), 0.25 * (1 - UNKNOWN), UNKNOWN]
    )
    for probability in (0.9, None):
        assert frame_evidence([], probability).tolist() == [1.0]
    # Of one frame the path says no more than the frame.
    frame = Candidates((), (at(0, 0.6), at(500, 0.3)))
    np.testing.assert_allclose(path_states([frame], [0.8], [], 25.0)[0], [0.8, 0.06, 0.14])


def test_steps_by_distance() -> None:
    before, after = positions([0.0, 500.0]), positions([40.0])
    factors = step_factors(before, after, 30.0, 25.0)
    near = np.exp(-0.5 * (10 / 25) ** 2) / CHANCE + ELSEWHERE
    np.testing.assert_allclose(factors, [[near, LOSE], [ELSEWHERE, LOSE], [LOSE, 1]], rtol=1e-3)
    nowhere = positions([])
    assert step_factors(nowhere, after, 1.0, 25.0).tolist() == [[LOSE, 1]]
    assert step_factors(before, nowhere, 1.0, 25.0).tolist() == [[LOSE], [LOSE], [1]]


def positions(east: list[float]) -> geo.Positions:
    rows = np.zeros(len(east), np.intp)
    return geo.from_plane(ORIGIN[rows], np.array(east), np.zeros(len(east)))


def at(east: float, share: float) -> Place:
    there = positions([east])
    return Place(float(there.lat[0]), float(there.lon[0]), 1.0, share, ())


# --- better than alone ----------------------------------------------------------------------------


def noisy_walk(
    random: np.random.Generator, frames: int, step: float, right: float
) -> tuple[list[Candidates], list[int]]:
    """Frames with three places each, and which is true (the unknown's number: none).

    The true place is first in a share ``right`` of the frames, second in half of the others.
    """
    found, truth = [], []
    for frame in range(frames):
        wrong = random.uniform(-50_000, 50_000, 3)
        rank = 0 if random.random() < right else (1 if random.random() < 0.5 else 3)
        if rank < 3:
            wrong[rank] = frame * step + random.normal(0, 5)
        shares = (0.5, 0.3, 0.2)
        found.append(Candidates((), tuple(map(at, wrong.tolist(), shares))))
        truth.append(rank)
    return found, truth


@pytest.mark.parametrize("step", [0.0, 20.0])
@pytest.mark.parametrize("calibrated", [True, False])
def test_a_path_finds_more_than_its_frames(step: float, calibrated: bool) -> None:
    random = np.random.default_rng(0)
    alone = together = known = wrongly = frames = 0
    for _ in range(20):
        found, truth = noisy_walk(random, 12, step, 0.5)
        states = path_states(found, [0.5 if calibrated else None] * 12, [step] * 11, 25.0)
        for rank, state in zip(truth, states, strict=True):
            if rank == 3:
                wrongly += bool(state[:3].max() > 0.5)
                continue
            frames += 1
            alone += rank == 0
            together += bool(state[:3].argmax() == rank)
            known += bool(state[rank] > (0.15 if calibrated else 0.9))
            # What the frames say by themselves is said by the path, and no more.
            assert not calibrated or state[:3].max() <= 0.5 + 1e-9
    assert alone < 0.7 * frames
    assert together > 0.97 * frames and known > 0.75 * frames
    assert calibrated or wrongly == 0


def test_frames_that_are_misled_alike_do_not_become_sure() -> None:
    frames = [Candidates((), (at(0, 0.2),))] * 100
    three, many = (
        path_states(frames[:count], [0.2] * count, [0.0] * (count - 1), 25.0)[count // 2][0]
        for count in (3, 100)
    )
    assert three == pytest.approx(0.2) and many == pytest.approx(0.2)


def test_a_frame_is_as_sure_as_those_around_it_that_say_the_same() -> None:
    near, far = Candidates((), (at(0, 0.6),)), Candidates((), (at(9_000, 0.6),))
    said = [0.9, 0.8, 0.3, 0.9, 0.7]
    states = path_states([near, near, near, near, far], said, [0.0] * 4, 25.0)
    # The last one says another place, and counts 0. Three frames on each side are around.
    assert states[0][0] == pytest.approx((0.9 + 0.8 + 0.3 + 0.9) / 4)
    np.testing.assert_allclose([states[1][0], states[2][0]], (0.9 + 0.8 + 0.3 + 0.9) / 5)
    # A path may say less still.
    assert states[4][0] <= 0.7 / 4 + 1e-9


def test_a_missed_frame_counts_once_however_many_saw_its_place() -> None:
    frames = [Candidates((), (at(0, 0.6),))] * 3
    frames = [*frames, Candidates((), (at(9_000, 0.6),)), *frames]
    states = path_states(frames, [0.4] * 7, [0.0] * 6, 25.0)
    # Of the missed frame by hand: its own place, the place of all others, and unknown.
    evidence = [np.array([0.4, 0.6 * 0.5 * CHANCE, 0.6])] * 7
    here, there = 1 / CHANCE + ELSEWHERE, ELSEWHERE
    same = np.array([[here, there, LOSE], [there, here, LOSE], [LOSE, LOSE, 1]])
    into = same[[1, 0, 2]]  # the missed frame's first state is the others' second
    steps = [same, same, into, into.T, same, same]
    expected = naive_posteriors(evidence, steps, PASSED_ON)
    missed = min(expected[3][0], 0.4 / 7)
    np.testing.assert_allclose(states[3], [missed, 1 - missed], rtol=1e-6)
    assert expected[0][0] > 0.4  # as sure as that, if the frames were each other's witnesses
    np.testing.assert_allclose(states[0][0], 3 * 0.4 / 4, rtol=1e-6)


def test_a_path_outside_the_map_stays_unknown() -> None:
    random = np.random.default_rng(0)
    found, _ = noisy_walk(random, 12, 20.0, 0.0)
    outside = [Candidates((), (frame.places[0], frame.places[2])) for frame in found]
    states = path_states(outside, [0.2] * 12, [20.0] * 11, 25.0)
    # No place is likelier than by its frame alone.
    assert all(state[:-1].max() < 0.15 for state in states)


def test_a_frame_without_matches_does_not_break_a_path() -> None:
    good = Candidates((), (at(0, 0.7), at(9_000, 0.3)))
    states = path_states([good, Candidates((), ()), good], [0.6, None, 0.6], [0, 0], 25.0)
    assert states[1].tolist() == [1.0]
    np.testing.assert_allclose([states[0][0], states[2][0]], (0.6 + 0 + 0.6) / 3)
    assert path_states([], [], [], 25.0) == []


# --- how far one gets -----------------------------------------------------------------------------


def taken(path: Path, time: str) -> PhotoInput:
    exif = tiff({0x0132: (ASCII, time)}) if time else b""
    path.write_bytes(jpeg(street(8, 8), exif))
    return photo_input(path)


def test_reach_by_the_camera_and_by_a_step(tmp_path: Path) -> None:
    photos = [
        taken(tmp_path / f"{number}.jpg", time)
        for number, time in enumerate(
            ["2015:06:01 12:30:00", "2015:06:01 12:30:04", "2015:06:01 12:31:04"]
        )
    ]
    assert reaches(photos, [0, 1, 2], None) == [4 * MOST_SPEED, 60 * MOST_SPEED]
    in_memory = [photo_input(Path(photo.name).read_bytes()) for photo in photos]
    assert reaches(in_memory, [0, 1, 2], None) == [4 * MOST_SPEED, 60 * MOST_SPEED]
    # Between the second and the third stood two that could not be read.
    assert reaches(photos, [0, 1, 4], 10.0) == [10.0, 30.0]
    assert reaches(photos, [0, 1, 2], 0) == [0, 0]
    assert reaches([], [], None) == [] and reaches(photos[:1], [0], 5.0) == []
    with pytest.raises(DataError, match=r"1\.jpg was taken before .*2\.jpg; give the photos in"):
        reaches([photos[2], photos[1]], [0, 1], None)


@pytest.mark.parametrize("time", ["", "2015:06:01"])
def test_without_times_a_step_is_asked_for(time: str, tmp_path: Path) -> None:
    photos = [taken(tmp_path / "a.jpg", "2015:06:01 12:30:00"), taken(tmp_path / "b.jpg", time)]
    with pytest.raises(DataError, match=r"b\.jpg does not say when it was taken.*give a step"):
        reaches(photos, [0, 1], None)
    pixels = [photo_input(np.zeros((4, 4), np.uint8))] * 2
    with pytest.raises(DataError, match="photo does not say when"):
        reaches(pixels, [0, 1], None)
    for step in (-1.0, float("nan"), float("inf")):
        with pytest.raises(DataError, match="step is"):
            reaches(photos, [0, 1], step)
