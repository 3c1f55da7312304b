"""The search for nearly equal hashes, against comparing every pair."""

import numpy as np
import pytest

from beenhere.tools.doctor.copies import COARSE_BITS, near_pairs
from beenhere.tools.doctor.fingerprints import SIDE, hashes


def codes(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Groups of hashes that differ in a few bits, some by none."""
    rng = np.random.default_rng(seed)
    coarse, fine = rng.integers(0, 2, (count // 4, 64)), rng.integers(0, 2, (count // 4, 256))
    coarse, fine = coarse.repeat(4, axis=0), fine.repeat(4, axis=0)
    for row in range(len(coarse)):
        coarse[row, rng.permutation(64)[: rng.integers(0, 7)]] ^= 1
        fine[row, rng.permutation(256)[: rng.integers(0, 30)]] ^= 1
    return np.packbits(coarse, axis=1), np.packbits(fine, axis=1)


@pytest.mark.parametrize("count", [4, 40, 1200])
def test_every_pair_within_reach(count: int) -> None:
    coarse, fine = codes(count, count)
    a, b, bits = near_pairs(coarse, fine, np.zeros(count, np.intp), 30)
    expected = {}
    for row in range(count):
        far = np.bitwise_count(coarse[row] ^ coarse).sum(axis=1, dtype=int)
        fine_far = np.bitwise_count(fine[row] ^ fine).sum(axis=1, dtype=int)
        for other in np.flatnonzero((far <= COARSE_BITS) & (fine_far <= 30)):
            if other > row:
                expected[row, int(other)] = int(fine_far[other])
    assert (
        dict(zip(zip(a.tolist(), b.tolist(), strict=True), bits.tolist(), strict=True)) == expected
    )
    assert len(expected) >= count // 8


def test_a_crowd_of_equal_photos_is_bounded() -> None:
    coarse, fine = np.zeros((1500, 8), np.uint8), np.zeros((1500, 32), np.uint8)
    part = np.zeros(1500, np.intp)
    part[::30] = 1
    a, b, _ = near_pairs(coarse, fine, part, 10)
    assert np.bincount(a).max() == 200
    # Those that would be leakage come first.
    assert set(range(30, 1500, 30)) <= set(b[a == 1].tolist())


def test_nothing_to_search() -> None:
    none = near_pairs(np.zeros((0, 8), np.uint8), np.zeros((0, 32), np.uint8), np.zeros(0, int), 9)
    assert [len(each) for each in none] == [0, 0, 0]


def test_hash_is_of_the_waves() -> None:
    rng = np.random.default_rng(0)
    grey = rng.uniform(0, 255, (SIDE, SIDE)).astype(np.float32)
    half = np.array(
        [[grey[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean() for x in range(32)] for y in range(32)]
    )
    angle = np.pi * np.outer(np.arange(16), 2 * np.arange(32) + 1) / 64
    scale = np.full((16, 1), np.sqrt(2 / 32))
    scale[0] = np.sqrt(1 / 32)
    base = scale * np.cos(angle)
    waves = base @ half @ base.T
    coarse, fine = hashes(grey)
    assert (np.unpackbits(fine).reshape(16, 16) == (waves > np.median(waves))).all()
    low = waves[:8, :8]
    assert (np.unpackbits(coarse).reshape(8, 8) == (low > np.median(low))).all()
