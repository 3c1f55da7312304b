"""Progress of long work: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_SECONDS = 10.0
"""Seconds between two plain lines where there is no terminal."""


@contextmanager
def progress(
    what: str | None, total: int | None, least: int = 0
) -> Iterator[Callable[[int], None]]:
    """Show how far some work is; call the yielded function with how many steps were just done.

    Goes to standard error, so that a command's output can be piped.

    Args:
        what: a few words, such as ``"database photos"``; None: show nothing.
        total: steps in all; None where that shows only at the end.
        least: with fewer steps than that nothing is shown.
    """
    if what is None or (total is not None and total < least):
        yield lambda steps: None
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        with _lines(what, total) as advance:
            yield advance


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    out = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    with Progress(*columns, TimeRemainingColumn(), console=Console(file=out)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def _lines(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    start = last = time.monotonic()
    done = 0

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last >= PLAIN_SECONDS:
            last = now
            rate = done / (now - start)
            pace = f"{rate:.0f} a second" if rate >= 2 else f"{1 / rate:.1f} s each"
            of_all = "" if total is None else f" of {total}"
            print(f"{what}: {done}{of_all}, {pace}", file=sys.stderr, flush=True)

    yield advance
