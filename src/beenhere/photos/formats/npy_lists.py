"""``.npy`` files of index lists and of file names; no pickle is ever run."""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.files.regular import open_regular, regular
from beenhere.photos.formats.pickled_arrays import MOST_ENTRIES, read_pickled_array
from beenhere.wording import one_line

MOST_BYTES = 1 << 30
"""Of a file; ground truths of the benchmarks are a few MB."""

MOST_LISTS = 5_000_000
"""Rows, each of which becomes a list or a name; a byte of a file may be one."""

_Lists = list[Sequence[int] | NDArray[Any]]


def read_index_lists(file: Path) -> list[NDArray[np.int64]]:
    """For each query the numbers of its positives, from 0.

    The file holds integers of shape ``(queries,)`` or ``(queries, k)``, where numbers below 0 fill
    up short rows; or an array of lists or arrays, as ``np.save`` writes it for lists of different
    lengths; or rows of ``(query, list)``, as VPR-Bench has them.

    Raises:
        DataError: something else.
    """
    found = _read(file)
    try:
        lists = [np.asarray(each, np.int64) for each in _lists(found)]
        _refuse_matrix(lists)
        return lists
    except DataError as error:
        raise DataError(f"{file}: {error}") from error


def _refuse_matrix(lists: list[NDArray[np.int64]]) -> None:
    """A table of noughts and ones says of each photo whether it is right, and lists none."""
    lengths = {len(row) for row in lists}
    if len(lengths) != 1 or lengths == {0}:
        return
    matrix = np.stack(lists)
    twice = (np.diff(np.sort(matrix, axis=1), axis=1) == 0).any()  # no list names a photo twice
    if twice and ((matrix == 0) | (matrix == 1)).all():
        raise DataError(
            f"holds {matrix.shape[0]} rows of {matrix.shape[1]} noughts and ones: a matrix of what "
            "is right? Expected for each query the numbers of its positives, such as "
            "[np.flatnonzero(row) for row in matrix]"
        )


def read_names(file: Path) -> list[str]:
    """File names, in their order.

    Raises:
        DataError: something else.
    """
    found = _read(file)
    names = found.ravel().tolist()
    if found.ndim != 1 or not all(isinstance(name, str | bytes) for name in names):
        raise DataError(f"{file}: holds {_what(found)}; expected one row of file names")
    return [name if isinstance(name, str) else name.decode("utf-8", "replace") for name in names]


def _read(file: Path) -> NDArray[Any]:
    try:
        size = regular(file).stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{file}: has {size:,} bytes; expected {MOST_BYTES:,} at most")
        with open_regular(file) as opened, warnings.catch_warnings():
            # Of a header that Python 2 wrote; such files are read as well.
            warnings.filterwarnings("ignore", "Reading `.npy`", UserWarning)
            version = npy_format.read_magic(opened)
            if version not in ((1, 0), (2, 0)):
                raise DataError(f"{file}: is of .npy version {version}; expected 1.0 or 2.0")
            read_header = getattr(npy_format, f"read_array_header_{version[0]}_0")
            shape, _, dtype = read_header(opened)
            _check_shape(file, shape, dtype)
            if dtype.hasobject:
                return _pickled(file, opened.read(), shape)
            if math.prod(shape) * dtype.itemsize != size - opened.tell():
                raise DataError(f"{file}: is cut off, or longer than it says; expected it whole")
            opened.seek(0)
            return np.load(opened, allow_pickle=False)  # type: ignore[no-any-return]
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file") from error
    # numpy hands on whatever the parser of its header's text meets.
    except (ValueError, OSError, MemoryError, TokenError, SyntaxError, RecursionError) as error:
        raise DataError(f"{file}: is no .npy file ({one_line(error, 100)})") from error


