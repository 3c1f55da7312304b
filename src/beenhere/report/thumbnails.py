"""Small pictures inside a page: each photo once, however often it is shown."""

import base64
import hashlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from beenhere.errors import PhotoError
from beenhere.photos import load_photo

BOX = (168, 168)
"""Width and height in pixels that a photo is fitted into."""

_QUALITY = 72


@dataclass(frozen=True)
class Thumbnail:
    """A picture that the page holds.

    Attributes:
        key: its id on the page, such as ``"photo-3"``.
        width, height: pixels, within :data:`BOX`.
        data: a ``data:`` URI of a JPEG.
    """

    key: str
    width: int
    height: int
    data: str


class Thumbnails:
    """The pictures of a page, in the order they were first asked for."""

    def __init__(self) -> None:
        self._by_path: dict[str, Thumbnail | None] = {}
        self._by_digest: dict[str, Thumbnail] = {}

    @property
    def all(self) -> list[Thumbnail]:
        """Each once."""
        return list(self._by_digest.values())

    def of_photo(self, path: str) -> Thumbnail | None:
        """Of a file; None where it cannot be read."""
        if path not in self._by_path:
            try:
                pixels = load_photo(path, _fit, "bilinear").permute(1, 2, 0).numpy()
            except PhotoError:
                self._by_path[path] = None
            else:
                picture = Image.fromarray(np.ascontiguousarray(pixels))
                self._by_path[path] = self._kept(picture)
        return self._by_path[path]

    def of_picture(self, picture: Image.Image) -> Thumbnail:
        """Of a picture in memory."""
        height, width = _fit(picture.height, picture.width)
        return self._kept(picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))

    def _kept(self, picture: Image.Image) -> Thumbnail:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        if digest not in self._by_digest:
            self._by_digest[digest] = Thumbnail(
                key=f"photo-{len(self._by_digest) + 1}",
                width=picture.width,
                height=picture.height,
                data=f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}",
            )
        return self._by_digest[digest]


def _fit(height: int, width: int) -> tuple[int, int]:
    scale = min(BOX[0] / width, BOX[1] / height)
    return max(1, round(height * scale)), max(1, round(width * scale))
