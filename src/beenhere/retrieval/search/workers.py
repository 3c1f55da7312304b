"""Threads that each compute by themselves."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import faiss
import torch


class Workers:
    """As many threads as torch may use; torch and faiss start no others in them.

    A thread that has its own block of work waits for nobody. Threads that share every small
    operation, as torch's do, spin while they wait, and all wait for the slowest.
    """

    def __init__(self, pool: ThreadPoolExecutor, threads: int) -> None:
        self._pool = pool
        self.threads = threads

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Begin some work in one of the threads."""
        return self._pool.submit(work, *arguments)


@contextmanager
def workers() -> Iterator[Workers]:
    """Threads for as long as the block runs."""
    threads = torch.get_num_threads()
    all_there = Barrier(threads)

    def alone() -> None:
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)

    with ThreadPoolExecutor(threads, "search", alone) as pool:
        for future in [pool.submit(all_there.wait) for _ in range(threads)]:
            future.result()
        # torch keeps the number for each thread, but the last one is also that of new threads.
        torch.set_num_threads(threads)
        yield Workers(pool, threads)
