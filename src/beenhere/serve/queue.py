"""Work that is done in threads, one after the other: bounded, with deadlines, and given up."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


class Busy(Exception):
    """As much waits already as may; ``seconds`` from now it is worth another try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Late(Exception):
    """The deadline has passed."""


class Gone(Exception):
    """Who asked is not there any more."""


class Ticket:
    """What work is held against as it goes on: nobody needs what comes too late."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.given_up = False

    def check(self) -> None:
        """To be called between the parts of some work.

        Raises:
            Gone, Late: it is not needed any more.
        """
        if self.given_up:
            raise Gone
        if time.monotonic() > self.deadline:
            raise Late


class WorkQueue:
    """Some threads, and the work that waits for them.

    Args:
        threads: that work at once.
        waiting: jobs that may wait besides.
        name: of the threads.
        begin: called in each thread before its first job.
    """

    def __init__(
        self, threads: int, waiting: int, name: str, begin: Callable[[], None] | None = None
    ) -> None:
        self.threads = threads
        self.most = threads + waiting
        self.held = 0
        self._seconds = 0.1
        self._pool = ThreadPoolExecutor(threads, name, begin)

    def admit(self) -> None:
        """Raise :class:`Busy` where no job would be taken now."""
        if self.held >= self.most:
            raise Busy(max(1, math.ceil(self._seconds * self.held / self.threads)))

    async def run(
        self, job: Callable[[Ticket], T], seconds: float, gone: Callable[[], Awaitable[None]]
    ) -> T:
        """Have a job done, and wait for it.

        A job that nobody waits for any more ends where it next calls its ticket's ``check``; one
        that has not begun never does.

        Args:
            job: takes its ticket.
            seconds: from now, in which it has to be done.
            gone: returns as soon as nobody needs the answer.

        Raises:
            Busy, Late, Gone: see there; and whatever the job raises.
        """
        self.admit()
        ticket = Ticket(time.monotonic() + seconds)
        self.held += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._timed, job, ticket)
        future.add_done_callback(lambda done: _soon(loop, self._done, done))
        answer = asyncio.wrap_future(future)
        leaving = asyncio.ensure_future(gone())
        either: set[asyncio.Future[Any]] = {answer, leaving}
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise Gone if leaving.done() else Late
        finally:
            leaving.cancel()
            if not answer.done():
                ticket.given_up = True
                answer.cancel()

    def _timed(self, job: Callable[[Ticket], T], ticket: Ticket) -> T:
        ticket.check()
        start = time.monotonic()
        try:
            return job(ticket)
        finally:
            self._seconds += 0.1 * (time.monotonic() - start - self._seconds)

    def _done(self, job: "Future[T]") -> None:
        self.held -= 1
        if not job.cancelled():
            job.exception()  # has been asked for, so that none is said to be lost

    def close(self) -> None:
        """End the threads; what has not begun never does."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _soon(
    loop: asyncio.AbstractEventLoop, done: Callable[["Future[T]"], None], job: "Future[T]"
) -> None:
    with suppress(RuntimeError):  # the loop has ended, and with it all that counts
        loop.call_soon_threadsafe(done, job)
