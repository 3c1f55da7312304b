"""Open a photo file without trusting it: its header, and every failure as a PhotoError.

JPEG headers are read by hand: it takes microseconds, and Pillow refuses the 200-megapixel photos
that phones take. Everything else goes through Pillow, which decodes nothing until it is asked to;
pillow-heif teaches it HEIC, and pillow-jxl-plugin, where it is installed, JPEG XL.
"""

import importlib
import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from beenhere.errors import BeenhereError, PhotoError
from beenhere.files.regular import open_regular
from beenhere.photos.jxl_size import jxl_size
from beenhere.wording import one_line

MAX_JPEG_PIXELS = 256_000_000
"""A JPEG that declares more is refused unread; 200-megapixel phone photos pass."""
MAX_PIXELS = 128_000_000
"""The same for other formats, which have to be decoded at their full size."""
MAX_BYTES = 1 << 30
"""A file larger than this (1 GiB) is no photo."""

Photo = str | Path | bytes | Image.Image | NDArray[np.uint8]
"""A file's path, what a file holds, an image of Pillow's, or pixels ``(h, w, 3)``, upright."""

HEADER_READERS = 8
"""Headers read at once: a slow disk or a network folder answers several in the time of one."""

IN_MEMORY = "photo"
"""The name of a photo without a path, in errors."""

EXIF_IFD, GPS_IFD = 0x8769, 0x8825
"""Tags under which the blocks of the camera and of the receiver stand in EXIF."""

_FORMATS = (
    *("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "MPO", "JPEG2000", "PPM", "JXL"),
)
_STARTS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*"),
    *(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"\0\0\0\x0cJXL ", b"\xff\x0a"),
)
_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"}
_MOST_CHUNKS, _MOST_CHUNK = 100_000, 1 << 22
"""Chunks of a PNG, and bytes of one, that are looked into."""
_SWAPPED = frozenset({5, 6, 7, 8})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAX_GARBAGE = 1 << 16
_MOST_EXIF = 4
"""Blocks of EXIF that are looked into; editors add one to that of the camera."""
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_PNG = b"XML:com.adobe.xmp\0\0\0"

# Pillow warns of files that lie. What matters of it is said in the PhotoError instead; and
# warnings.catch_warnings would be unsafe in the threads that decode.
warnings.filterwarnings("ignore", module=r"PIL(\.|$)")


@dataclass(frozen=True)
class PhotoHeader:
    """Facts that a file gives before its pixels are decoded.

    Attributes:
        width, height: pixels as stored, before orientation.
        orientation: EXIF's, 1 to 8; 1 is upright.
        jpeg: whether it is a JPEG.
        components: colour components of a JPEG (1 grey, 3 colour, 4 CMYK), else 0.
        exif: EXIF tags; empty if there are none or they cannot be read.
        xmp: the XMP packet as it is, of a JPEG, PNG, WebP or TIFF; empty if there is none.
    """

    width: int
    height: int
    orientation: int
    jpeg: bool
    components: int
    exif: Image.Exif
    xmp: bytes = b""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width in pixels after orientation."""
        size = self.height, self.width
        return size[::-1] if self.orientation in _SWAPPED else size


@contextmanager
def opened(photo: str | Path | bytes) -> Iterator[BinaryIO]:
    """The file, open for reading; whatever goes wrong inside becomes a PhotoError.

    Args:
        photo: a path, or what a file holds.

    Raises:
        PhotoError: not a regular file, empty, too large, or any failure of the block within but
            a BeenhereError, which passes.
    """
    name = photo_name(photo)
    with decoding(name):
        if isinstance(photo, bytes):
            size = len(photo)
        else:
            status = Path(photo).stat()
            size = status.st_size
            if not stat.S_ISREG(status.st_mode):
                raise PhotoError(name, "not a regular file")
        if size == 0:
            raise PhotoError(name, "empty file (0 bytes)")
        if size > MAX_BYTES:
            raise PhotoError(name, f"file of {size >> 20} MiB; expected at most 1024")
        with io.BytesIO(photo) if isinstance(photo, bytes) else open_regular(Path(photo)) as file:
            try:
                yield file
            except UnidentifiedImageError as error:
                file.seek(0)
                raise PhotoError(name, _what_it_is(file.read(512))) from error


@contextmanager
def decoding(name: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a PhotoError of that name; a BeenhereError passes."""
    try:
        yield
    except BeenhereError:
        raise
    except FileNotFoundError as error:
        raise PhotoError(name, "no such file") from error
    except PermissionError as error:
        raise PhotoError(name, "permission denied") from error
    except MemoryError as error:
        raise PhotoError(name, "not enough memory to decode it") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(name, f"declares more than {MAX_PIXELS // 10**6} megapixels") from error
    except Exception as error:
        # Decoders raise struct.error, SyntaxError, EOFError, zlib.error, ... on files that lie.
        raise PhotoError(name, _reason(error)) from error