def _check_shape(file: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """See that an array has as many rows as a list may, and bytes for each of them."""
    rows = shape[0] if shape else 0
    # Of nothing there may be any number, in a file of 82 bytes.
    if not 0 < len(shape) <= 2 or min(shape[1:], default=1) < 1 or not dtype.itemsize:
        what = f"{dtype} of shape {shape}"[:100]
        raise DataError(
            f"{file}: holds {what}; expected integers or names in one or two dimensions, not empty"
        )
    if not 0 <= rows <= MOST_LISTS:
        raise DataError(f"{file}: has {rows:,} rows; expected {MOST_LISTS:,} at most")


def _pickled(file: Path, data: bytes, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        found = read_pickled_array(data)
    except DataError as error:
        raise DataError(
            f"{file}: holds {error}; only lists of numbers or names are read, and nothing else is "
            "ever unpickled"
        ) from error
    if not isinstance(found, np.ndarray) or found.shape != shape:
        raise DataError(f"{file}: holds {type(found).__name__}; expected an array of shape {shape}")
    return found


def _lists(found: NDArray[Any]) -> _Lists:
    if found.dtype != object:
        return _rows(found)
    items = found.ravel().tolist()
    # One list may be in many places: counted before each is looked at.
    total = sum(item.size for item in items if isinstance(item, np.ndarray))
    total += sum(len(item) for item in items if isinstance(item, list | tuple | range))
    if total > MOST_ENTRIES:
        raise DataError(f"lists {total:,} positives; expected {MOST_ENTRIES:,} at most")
    if found.ndim == 1:
        return [_list(item) for item in items]
    if found.ndim == 2 and found.shape[1] == 2 and not all(map(_is_index, items)):
        return _by_query(items[0::2], items[1::2])
    if found.ndim == 2 and all(map(_is_index, items)):
        return _rows(np.array(items, np.int64).reshape(found.shape))
    raise DataError(_expected(found))


def _rows(found: NDArray[Any]) -> _Lists:
    if found.dtype.kind not in "iu" or found.ndim not in (1, 2):
        raise DataError(_expected(found))
    rows = found.astype(np.int64)
    rows = rows if rows.ndim == 2 else rows[:, None]
    if rows.shape[1] == 2 and len(rows) > 1 and (rows[:, 0] == np.arange(len(rows))).all():
        raise DataError(
            "two columns, of which the first counts the queries: pairs, or two positives of each? "
            "Write it as ground_truth.csv with the columns query,database"
        )
    return [row[row >= 0] for row in rows]


def _by_query(queries: list[Any], positives: list[Any]) -> _Lists:
    if not all(map(_is_index, queries)) or sorted(queries) != list(range(len(queries))):
        raise DataError(
            f"rows of (query, list) whose queries are not 0 to {len(queries) - 1}, each once"
        )
    given = dict(zip(queries, positives, strict=True))
    return [_list(given[query]) for query in range(len(queries))]


def _list(item: Any) -> Sequence[int] | NDArray[Any]:
    if isinstance(item, np.ndarray) and item.dtype == object:
        item = item.ravel().tolist()
    if isinstance(item, np.ndarray):
        if item.ndim != 1 or (item.dtype.kind not in "iu" and len(item)):
            raise DataError(f"a positive list that is {_what(item)}; expected one row of integers")
        return item.astype(np.int64)
    if _is_index(item):
        return [item]
    if isinstance(item, range):
        return item
    if not isinstance(item, list | tuple) or not all(map(_is_index, item)):
        raise DataError(f"a positive list that is {_what(item)}; expected whole numbers")
    return item


def _is_index(item: Any) -> bool:
    return type(item) is int and -(2**62) < item < 2**62


def _expected(found: Any) -> str:
    return f"holds {_what(found)}; expected integers, or a list of integers for each query"


def _what(found: Any) -> str:
    if isinstance(found, np.ndarray):
        kind = "objects" if found.dtype == object else found.dtype
        return f"{kind} of shape {found.shape}"
    return f"a {type(found).__name__}" + (" of other things" if isinstance(found, list) else "")
