"""Work that waits, comes too late, or is not needed any more."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from beenhere.serve.queue import Busy, Gone, Late, Ticket, WorkQueue


async def never() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    pass


def run(test: Callable[[WorkQueue], object], threads: int = 1, waiting: int = 1) -> None:
    async def running() -> None:
        queue = WorkQueue(threads, waiting, "test")
        try:
            await asyncio.wait_for(test(queue), 20)  # type: ignore[arg-type]
        finally:
            queue.close()

    asyncio.run(running())


def test_more_than_may_wait_is_sent_away() -> None:
    async def test(queue: WorkQueue) -> None:
        go = threading.Event()
        asked = [
            asyncio.create_task(queue.run(lambda _, n=n: (go.wait(20), n)[1], 10, never))
            for n in range(3)
        ]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy) as busy:
            queue.admit()
        assert busy.value.seconds >= 1
        with pytest.raises(Busy):
            await asked[2]
        go.set()
        assert await asyncio.gather(*asked[:2]) == [0, 1]
        while queue.held:
            await asyncio.sleep(0.01)
        queue.admit()

    run(test)


def test_what_comes_too_late_is_not_done() -> None:
    async def test(queue: WorkQueue) -> None:
        go, done = threading.Event(), []
        slow = asyncio.create_task(queue.run(lambda _: go.wait(20), 10, never))
        await asyncio.sleep(0.05)
        with pytest.raises(Late):
            await queue.run(lambda _: done.append(1), 0.05, never)
        await asyncio.sleep(0.05)
        assert queue.held == 1  # the one that never began holds no place
        go.set()
        await slow
        assert done == []

    run(test)


@pytest.mark.parametrize(("gone", "why"), [(at_once, Gone), (never, Late)])
def test_work_ends_where_it_sees_that_nobody_waits(
    gone: Callable[[], object], why: type[Exception]
) -> None:
    async def test(queue: WorkQueue) -> None:
        parts: list[int] = []
        ended = threading.Event()

        def job(ticket: Ticket) -> None:
            try:
                for part in range(1000):
                    ticket.check()
                    parts.append(part)
                    time.sleep(0.02)
            finally:
                ended.set()

        with pytest.raises(why):
            await queue.run(job, 0.2, gone)  # type: ignore[arg-type]
        assert await asyncio.to_thread(ended.wait, 5)
        assert len(parts) < 50
        assert await queue.run(lambda _: 7, 5, never) == 7

    run(test)


def test_an_error_reaches_who_asked_and_the_queue_goes_on() -> None:
    async def test(queue: WorkQueue) -> None:
        def fails(_: Ticket) -> None:
            raise ValueError("no")

        for _ in range(5):
            with pytest.raises(ValueError, match="no"):
                await queue.run(fails, 5, never)
        await asyncio.sleep(0.05)
        assert queue.held == 0

    run(test)