def photo_name(photo: object) -> str:
    """The name of a photo in errors: its path, if it has one."""
    return str(photo) if isinstance(photo, str | Path) else IN_MEMORY


def photo_size(photo: Photo) -> tuple[int, int]:
    """Height and width in pixels after EXIF orientation, from the header alone.

    Raises:
        PhotoError: the file cannot be read or holds no picture.
    """
    if isinstance(photo, np.ndarray):
        return photo.shape[0], photo.shape[1]
    if isinstance(photo, Image.Image):
        return image_header(photo).upright_size
    with opened(photo) as file:
        return read_header(file, photo).upright_size


def read_header(file: BinaryIO, photo: str | Path | bytes) -> PhotoHeader:
    """Size, orientation and EXIF of an open file; to be called inside :func:`opened`.

    Raises:
        PhotoError: no picture in it, or one that declares too many pixels.
    """
    name = photo_name(photo)
    if file.read(3) == b"\xff\xd8\xff":
        file.seek(2)
        header = _jpeg_header(file, name)
    else:
        _check_pixels(name, *(jxl_size(file) or (1, 1)), MAX_PIXELS)  # to open one is to decode it
        with open_image(file) as image:
            header = image_header(image)
        if image.format == "PNG" and not len(header.exif):
            header = _with_late_chunks(file, header)
    limit = MAX_JPEG_PIXELS if header.jpeg else MAX_PIXELS
    _check_pixels(name, header.width, header.height, limit)
    return header


def _check_pixels(name: str, width: int, height: int, limit: int) -> None:
    declared = f"declares {width} x {height} pixels"
    if width * height > limit:
        raise PhotoError(name, f"{declared}; expected at most {limit // 10**6} megapixels")
    if width == 0 or height == 0:
        raise PhotoError(name, declared)


def _jpeg_header(file: BinaryIO, path: str) -> PhotoHeader:
    """Walk the markers up to the frame header (ITU T.81, B.1 and B.2.2)."""
    exif: list[bytes] = []
    xmp, garbage = b"", 0
    while marker := file.read(1):
        if marker != b"\xff":
            garbage += 1
            if garbage > _MAX_GARBAGE:
                break
            continue
        while marker == b"\xff":
            marker = file.read(1)
        code = marker[0] if marker else 0xD9
        if code == 0 or code in _STANDALONE:
            continue
        length = int.from_bytes(file.read(2))
        if code in _FRAMES:
            frame = file.read(6)
            if len(frame) < 6:
                break
            height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
            tags = _exif_tags(exif)
            return PhotoHeader(width, height, orientation(tags), True, frame[5], tags, xmp)
        if code in (0xD9, 0xDA) or length < 2:
            break
        if code == 0xE1:
            payload = file.read(length - 2)
            if payload.startswith(b"Exif\0"):
                exif.append(payload)
            elif payload.startswith(_XMP):
                xmp = xmp or payload[len(_XMP) :]
        else:
            file.seek(length - 2, io.SEEK_CUR)
    raise PhotoError(path, "damaged JPEG: cut off or broken before the picture starts")


def open_image(file: BinaryIO) -> Image.Image:
    """Pillow's image of an open file, not decoded yet, of a format that holds photos.

    Pillow knows more (for EPS it starts another program); a file's name does not choose for it.
    """
    _learn_formats()
    file.seek(0)
    return Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])


@cache
def _learn_formats() -> None:
    """Have Pillow read every format that this installation can."""
    Image.init()
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener(thumbnails=False)
    with suppress(ImportError):
        importlib.import_module("pillow_jxl")  # registers itself


def readable_suffixes() -> frozenset[str]:
    """Ends of names, in lower case, of the formats that this installation can read."""
    _learn_formats()
    return frozenset(Image.registered_extensions())


