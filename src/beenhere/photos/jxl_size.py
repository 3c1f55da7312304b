"""The size that a JPEG XL file declares, read by hand: its plugin decodes what it opens.

ISO/IEC 18181-1, annex D (SizeHeader), and 18181-2 (boxes around the code stream).
"""

import io
from typing import BinaryIO

_CODE, _BOXES = b"\xff\x0a", b"\0\0\0\x0cJXL "
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_MOST_BOXES = 1000


def jxl_size(file: BinaryIO) -> tuple[int, int] | None:
    """Width and height in pixels; None of a file that is no JPEG XL.

    Raises:
        ValueError: it is one, and declares no size where one belongs.
    """
    file.seek(0)
    start = file.read(16)
    if start.startswith(_BOXES):
        start = _code_stream(file)
    if not start.startswith(_CODE):
        return None
    bits, at = int.from_bytes(start[2:], "little"), 0  # from the lowest bit on

    def take(count: int) -> int:
        nonlocal at
        at += count
        return bits >> at - count & (1 << count) - 1

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    times, parts = _RATIOS.get(take(3), (0, 1))
    return height * times // parts if times else side(), height


def _code_stream(file: BinaryIO) -> bytes:
    """Its first 16 bytes."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        length, kind, begins = int.from_bytes(head[:4]), head[4:8], 8
        if length == 1:
            length, begins = int.from_bytes(head[8:16]), 16
        if kind in (b"jxlc", b"jxlp"):
            file.seek(at + begins + (4 if kind == b"jxlp" else 0), io.SEEK_SET)
            return file.read(16)
        if length < begins:
            break  # to the end of the file, or broken
        at += length
    raise ValueError("JPEG XL without a picture")
