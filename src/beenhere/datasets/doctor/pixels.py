"""One look at every photo: its bytes, its size, its contrast, its hashes."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beenhere.config import CheckConfig
from beenhere.datasets.doctor.collection import Collection
from beenhere.datasets.doctor.findings import LEAVE_OUT, Finding, cases, finding
from beenhere.datasets.doctor.perceptual_hash import SIDE, Codes, brightness, hashes
from beenhere.devices import cores
from beenhere.errors import PhotoError
from beenhere.photo_file import opened, photo_size
from beenhere.photos import load_photo
from beenhere.progress import progress

_DIGEST = 16
_MOST_CONTRAST = 127.5
"""Standard deviation of brightness where half a photo is black and half is white."""
_A_THREAD = 32
"""Photos that are handed to each thread at a time: Ctrl-C waits for no more than these."""


@dataclass(frozen=True)
class Pixels:
    """What ``n`` photos look like, about 80 bytes each.

    Attributes:
        unreadable: the reason, by row; such a row holds zeros elsewhere.
        digest: ``(n, 16)`` of the file's bytes.
        size: ``(n, 2)`` height and width, upright.
        contrast: ``(n,)`` standard deviation of the brightness, 0 to 127.5, at 64 x 64 pixels.
        coarse, fine: ``(n, 8)`` and ``(n, 32)`` perceptual hashes.
    """

    unreadable: dict[int, str]
    digest: Codes
    size: NDArray[np.int32]
    contrast: NDArray[np.float32]
    coarse: Codes
    fine: Codes

    @property
    def readable(self) -> NDArray[np.bool_]:
        """``(n,)``"""
        mask = np.ones(len(self.contrast), np.bool_)
        mask[list(self.unreadable)] = False
        return mask


@dataclass(frozen=True)
class _Look:
    digest: bytes
    size: tuple[int, int]
    contrast: float
    coarse: Codes
    fine: Codes


def look_at(collection: Collection, options: CheckConfig) -> Pixels:
    """Open every photo, several at a time."""
    paths = collection.frame["path"].to_list()
    count = len(paths)
    pixels = Pixels(
        unreadable={},
        digest=np.zeros((count, _DIGEST), np.uint8),
        size=np.zeros((count, 2), np.int32),
        contrast=np.zeros(count, np.float32),
        coarse=np.zeros((count, 8), np.uint8),
        fine=np.zeros((count, 32), np.uint8),
    )
    for row, seen in _looks(paths, options.workers or cores()):
        if isinstance(seen, str):
            pixels.unreadable[row] = seen
            continue
        pixels.digest[row] = np.frombuffer(seen.digest, np.uint8)
        pixels.size[row], pixels.contrast[row] = seen.size, seen.contrast
        pixels.coarse[row], pixels.fine[row] = seen.coarse, seen.fine
    return pixels


def _looks(paths: list[str], threads: int) -> Iterator[tuple[int, _Look | str]]:
    chunk = _A_THREAD * threads
    with ThreadPoolExecutor(threads) as pool, progress("photos", len(paths)) as advance:
        for start in range(0, len(paths), chunk):
            some = paths[start : start + chunk]
            yield from enumerate(pool.map(_look, some), start)
            advance(len(some))


def _look(path: str) -> _Look | str:
    try:
        with opened(path) as file:
            data = file.read()
        grey = brightness(load_photo(data, lambda height, width: (SIDE, SIDE)).numpy())
        size = photo_size(data)
    except PhotoError as error:
        return error.reason
    digest = hashlib.blake2b(data, digest_size=_DIGEST).digest()
    return _Look(digest, size, float(grey.std()), *hashes(grey))


def unreadable(collection: Collection, pixels: Pixels, options: CheckConfig) -> list[Finding]:
    """Photos that cannot be decoded."""
    rows = sorted(pixels.unreadable)
    detail = [pixels.unreadable[row] for row in rows]
    return finding("unreadable", "score", cases(collection, rows, detail, LEAVE_OUT))


def near_empty(collection: Collection, pixels: Pixels, options: CheckConfig) -> list[Finding]:
    """Photos of nearly one colour, the emptiest first."""
    rows = np.flatnonzero(pixels.readable & (pixels.contrast < options.min_contrast))
    rows = rows[np.argsort(pixels.contrast[rows], kind="stable")]
    detail = [
        f"contrast {value:.1f}, of at most {_MOST_CONTRAST}" for value in pixels.contrast[rows]
    ]
    return finding("near-empty", "score", cases(collection, rows, detail, LEAVE_OUT))


def other_size(collection: Collection, pixels: Pixels, options: CheckConfig) -> list[Finding]:
    """Photos of another size than most of their table."""
    rows, detail = [], []
    for part in collection.parts:
        here = np.flatnonzero(pixels.readable[part.rows]) + part.rows.start
        if len(here) == 0:
            continue
        sizes, which, counts = np.unique(
            pixels.size[here], axis=0, return_inverse=True, return_counts=True
        )
        height, width = sizes[counts.argmax()]
        for row, each in zip(
            here[which != counts.argmax()], which[which != counts.argmax()], strict=True
        ):
            rows.append(int(row))
            detail.append(f"{sizes[each][1]} x {sizes[each][0]}, most are {width} x {height}")
    return finding("other-size", "note", cases(collection, rows, detail, None))