def begins_as_photo(file: Path) -> bool:
    """Whether a file's first bytes are those of a photo, whatever it is called."""
    try:
        if not file.is_file():
            return False  # to open a pipe would wait for its writer
        with file.open("rb") as opened_file:
            start = opened_file.read(12)
    except (OSError, ValueError):
        return False
    brand = start[8:12]
    if start[4:8] == b"ftyp":
        return brand in _BRANDS
    return start.startswith(_STARTS) or (start[:4] == b"RIFF" and brand == b"WEBP")


def image_header(image: Image.Image) -> PhotoHeader:
    """Facts that an image of Pillow's has before its pixels are decoded."""
    try:
        # The base class's: a PNG's own would decode the whole picture to look behind it.
        tags = Image.Image.getexif(image)
        dict(tags)
    except Exception:
        tags = Image.Exif()
    # Pillow turns TIFFs upright by itself, size and pixels.
    turn = 1 if image.format == "TIFF" else orientation(tags)
    xmp = image.info.get("xmp", image.info.get("XML:com.adobe.xmp", b""))
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    return PhotoHeader(*image.size, turn, False, 0, tags, xmp if isinstance(xmp, bytes) else b"")


def _with_late_chunks(file: BinaryIO, header: PhotoHeader) -> PhotoHeader:
    """The header of a PNG with the EXIF and XMP that stand behind its pixels, as eXIf may."""
    exif, xmp = b"", header.xmp
    file.seek(8)
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        if len(head) < 8 or kind == b"IEND":
            break
        if length > _MOST_CHUNK or kind not in (b"eXIf", b"iTXt"):
            file.seek(length + 4, io.SEEK_CUR)
            continue
        data = file.read(length)
        file.seek(4, io.SEEK_CUR)
        if kind == b"eXIf":
            exif = exif or data
        elif data.startswith(_XMP_PNG):  # not compressed, in no language, not translated
            xmp = xmp or data[len(_XMP_PNG) :].split(b"\0", 2)[-1]
    if not exif:
        return replace(header, xmp=xmp)
    tags = _exif_tags([exif if exif.startswith(b"Exif\0") else b"Exif\0\0" + exif])
    return replace(header, orientation=orientation(tags), exif=tags, xmp=xmp)


def _exif_tags(payloads: list[bytes]) -> Image.Exif:
    """The tags of the first EXIF block; its camera's or receiver's, if it has none, of another."""
    found: Image.Exif | None = None
    for payload in payloads[:_MOST_EXIF]:
        tags = Image.Exif()
        try:
            tags.load(payload)
            dict(tags)  # values are read when they are asked for: a broken one shows here
        except Exception:
            continue
        if found is None:
            found = tags
            continue
        for folder, telling in ((EXIF_IFD, {0x9003, 0x9004}), (GPS_IFD, {2, 4})):
            known, more = _folder(found, folder), _folder(tags, folder)
            if telling.isdisjoint(known) and not telling.isdisjoint(more):
                known.clear()
                known.update(more)
    return Image.Exif() if found is None else found


def _folder(tags: Image.Exif, folder: int) -> dict[int, Any]:
    try:
        return tags.get_ifd(folder)
    except Exception:
        return {}


def orientation(tags: Image.Exif) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it is out of range."""
    value = tags.get(0x0112)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _what_it_is(start: bytes) -> str:
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheim", b"ftyphevc"):
        return "HEIC photo that cannot be read here, or a damaged one: save it as JPEG"
    if start[4:8] == b"ftyp":
        return "video or AVIF that cannot be read here: save the photo as JPEG"
    if start.startswith((b"\0\0\0\x0cJXL ", b"\xff\x0a")):
        return "JPEG XL photo: install pillow-jxl-plugin (beenhere[jxl]), or save it as JPEG"
    if start.startswith(b"%PDF"):
        return "not a photo: a PDF"
    if not start.strip(b"\0"):
        return "not a photo: only zero bytes"
    if start.lstrip()[:1] == b"<":
        return "not a photo: a web page or XML"
    if start.isascii():
        return "not a photo: a text file"
    return "not a photo, or of a format that cannot be read here"


def _reason(error: Exception) -> str:
    text = one_line(error, None)
    signs = ("truncated", "premature end", "unexpected end", "eof")
    if isinstance(error, EOFError) or any(sign in text.lower() for sign in signs):
        return "cut off: the file ends before the picture does"
    return f"cannot be decoded: {text[:100]}"
