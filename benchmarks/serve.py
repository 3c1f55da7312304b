"""What `beenhere serve` does under load: requests a second, seconds of each, memory.

    python benchmarks/serve.py INDEX PHOTO [PHOTO ...] [--seconds 6] [--only choice|hogs|memory|env]

A server of its own is started for each row, on this machine; clients are threads of this process,
each with a connection that it keeps, which ask `/v1/locate` for one photo after the other.

- choice: threads in one process, processes with one thread each, and one thread that has all cores,
  at 1, 2, 4, 8 and 16 clients; and what batches would bring, by the library without a server.
- hogs: beside four processes that compute for nothing.
- memory: of a server that answers many requests.
- env: what it is that threads of OpenMP that wait sleep instead of spinning.
- full: how soon a request is sent away that a full queue has no place for.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from rich.console import Console
from rich.table import Table

CONSOLE = Console(highlight=False, width=120)
CLIENTS = (1, 2, 4, 8, 16)
HOGS = 4
SPINNING = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "300000"}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("index", type=Path)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--only", choices=("choice", "hogs", "memory", "env", "full"))
    options = parser.parse_args()
    photos = [photo.read_bytes() for photo in options.photos]
    if options.only in (None, "choice"):
        measure_choice(options.index, photos, options.seconds, options.clients)
    for name, measure in (
        ("hogs", measure_hogs),
        ("env", measure_spinning),
        ("full", measure_full),
    ):
        if options.only in (None, name):
            measure(options.index, photos, options.seconds)
    if options.only in (None, "memory"):
        measure_memory(options.index, photos, options.requests)


# --- a server, and those who ask it --------------------------------------------------------------


@dataclass
class Load:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    wall: float = 0.0
    computed: float = 0.0

    def row(self) -> list[str]:
        """Requests a second; p50, p95, p99 and processor time of each in ms."""
        if len(self.seconds) < 2:
            return [str(len(self.seconds)), "", "", "", ""]
        cuts = statistics.quantiles(self.seconds, n=100, method="inclusive")
        return [
            f"{len(self.seconds) / self.wall:.1f}",
            *(f"{1000 * cuts[at - 1]:.0f}" for at in (50, 95, 99)),
            f"{1000 * self.computed / len(self.seconds):.0f}",
        ]


@contextmanager
def server(
    index: Path, *options: str, environment: Mapping[str, str] = {}
) -> Iterator[tuple[int, int]]:
    """A server meanwhile: its port, and the id of its first process."""
    command = [sys.executable, "-m", "beenhere", "serve", str(index), "--port", "0"]
    # Of OpenMP it is the command that decides, unless a row is about just that.
    clean = {name: value for name, value in os.environ.items() if name not in SPINNING}
    process = subprocess.Popen(
        [*command, "--rate", "100000", *options],
        stdout=subprocess.PIPE,
        env={**clean, **environment},
        text=True,
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().split("http://")[1].split(" ")[0].rpartition(":")[2])
        while not _is_ready(port):
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _is_ready(port: int) -> bool:
    with suppress(OSError):
        return ask(HTTPConnection("127.0.0.1", port, timeout=60), "GET", "/ready") == 200
    return False


def ask(line: HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
    """The status of an answer, all of which is read."""
    headers = {"Content-Type": "image/jpeg"} if body is not None else {}
    line.request(method, path, body, headers)
    answer = line.getresponse()
    answer.read()
    return answer.status


def load(port: int, pid: int, photos: Sequence[bytes], clients: int, seconds: float) -> Load:
    """Have so many clients ask for so long, after each has asked once."""
    found, ready = Load(), threading.Barrier(clients + 1)
    ends: list[float] = [0.0]

    def client(number: int) -> None:
        line = HTTPConnection("127.0.0.1", port, timeout=120)
        ask(line, "POST", "/v1/locate", photos[number % len(photos)])
        line.close()  # while others are not so far: the server does not wait long
        ready.wait()
        turn = number
        while time.monotonic() < ends[0]:
            turn += 1
            start = time.perf_counter()
            status = ask(line, "POST", "/v1/locate", photos[turn % len(photos)])
            if status == 200:
                found.seconds.append(time.perf_counter() - start)
            else:
                found.refused += 1
        line.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    while ready.n_waiting < clients:
        time.sleep(0.01)
    start, before = time.monotonic(), computed(pid)
    ends[0] = start + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    found.wall, found.computed = time.monotonic() - start, computed(pid) - before
    return found


def computed(pid: int) -> float:
    """Seconds of processors that a server's processes have used."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ticks = 0
    for one in (str(pid), *children):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> tuple[float, float]:
    """MB of a server's processes: all that they hold, shared parts once; and theirs alone."""
    kinds = {"Pss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (str(pid), *children):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name = line.partition(":")[0]
            if name in kinds:
                kinds[name] += int(line.split()[1])
    return kinds["Pss"] / 1024, (kinds["Private_Clean"] + kinds["Private_Dirty"]) / 1024


# --- tables --------------------------------------------------------------------------------------


def measure_choice(
    index: Path, photos: Sequence[bytes], seconds: float, numbers: Sequence[int]
) -> None:
    """Threads, processes, or one with all cores."""
    ways = {
        "2 threads": ("--threads", "2"),
        "2 processes": ("--workers", "2", "--threads", "1"),
        "1 thread of 2 cores": ("--threads", "1"),
    }
    table = _table(
        "One photo a request", "clients", "requests/s", "p50 ms", "p95", "p99", "CPU ms", "MB"
    )
    for way, options in ways.items():
        with server(index, *options) as (port, pid):
            for clients in numbers:
                found = load(port, pid, photos, clients, seconds)
                CONSOLE.print(way, clients, *found.row())  # what a run that is cut off has found
                table.add_row(way, str(clients), *found.row(), f"{memory(pid)[0]:.0f}")
    CONSOLE.print(table)
    _print_batches(index, photos, seconds)


def _print_batches(index: Path, photos: Sequence[bytes], seconds: float) -> None:
    import torch

    import beenhere

    opened = beenhere.Index.open(index)
    table = _table("By the library, 2 threads of torch", "photos at once", "photos/s")
    torch.set_num_threads(2)
    for at_once in (1, 4, 8):
        some = [photos[number % len(photos)] for number in range(at_once)]
        opened.locate_many(some)
        start, done = time.monotonic(), 0
        while time.monotonic() < start + seconds:
            opened.locate_many(some)
            done += at_once
        table.add_row("batches", str(at_once), f"{done / (time.monotonic() - start):.1f}")
    CONSOLE.print(table)


def measure_hogs(index: Path, photos: Sequence[bytes], seconds: float) -> None:
    """Alone, and beside others that want the cores."""
    table = _table(
        "Beside busy processes", "clients", "requests/s", "p50 ms", "p95", "p99", "CPU ms"
    )
    with server(index) as (port, pid):
        for clients in (1, 8):
            table.add_row("alone", str(clients), *load(port, pid, photos, clients, seconds).row())
        with hogs(HOGS):
            for clients in (1, 8):
                found = load(port, pid, photos, clients, seconds)
                table.add_row(f"{HOGS} hogs", str(clients), *found.row())
    CONSOLE.print(table)


def measure_spinning(index: Path, photos: Sequence[bytes], seconds: float) -> None:
    """One thread that computes with two of OpenMP, which sleep or spin while they wait."""
    table = _table("Threads that wait", "beside", "requests/s", "p50 ms", "p95", "p99", "CPU ms")
    for way, environment in (("sleep", {}), ("spin", SPINNING)):
        with server(index, "--threads", "1", environment=environment) as (port, pid):
            table.add_row(way, "nobody", *load(port, pid, photos, 1, seconds).row())
            with hogs(HOGS):
                table.add_row(way, f"{HOGS} hogs", *load(port, pid, photos, 1, seconds).row())
    CONSOLE.print(table)


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that compute for nothing meanwhile."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=_burn, daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    time.sleep(2)
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()


def _burn() -> None:
    number = 1
    while True:
        number = number * 3 % 1_000_003


def measure_full(index: Path, photos: Sequence[bytes], seconds: float) -> None:
    """How soon a full queue says so."""
    table = _table("A full queue", "clients", "answered", "sent away", "p50 ms", "p99")
    with server(index, "--queue", "2") as (port, _):
        sent_away: list[float] = []
        answered = [0]
        ends = time.monotonic() + seconds

        def client() -> None:
            while time.monotonic() < ends:
                start = time.perf_counter()
                line = HTTPConnection("127.0.0.1", port, timeout=120)
                status = ask(line, "POST", "/v1/locate", photos[0])
                line.close()
                if status == 503:
                    sent_away.append(time.perf_counter() - start)
                    time.sleep(0.2)
                else:
                    answered[0] += 1

        threads = [threading.Thread(target=client) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cuts = statistics.quantiles(sent_away, n=100) if len(sent_away) > 1 else [0.0] * 99
        counts = (str(answered[0]), str(len(sent_away)))
        table.add_row("16", *counts, f"{1000 * cuts[49]:.0f}", f"{1000 * cuts[98]:.0f}")
    CONSOLE.print(table)


def measure_memory(index: Path, photos: Sequence[bytes], requests: int) -> None:
    """Before, on the way, and after."""
    table = _table("Memory of a server", "requests", "MB, shared once", "MB of its own")
    with server(index, "--workers", "2", "--threads", "1") as (port, pid):
        for done in range(6):
            if done:
                lines = [HTTPConnection("127.0.0.1", port, timeout=120) for _ in range(2)]
                for turn in range(requests // 5):
                    for line in lines:
                        line.close()
                    ask(lines[turn % 2], "POST", "/v1/locate", photos[turn % len(photos)])
            whole, own = memory(pid)
            table.add_row("2 processes", str(done * (requests // 5)), f"{whole:.0f}", f"{own:.0f}")
    CONSOLE.print(table)


def _table(title: str, *figures: str) -> Table:
    table = Table("", title=title, title_justify="left")
    for name in figures:
        table.add_column(name, justify="right")
    return table


if __name__ == "__main__":
    main()
