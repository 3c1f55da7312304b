"""Small pictures that a page holds in itself, each once."""

import base64
import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from beenhere.report.photo_boxes import fitted, small_photo

THUMBNAIL = (168, 168)
"""Width and height in pixels that a photo is fitted into."""

_QUALITY = 72


@dataclass(frozen=True)
class Thumbnail:
    """A picture that the page holds.

    Attributes:
        key: its id on the page, such as ``"photo-3"``.
        width, height: pixels, within :data:`THUMBNAIL`.
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

    def has(self, path: str | bytes) -> bool:
        """Whether a file was asked for already."""
        return path in self._by_path

    def of_photo(self, path: str) -> Thumbnail | None:
        """Of a file; None where it cannot be read."""
        if path not in self._by_path:
            picture = small_photo(path, THUMBNAIL)
            self._by_path[path] = None if picture is None else self._kept(picture)
        return self._by_path[path]

    def of_picture(self, picture: Image.Image) -> Thumbnail:
        """Of a picture in memory."""
        height, width = fitted(THUMBNAIL, picture.height, picture.width)
        return self._kept(picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))

    def _kept(self, picture: Image.Image) -> Thumbnail:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
        # By content: one photo has several paths where sets share it.
        digest = hashlib.sha256(buffer.getvalue()).hexdigest()
        if digest not in self._by_digest:
            self._by_digest[digest] = Thumbnail(
                key=f"photo-{len(self._by_digest) + 1}",
                width=picture.width,
                height=picture.height,
                data=f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}",
            )
        return self._by_digest[digest]
