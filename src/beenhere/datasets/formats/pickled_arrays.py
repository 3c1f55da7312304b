"""Lists of numbers out of the pickle that numpy writes for an array of lists; nothing is run.

A pickle is a small program. Unpickling it may import and call anything, so a ground truth that
someone offers for download could take over the computer. Here its instructions are followed by a
machine that knows no import and no call: it builds numbers, texts, lists, tuples and numpy arrays,
and stops at everything else. The standard library's ``pickletools`` tells instructions apart.
"""

import math
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from beenhere.datasets.formats.pickled_numpy import (
    CALLS,
    MOST_ENTRIES,
    Name,
    ObjectArray,
    PendingArray,
    PickledDType,
    array_from,
    filled,
    fitting,
    kind_of,
    refuse,
    set_order,
)
from beenhere.wording import one_line

_PROTOCOLS = range(2, 6)


def read_pickled_array(data: bytes) -> Any:
    """What a pickle holds: ints, texts, lists, tuples, ranges, numpy arrays, :class:`ObjectArray`.

    Lists may hold one another in circles, as a pickle can say so: look no deeper than is expected.

    Raises:
        DataError: it is no whole pickle of protocol 2 to 5, or it holds or calls anything else; the
            message is the reason alone.
    """
    machine = _Machine()
    try:
        for operation, argument, _ in pickletools.genops(data):
            if machine.step(operation.name, argument):
                return machine.result()
    except (ValueError, IndexError, EOFError, OverflowError, MemoryError) as error:
        refuse(f"no whole pickle ({one_line(error, 100)})")
    refuse("a pickle without an end")


class _Machine:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._known = False
        self._entries = 0

    def step(self, name: str, argument: Any) -> bool:
        """Follow one instruction; True at the end."""
        if name == "PROTO":
            if argument not in _PROTOCOLS:
                refuse(f"pickle protocol {argument}; expected 2 to 5")
            self._known = True
        elif not self._known:
            refuse("a pickle of protocol 0 or 1; expected 2 to 5")
        elif name == "STOP":
            return True
        elif name in _VALUES:
            self._stack.append(_VALUES[name](argument))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name != "FRAME":
            refuse(f"the pickle instruction {name}, which lists of numbers do not need")
        return False

    def result(self) -> Any:
        if len(self._stack) != 1:
            refuse("no whole pickle (more or less than one value)")
        return filled(self._stack[0])

    def pop(self) -> Any:
        if self._marks and len(self._stack) <= self._marks[-1]:
            refuse("no whole pickle (a value is missing)")
        return self._stack.pop()

    def mark(self) -> None:
        self._marks.append(len(self._stack))

    def after_mark(self) -> list[Any]:
        place = self._marks.pop()
        values = self._stack[place:]
        del self._stack[place:]
        return values

    def keep(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def memoize(self) -> None:
        self.keep(len(self._memo))

    def recall(self, place: int) -> None:
        if place not in self._memo:
            refuse("no whole pickle (it recalls what it never kept)")
        self._stack.append(self._memo[place])

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def tuple_of(self, count: int) -> None:
        self._stack.append(tuple([self.pop() for _ in range(count)][::-1]))

    def extend(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            refuse(f"entries added to {kind_of(target)}")
        target.extend(values)

    def name(self, module: Any, name: Any) -> None:
        self._stack.append(Name(f"{module}.{name}"))

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, Name) or function.text not in CALLS:
            refuse(f"a call of {kind_of(function)}")
        if not isinstance(arguments, tuple):
            refuse(f"{function.text} of {kind_of(arguments)}")
        value = CALLS[function.text](*fitting(function.text, arguments))
        self._spend(value)
        self._stack.append(value)

    def build(self) -> None:
        state, target = self.pop(), self._stack[-1]
        if isinstance(target, PickledDType):
            set_order(target, state)
        elif isinstance(target, PendingArray):
            target.value = array_from(state)
            self._spend(target.value)
        else:
            refuse(f"a state for {kind_of(target)}")

    def _spend(self, value: Any) -> None:
        """Keep many arrays from one piece of data within bounds."""
        if isinstance(value, ObjectArray | np.ndarray):
            self._entries += math.prod(value.shape)
            if self._entries > MOST_ENTRIES:
                refuse(f"more than {MOST_ENTRIES:,} numbers")


_VALUES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"), int),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), str),
    # Python 2 wrote bytes as these; pickletools gives them as Latin-1 texts.
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), str),
    **dict.fromkeys(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), bytes),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
}

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda machine, _: machine.mark(),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.after_mark())),
    "LIST": lambda machine, _: machine.push(machine.after_mark()),
    "APPEND": lambda machine, _: machine.extend([machine.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.after_mark()),
    "GLOBAL": lambda machine, both: machine.name(*both.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(*[machine.pop(), machine.pop()][::-1]),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
    "MEMOIZE": lambda machine, _: machine.memoize(),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda machine, at: machine.keep(int(at))),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, at: machine.recall(int(at))),
}
