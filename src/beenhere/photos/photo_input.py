"""Photos as a caller of Python gives them: paths, bytes, open files, images, arrays."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from beenhere.errors import DataError, PhotoError
from beenhere.photos.photo_file import MAX_BYTES, Photo

Given = str | Path | bytes | BinaryIO | Image.Image | NDArray[Any]
"""A photo as it may be given; see :func:`photo_input`."""

EACH = (
    "a path, bytes, an open binary file, an image of Pillow's, or a numpy array (H, W) or (H, W, 3)"
)


@dataclass(frozen=True, eq=False)
class PhotoInput:
    """A photo that :mod:`beenhere.photos.pixels` reads, and its path or a name for it."""

    name: str
    photo: Photo


def photo_input(given: Given, name: str = "photo") -> PhotoInput:
    """Take a photo as it comes.

    Args:
        given: the path of a file; bytes of one; a binary file, read from where it stands; an image
            of Pillow's in any mode, turned as its EXIF header says; or an array ``(H, W)`` of grey
            or ``(H, W, 3)`` of R, G, B, upright, uint8 or floating point in [0, 1].
        name: for a photo that brings none.

    Raises:
        PhotoError: something else, an empty or a too large file, or numbers out of range.
    """
    if isinstance(given, str) and not given.strip():
        raise PhotoError(name, f"got an empty name; expected {EACH}")
    if isinstance(given, str | Path):
        return PhotoInput(str(given), given)
    if isinstance(given, bytes | bytearray | memoryview):
        return PhotoInput(name, bytes(given))
    if isinstance(given, Image.Image):
        return PhotoInput(str(getattr(given, "filename", "") or name), given)
    if isinstance(given, np.ndarray):
        return PhotoInput(name, _pixels(given, name))
    if hasattr(given, "read"):
        own = getattr(given, "name", None)
        name = own if isinstance(own, str) else name
        return PhotoInput(name, _content(given, name))
    raise PhotoError(name, f"got {type(given).__name__}; expected {EACH}")


def photo_inputs(given: object, what: str = "photos") -> list[Given]:
    """Several photos as they come: any iterable of them; of arrays one ``(n, H, W, 3)`` as well.

    What each of them is, is looked at by :func:`photo_input`.

    Raises:
        DataError: no such thing: a single photo, a table, a number, ...
    """
    if isinstance(given, np.ndarray) and given.ndim == 4:
        return list(given)
    single = isinstance(given, np.ndarray | str | Path | bytes | bytearray | Image.Image)
    if not isinstance(given, Iterable) or single or hasattr(given, "read"):
        raise DataError(
            f"{what} are given as {_in_words(given)}; expected a list of photos, each {EACH}"
        )
    return list(given)


def _in_words(given: object) -> str:
    if isinstance(given, np.ndarray):
        return f"one array of shape {given.shape}"
    return f"the text {given!r}" if isinstance(given, str) else f"one {type(given).__name__}"


def _content(file: BinaryIO, name: str) -> bytes:
    try:
        content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PhotoError(name, f"a file that cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise PhotoError(name, f"a file of {type(content).__name__}; open it in mode 'rb'")
    return content


def _pixels(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    got = f"an array of {array.dtype} and shape {array.shape}"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise PhotoError(name, f"{got}; expected (H, W) or (H, W, 3)")
    if array.dtype != np.uint8:
        if not np.issubdtype(array.dtype, np.floating):
            raise PhotoError(name, f"{got}; expected uint8, or floating point in [0, 1]")
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):
            raise PhotoError(name, f"{got}, from {low:g} to {high:g}; expected [0, 1], or uint8")
        array = np.rint(array.astype(np.float64) * 255).astype(np.uint8)
    if array.ndim == 2:
        array = np.stack([array] * 3, axis=2)
    # Photos are read while the caller goes on; and torch takes no read-only array.
    return np.array(array, np.uint8, order="C")
