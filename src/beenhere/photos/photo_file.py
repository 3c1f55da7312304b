"""Open a photo file without trusting it: its header, and every failure as a PhotoError.

JPEG headers are read by hand: it takes microseconds, and Pillow refuses the 200-megapixel photos
that phones take. Everything else goes through Pillow, which decodes nothing until it is asked to.
"""

import io
import stat
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from beenhere.errors import BeenhereError, DataError, PhotoError
from beenhere.files.regular import open_regular
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

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF", "MPO", "JPEG2000", "PPM")
_SWAPPED = frozenset({5, 6, 7, 8})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAX_GARBAGE = 1 << 16
_XMP = b"http://ns.adobe.com/xap/1.0/\0"

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
        with open_image(file) as image:
            header = image_header(image)
    declared = f"declares {header.width} x {header.height} pixels"
    limit = MAX_JPEG_PIXELS if header.jpeg else MAX_PIXELS
    if header.width * header.height > limit:
        raise PhotoError(name, f"{declared}; expected at most {limit // 10**6} megapixels")
    if header.width == 0 or header.height == 0:
        raise PhotoError(name, declared)
    return header


def _jpeg_header(file: BinaryIO, path: str) -> PhotoHeader:
    """Walk the markers up to the frame header (ITU T.81, B.1 and B.2.2)."""
    exif, xmp, garbage = b"", b"", 0
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
                exif = exif or payload
            elif payload.startswith(_XMP):
                xmp = xmp or payload[len(_XMP) :]
        else:
            file.seek(length - 2, io.SEEK_CUR)
    raise PhotoError(path, "damaged JPEG: cut off or broken before the picture starts")


def open_image(file: BinaryIO) -> Image.Image:
    """Pillow's image of an open file, not decoded yet, of a format that holds photos.

    Pillow knows more (for EPS it starts another program); a file's name does not choose for it.
    """
    Image.init()
    file.seek(0)
    return Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN])


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


def _exif_tags(payload: bytes) -> Image.Exif:
    tags = Image.Exif()
    try:
        tags.load(payload)
        dict(tags)  # values are read when they are asked for: a broken one shows here
    except Exception:
        return Image.Exif()
    return tags


def orientation(tags: Image.Exif) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it is out of range."""
    value = tags.get(0x0112)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _what_it_is(start: bytes) -> str:
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheim", b"ftyphevc"):
        return "HEIC photo: save it as JPEG"
    if start[4:8] == b"ftyp":
        return "video or AVIF that cannot be read here: save the photo as JPEG"
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


# --- as it may be given ------------------------------------------------------------------------

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
