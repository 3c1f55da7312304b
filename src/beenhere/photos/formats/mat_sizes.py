"""Sizes that a ``.mat`` file of Matlab claims, seen before scipy makes room for them.

The format (MathWorks, "MAT-File Format", version 5): a header of 128 bytes, then elements, each
with its type and bytes. A matrix is an element of elements: flags, sides, name, and what is in it.
"""

import math
import struct
import zlib
from collections.abc import Iterator

from beenhere.errors import DataError

MOST_BYTES = 1 << 30
"""Of a file, and of what is packed in it."""

DEEPEST = 16
"""Matrices within one another."""

_MATRIX, _COMPRESSED = 14, 15
_NESTED, _SPARSE = (1, 2, 3), 5
"""Classes of matrices: cells, structs and objects; those of which few entries are there."""


def check_sizes(data: bytes) -> None:
    """See that no matrix has more entries than bytes.

    Raises:
        DataError: one has, or it is no whole file of version 5; the message is the reason alone.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise DataError("no MAT-file of version 5")
    _check(memoryview(data)[128:], order, 0)


def _check(data: memoryview, order: str, depth: int) -> None:
    if depth > DEEPEST:
        raise DataError(f"more than {DEEPEST} matrices within one another")
    for kind, content in _elements(data, order):
        if kind == _COMPRESSED:
            packed = zlib.decompressobj()
            plain = packed.decompress(content, MOST_BYTES)
            if packed.unconsumed_tail:
                raise DataError(f"more than {MOST_BYTES:,} bytes when unpacked")
            _check(memoryview(plain), order, depth + 1)
        elif kind == _MATRIX and len(content):
            parts = _elements(content, order)
            (_, flags), (_, sides) = next(parts), next(parts)
            number = struct.unpack_from(f"{order}I", flags)[0] & 0xFF
            shape = struct.unpack_from(f"{order}{len(sides) // 4}i", sides)
            if number != _SPARSE and (min(shape) < 0 or math.prod(shape) > len(content)):
                raise DataError(f"a matrix of shape {shape} in {len(content):,} bytes"[:100])
            if number in _NESTED:
                _check(content, order, depth + 1)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of each."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:  # small: both in four bytes, and the content in the next four
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if size > len(data) - start:
            raise DataError("it is cut off")
        yield kind, data[start : start + size]
        at = start + size if kind == _COMPRESSED else start + size + -(start + size) % 8
