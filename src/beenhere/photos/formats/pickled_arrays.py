"""Lists of numbers out of the pickle that numpy writes for an array of lists; nothing is run.

A pickle is a small program. Unpickling it may import and call anything, so a ground truth that
someone offers for download could take over the computer. Here the unpickler gets a function of
ours for each of the few that numpy's pickles call, and stops at every other name; and it sees no
pickle with an instruction that lists of numbers do not need.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beenhere.errors import DataError
from beenhere.wording import one_line

MOST_ENTRIES = 50_000_000
"""Entries of one range, or of all arrays; more is refused."""

MOST_INSTRUCTIONS = 20_000_000
"""Of a pickle: each number is one, and a byte of it may make an empty list of 56 bytes."""

_INSTRUCTIONS = re.compile(
    "PROTO|FRAME|STOP|MARK|NONE|NEWTRUE|NEWFALSE|INT|BININT[12]?|LONG[14]?"
    "|(SHORT_)?BIN(UNICODE|STRING|BYTES)|BIN(UNICODE|BYTES)8|BYTEARRAY8"
    "|EMPTY_LIST|LIST|APPENDS?|EMPTY_TUPLE|TUPLE[123]?"
    "|(BIN|LONG_BIN)?(PUT|GET)|MEMOIZE|GLOBAL|STACK_GLOBAL|REDUCE|BUILD"
)
_NDARRAY = object()
"""Stands for the class of arrays, of which none is made before its content is known."""


def read_pickled_array(data: bytes) -> Any:
    """The value of a pickle: ints, texts, lists, tuples, ranges, and arrays of numbers or of these.

    Lists may hold one another in circles, as a pickle can say so: look no deeper than is expected.

    Raises:
        DataError: it is no whole pickle of protocol 2 to 5, or it holds or calls anything else; the
            message is the reason alone.
    """
    try:
        _check_instructions(data)
        # Python 2 wrote bytes as texts: Latin-1 keeps every one of them.
        return _filled(_Unpickler(io.BytesIO(data), encoding="latin1").load())
    except DataError:
        raise
    except Exception as error:  # whatever a broken one makes the unpickler and our functions raise
        raise DataError(f"no whole pickle ({one_line(error, 100)})") from error


def _check_instructions(data: bytes) -> None:
    """See that a pickle needs no more than lists of numbers do, and says how long its parts are.

    Raises:
        DataError: an instruction that is not known here, or a memo larger than the pickle.
        ValueError: it is cut off, or a part of it is shorter than it says.
    """
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if count > MOST_INSTRUCTIONS:
            raise DataError(f"a pickle of more than {MOST_INSTRUCTIONS:,} instructions")
        if not count and (operation.name != "PROTO" or argument not in range(2, 6)):
            version = argument if operation.name == "PROTO" else "0 or 1"
            raise DataError(f"a pickle of protocol {version}; expected 2 to 5")
        if not _INSTRUCTIONS.fullmatch(operation.name):
            raise DataError(
                f"the pickle instruction {operation.name}, which lists of numbers do not need"
            )
        # Places are given out one by one; the unpickler makes room up to the one that is named.
        if "PUT" in operation.name and int(argument or 0) > count + 1000:
            raise DataError(f"no whole pickle (it keeps a value at place {argument})")


class _Unpickler(pickle.Unpickler):
    """Calls functions of ours where numpy's pickles call numpy's."""

    def __init__(self, file: io.BytesIO, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._entries = 0
        multiarray = ("numpy.core.multiarray", "numpy._core.multiarray")
        numeric = ("numpy.core.numeric", "numpy._core.numeric")
        self._known: dict[str, Any] = {
            "numpy.ndarray": _NDARRAY,
            "numpy.dtype": _PickledType,
            **{f"{module}._reconstruct": self._reconstruct for module in multiarray},
            **{f"{module}.scalar": _scalar for module in multiarray},
            **{f"{module}._frombuffer": self._frombuffer for module in numeric},
            **dict.fromkeys(("builtins.range", "__builtin__.xrange", "__builtin__.range"), _range),
            # How Python 3 writes bytes, and none of them, in protocol 2.
            "_codecs.encode": self._encode,
            "__builtin__.bytes": lambda: b"",
        }

    def find_class(self, module: str, name: str) -> Any:
        """Our function for a name; nothing is imported.

        Raises:
            DataError: it is another.
        """
        whole = f"{module}.{name}"
        if whole not in self._known:
            # As the file spells it, but without its control characters.
            raise DataError(f"a call of {whole[:80].encode('unicode_escape').decode('ascii')}")
        return self._known[whole]

    def _reconstruct(self, kind: Any, shape: Any, code: Any) -> "_PickledArray":
        if kind is not _NDARRAY:
            raise DataError("an array of a class of its own")
        return _PickledArray(self._spend)

    def _frombuffer(self, data: Any, kind: Any, shape: Any, order: Any) -> "_PickledArray":
        array = _PickledArray(self._spend)
        array.__setstate__((1, shape, kind, order == "F", data))
        return array

    def _encode(self, text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise DataError("a text in an encoding other than Latin-1")
        self._spend(len(text) // 8)
        return text.encode("latin-1")

    def _spend(self, entries: int) -> None:
        """Keep many arrays from one piece of data within bounds."""
        self._entries += entries
        if self._entries > MOST_ENTRIES:
            raise DataError(f"more than {MOST_ENTRIES:,} numbers")


class _PickledType:
    """A type of numbers, such as ``"i8"``, and then the order of their bytes.

    Not numpy's own: that takes flags out of a pickle which make it follow numbers as pointers.
    """

    def __init__(self, text: Any, align: Any = False, copy: Any = True) -> None:
        if not isinstance(text, str) or not re.fullmatch(r"O8?|[iufb][1248]|U\d{1,4}", text):
            raise DataError(f"numbers of type {_shown(text)}")
        self.text = text
        self._order = "|"

    def __setstate__(self, state: Any) -> None:
        _, order, parts, *_ = state
        if order not in ("<", ">", "|", "=") or parts is not None:
            raise DataError("a type of numbers that numpy does not write")
        self._order = order

    def numbers(self, shape: Any, data: Any) -> NDArray[Any]:
        """The numbers of a piece of data, of this shape."""
        if self.text.startswith("O") or not isinstance(data, str | bytes | bytearray):
            raise DataError("numbers made of something else than bytes")
        kind = np.dtype(self._order + self.text)
        if len(data) != _size(shape) * kind.itemsize or not kind.itemsize:
            raise DataError("an array whose shape does not fit its content")
        raw = data.encode("latin-1") if isinstance(data, str) else data
        return np.frombuffer(raw, kind).reshape(shape)


class _PickledArray:
    """An array between its creation and the instruction that fills it."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        self._spend = spend
        self.value: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, content = state
        self._spend(max(_size(shape), len(content) // 8))  # texts of one array may be long
        if not kind.text.startswith("O"):
            numbers = kind.numbers(shape, content)
            self.value = numbers.reshape(-1).reshape(shape, order="F") if fortran else numbers
        elif isinstance(content, list) and len(content) == _size(shape):
            objects = np.empty(len(content), object)
            for at, item in enumerate(content):  # one by one: lists are no further dimension
                objects[at] = _filled(item)
            self.value = objects.reshape(shape)
        else:
            raise DataError("an array whose shape does not fit its content")


def _scalar(kind: Any, data: Any) -> Any:
    return kind.numbers((), data).item()


def _range(*limits: Any) -> range:
    numbers = range(*limits)
    if max(map(abs, limits)) > 2**62 or len(numbers) > MOST_ENTRIES:
        raise DataError(f"a range of more than {MOST_ENTRIES:,} numbers")
    return numbers


def _size(shape: Any) -> int:
    good = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
    if not good or len(shape) > 8 or math.prod(shape) > MOST_ENTRIES:
        raise DataError(f"an array of shape {_shown(shape)}")
    return math.prod(shape)


def _shown(value: Any) -> str:
    """A value in a message, if it is short: lists may hold one list a thousand million times."""
    flat = isinstance(value, tuple) and len(value) <= 8 and all(type(one) is int for one in value)
    return repr(value[:80])[:100] if isinstance(value, str) or flat else f"a {type(value).__name__}"


def _filled(value: Any) -> Any:
    """A value as it is, or an array with its content."""
    if isinstance(value, _PickledArray):
        if value.value is None:
            raise DataError("an array without content")
        return value.value
    return value
