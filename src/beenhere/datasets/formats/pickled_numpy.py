"""What numpy's pickles build: arrays, their types and numbers, without numpy's own constructors.

Each function in :data:`CALLS` stands in for one that a pickle of numpy names. They take whatever a
file gives them, so they check it first.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError

MOST_ENTRIES = 50_000_000
"""Entries of one range or array; more is refused."""

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_BUILTINS = ("builtins", "__builtin__")


def refuse(what: str) -> NoReturn:
    """Stop at something that lists of numbers do not need; the message is the reason alone.

    Raises:
        DataError: always.
    """
    raise DataError(what)


@dataclass(eq=False)
class ObjectArray:
    """A numpy array of Python objects.

    Attributes:
        shape: of the array.
        items: in C order; each an int, str, None, bool, list, tuple or array.
    """

    shape: tuple[int, ...]
    items: list[Any]


@dataclass(frozen=True)
class Name:
    """What a pickle names, such as ``"os.system"``; it is never looked up."""

    text: str


@dataclass(eq=False)
class PickledDType:
    """A type of numbers, such as ``"i8"``, and the order of its bytes."""

    text: str
    order: str = "|"

    def numpy(self) -> np.dtype[Any]:
        """The same for numpy."""
        try:
            return np.dtype(self.order + self.text)
        except TypeError:
            refuse(f"numbers of type {self.text!r}")


@dataclass(eq=False)
class PendingArray:
    """An array between its creation and the instruction that fills it."""

    value: "ObjectArray | NDArray[Any] | None" = None


def _reconstruct(kind: Any, shape: Any, code: Any) -> PendingArray:
    if kind != Name("numpy.ndarray"):
        refuse(f"an array of class {kind_of(kind)}")
    return PendingArray()


def _dtype(text: Any, align: Any = False, copy: Any = True) -> PickledDType:
    if not isinstance(text, str) or re.fullmatch(r"O8?|[iufb][1248]|U\d{1,4}", text) is None:
        refuse(f"numbers of type {text!r}"[:100])
    return PickledDType(text)


def _scalar(dtype: Any, data: Any) -> Any:
    (number,) = _numbers(dtype, (1,), data).tolist()
    return number


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
    numbers = _numbers(dtype, shape, data)
    return _in_order(numbers, order == "F")


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        refuse("a text in an encoding other than Latin-1")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


def _range(*limits: Any) -> range:
    if not all(type(limit) is int for limit in limits):
        refuse("a range of something other than numbers")
    numbers = range(*limits)
    if len(numbers) > MOST_ENTRIES:
        refuse(f"a range of {len(numbers):,} numbers")
    return numbers


CALLS: dict[str, Callable[..., Any]] = {
    **{f"{module}._reconstruct": _reconstruct for module in _MULTIARRAY},
    **{f"{module}.scalar": _scalar for module in _MULTIARRAY},
    **{f"{module}._frombuffer": _frombuffer for module in _NUMERIC},
    **{f"{module}.{name}": _range for module in _BUILTINS for name in ("range", "xrange")},
    "numpy.dtype": _dtype,
    # How Python 3 writes bytes, and none of them, in protocol 2.
    "_codecs.encode": _encode,
    "__builtin__.bytes": _no_bytes,
}
_ARGUMENTS = {_reconstruct: (3, 3), _dtype: (1, 3), _scalar: (2, 2), _frombuffer: (4, 4)}
_ARGUMENTS |= {_encode: (2, 2), _range: (1, 3), _no_bytes: (0, 0)}


def fitting(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of a call, if there are as many as it takes."""
    fewest, most = _ARGUMENTS[CALLS[name]]
    if not fewest <= len(arguments) <= most:
        refuse(f"{name} of {len(arguments)} arguments")
    return arguments


def set_order(dtype: PickledDType, state: Any) -> None:
    """Set the order of bytes that a pickle gives a type after making it."""
    if not isinstance(state, tuple) or len(state) < 3 or state[1] not in ("<", ">", "|", "="):
        refuse("a type of numbers that numpy does not write")
    if state[2] is not None:
        refuse("numbers of several types in one array")
    dtype.order = state[1]


def array_from(state: Any) -> "ObjectArray | NDArray[Any]":
    """An array from what a pickle fills it with."""
    if not isinstance(state, tuple) or len(state) != 5:
        refuse("an array that numpy does not write")
    _, shape, dtype, fortran, content = state
    if not isinstance(dtype, PickledDType) or not dtype.text.startswith("O"):
        return _in_order(_numbers(dtype, shape, content), bool(fortran))
    items = [filled(item) for item in content] if isinstance(content, list) else []
    if not isinstance(content, list) or len(items) != _size(shape):
        refuse("an array whose shape does not fit its content")
    return ObjectArray(shape, items)


def _numbers(dtype: Any, shape: Any, data: Any) -> NDArray[Any]:
    if not isinstance(dtype, PickledDType) or dtype.text.startswith("O"):
        refuse(f"numbers of type {kind_of(dtype)}")
    raw = data.encode("latin-1") if isinstance(data, str) else data
    kind = dtype.numpy()
    if not isinstance(raw, bytes) or kind.itemsize == 0 or len(raw) != _size(shape) * kind.itemsize:
        refuse("an array whose shape does not fit its content")
    return np.frombuffer(raw, kind).reshape(shape)


def _in_order(numbers: NDArray[Any], fortran: bool) -> NDArray[Any]:
    return numbers.reshape(-1).reshape(numbers.shape, order="F") if fortran else numbers


def _size(shape: Any) -> int:
    good = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
    if not good or len(shape) > 8 or math.prod(shape) > MOST_ENTRIES:
        refuse(f"an array of shape {shape!r}"[:100])
    return math.prod(shape)


def filled(value: Any) -> Any:
    """A value that is complete: an array has its content, and nothing is left to be called."""
    if isinstance(value, PendingArray):
        if value.value is None:
            refuse("an array without content")
        return value.value
    if isinstance(value, Name | PickledDType):
        refuse(f"{kind_of(value)} among the values")
    return value


def kind_of(value: Any) -> str:
    """In words, for a message; what a file chose to call itself loses its control characters."""
    if isinstance(value, Name | PickledDType):
        return value.text[:80].encode("unicode_escape").decode("ascii")
    return type(value).__name__
