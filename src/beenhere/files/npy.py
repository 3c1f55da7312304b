"""Arrays in ``.npy`` files: written in pieces, and read as memory maps without trusting the file.

numpy.lib.format describes the format: magic, length, a Python literal padded with spaces, numbers
in C order. ``np.load`` reads these files; here the header must be, byte for byte, the one that is
expected, so that nothing in a damaged file is ever parsed.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.files.regular import open_regular

HEADER_BYTES = 128


def header(shape: tuple[int, ...], dtype: str) -> bytes:
    """The header of a file, version 1.0, of a length that does not depend on the shape."""
    little = np.dtype(dtype).newbyteorder("<").str
    literal = f"{{'descr': '{little}', 'fortran_order': False, 'shape': {shape}, }}"
    magic = np.lib.format.magic(1, 0)
    length = HEADER_BYTES - len(magic) - 2
    text = literal.ljust(length - 1).encode("ascii") + b"\n"
    return magic + length.to_bytes(2, "little") + text


def little_endian(array: NDArray[Any], dtype: str) -> bytes:
    """The numbers of an array as a file holds them."""
    return np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes()


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write a whole array.

    Raises:
        OSError: the disk is full, say.
    """
    dtype = array.dtype.name
    path.write_bytes(header(array.shape, dtype) + little_endian(array, dtype))


def map_array(path: Path, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """The array of a file, which is not read yet.

    Raises:
        OSError: there is no such file.
        ValueError: it holds another array, or fewer numbers.
    """
    with open_regular(path, follow=False) as file:
        if file.read(HEADER_BYTES) != header(shape, dtype):
            raise ValueError(f"it does not begin as an array {shape} of {dtype} does")
        return np.memmap(file, np.dtype(dtype).newbyteorder("<"), "r", HEADER_BYTES, shape)
