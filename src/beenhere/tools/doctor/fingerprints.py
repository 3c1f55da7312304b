"""Fingerprints of photos: of the bytes, the size, the contrast, and a hash of what each looks like.

The hash is of coarse waves, each above or below their median, after Zauner (Implementation and
benchmarking of perceptual image hash functions, 2010): the discrete cosine transform of a small
grey picture, its lowest frequencies, one bit each. Saving as JPEG, resizing, brightening and
cropping a percent or two move few bits; another picture moves half.
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from beenhere.config.tools import CheckConfig
from beenhere.devices import cores
from beenhere.errors import PhotoError
from beenhere.photos.photo_file import opened, photo_size
from beenhere.photos.pixels import load_photo
from beenhere.progress import progress
from beenhere.tools.doctor.findings import LEAVE_OUT, Finding, cases, finding
from beenhere.tools.doctor.photo_collection import PhotoCollection

SIDE = 64
"""Pixels of a side of the grey picture that is hashed."""
_COARSE, _FINE = 8, 16
"""Waves a side: a hash of 64 bits to search by, and one of 256 to be sure."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of R, G, B in brightness (ITU-R BT.601)."""
_DIGEST = 16
"""Bytes of a file's checksum."""
_MOST_CONTRAST = 127.5
"""Standard deviation of brightness where half a photo is black and half is white."""
_A_THREAD = 32
"""Photos that are handed to each thread at a time: Ctrl-C waits for no more than these."""

Codes = NDArray[np.uint8]
"""Bits of hashes, packed into bytes."""


@dataclass(frozen=True)
class Fingerprints:
    """Checksums, sizes, contrasts and hashes of ``n`` photos, about 80 bytes each.

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
        """``(n,)``: whether each could be decoded."""
        mask = np.ones(len(self.contrast), np.bool_)
        mask[list(self.unreadable)] = False
        return mask


def take_fingerprints(collection: PhotoCollection, options: CheckConfig) -> Fingerprints:
    """Open every photo, several at a time."""
    paths = collection.frame["path"].to_list()
    count = len(paths)
    found = Fingerprints(
        unreadable={},
        digest=np.zeros((count, _DIGEST), np.uint8),
        size=np.zeros((count, 2), np.int32),
        contrast=np.zeros(count, np.float32),
        coarse=np.zeros((count, 8), np.uint8),
        fine=np.zeros((count, 32), np.uint8),
    )

    def look(row: int) -> None:
        try:
            with opened(paths[row]) as file:
                data = file.read()
            grey = brightness(data)
            found.size[row] = photo_size(data)
        except PhotoError as error:
            found.unreadable[row] = error.reason
            return
        digest = hashlib.blake2b(data, digest_size=_DIGEST).digest()
        found.digest[row] = np.frombuffer(digest, np.uint8)
        found.contrast[row] = grey.std()
        found.coarse[row], found.fine[row] = hashes(grey)

    threads = options.workers or cores()
    chunk = _A_THREAD * threads
    with ThreadPoolExecutor(threads) as pool, progress("photos", count) as advance:
        for start in range(0, count, chunk):
            some = range(start, min(start + chunk, count))
            for _ in pool.map(look, some):
                pass  # an error that is no photo's is raised here
            advance(len(some))
    return found


def brightness(photo: str | bytes) -> NDArray[np.float32]:
    """Of a photo, a path or a file's bytes, made ``(64, 64)``: 0 to 255.

    Raises:
        PhotoError: it cannot be read.
    """
    pixels = load_photo(photo, lambda height, width: (SIDE, SIDE)).numpy().astype(np.float32)
    return np.asarray(np.tensordot(_GREY, pixels, 1), np.float32)


def hashes(grey: NDArray[np.float32]) -> tuple[Codes, Codes]:
    """The coarse ``(8,)`` and the fine ``(32,)`` hash, as bytes, of ``(64, 64)`` grey values."""
    # Half the side keeps all the waves that count, without the finest detail.
    half = grey.reshape(SIDE // 2, 2, SIDE // 2, 2).mean((1, 3))
    waves = fft.dctn(half, norm="ortho")
    coarse, fine = (waves[:side, :side].ravel() for side in (_COARSE, _FINE))
    return np.packbits(coarse > np.median(coarse)), np.packbits(fine > np.median(fine))


def unreadable(
    collection: PhotoCollection, fingerprints: Fingerprints, options: CheckConfig
) -> list[Finding]:
    """Photos that cannot be decoded."""
    rows = sorted(fingerprints.unreadable)
    detail = [fingerprints.unreadable[row] for row in rows]
    return finding("unreadable", cases(collection, rows, detail, LEAVE_OUT))


def near_empty(
    collection: PhotoCollection, fingerprints: Fingerprints, options: CheckConfig
) -> list[Finding]:
    """Photos of nearly one colour, the emptiest first."""
    rows = np.flatnonzero(fingerprints.readable & (fingerprints.contrast < options.min_contrast))
    rows = rows[np.argsort(fingerprints.contrast[rows], kind="stable")]
    detail = [
        f"contrast {value:.1f}, of at most {_MOST_CONTRAST}"
        for value in fingerprints.contrast[rows]
    ]
    return finding("near-empty", cases(collection, rows, detail, LEAVE_OUT))


def other_size(
    collection: PhotoCollection, fingerprints: Fingerprints, options: CheckConfig
) -> list[Finding]:
    """Photos of another size than most of their table."""
    rows: list[int] = []
    detail: list[str] = []
    for part in collection.parts:
        here = np.flatnonzero(fingerprints.readable[part.rows]) + part.rows.start
        if len(here) == 0:
            continue
        sizes, which, counts = np.unique(
            fingerprints.size[here], axis=0, return_inverse=True, return_counts=True
        )
        height, width = sizes[counts.argmax()]
        other = which != counts.argmax()
        rows += here[other].tolist()
        detail += [f"{w} x {h}, most are {width} x {height}" for h, w in sizes[which[other]]]
    return finding("other-size", cases(collection, rows, detail))
