"""How far a download is, over all of its attempts."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from beenhere.datasets.download.patience import Patience
from beenhere.progress import progress
from beenhere.wording import file_size

_MEGABYTE = 1_000_000


class Meter:
    """Progress in megabytes, from where the first attempt that brought something began."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open = ExitStack()
        self._advance: Callable[[int], None] | None = None
        self._shown = 0

    def __enter__(self) -> "Meter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def begin(self, have: int, end: int | None) -> None:
        """An attempt begins to bring bytes: so many are there, and so many there will be."""
        if self._advance is not None:
            return
        self._shown = have // _MEGABYTE
        what = f"{self._name}, MB" if not have else f"{self._name} after {file_size(have)}, MB"
        total = None if end is None else end // _MEGABYTE - self._shown
        self._advance = self._open.enter_context(progress(what, total))

    def reached(self, have: int) -> None:
        """So many bytes are there now; fewer than before where the file began anew."""
        steps = have // _MEGABYTE - self._shown
        if steps and self._advance is not None:
            self._shown += steps
            self._advance(steps)


class SlownessWatch:
    """Tells a connection that drips from one that flows; a time-out sees only one that is dead."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._since = time.monotonic()
        self._bytes = 0

    def is_too_slow(self, bytes: int) -> bool:
        """Whether too little came over the last while, these bytes counted."""
        self._bytes += bytes
        passed = time.monotonic() - self._since
        if passed < self._patience.silence:
            return False
        slow = self._bytes < self._patience.slowest * passed
        self._since += passed
        self._bytes = 0
        return slow
