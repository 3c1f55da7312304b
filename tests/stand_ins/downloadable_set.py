"""A small published set with its archive, and processes that get it and may be killed.

Processes are forked from one that has imported everything, so that each costs milliseconds.
"""

import multiprocessing
import os
import random
import signal
import zipfile
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import urllib3

from beenhere.files import atomic
from beenhere.photos.acquire.get_set import get_set
from beenhere.photos.acquire.sources import FileResponse
from beenhere.photos.acquire.unpack import Unpacker
from beenhere.photos.catalog import NamedProtocol, NamedSet, RemoteFile

DATABASE, QUERIES = 5, 3
LICENCE = random.Random(0).randbytes(1_000_000)
"""So long that a download takes several reads."""
QUICK: dict[str, Any] = {
    "retry": urllib3.Retry(total=2, backoff_factor=0.001),
    "timeout": (2, 0.5),
}

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["beenhere.photos.acquire.get_set"])


def town(*files: RemoteFile, **facts: Any) -> NamedSet:
    """What the catalogue says of the set."""
    protocol = NamedProtocol(
        about="a test", threshold=25, split="val", database=DATABASE, queries=QUERIES
    )
    said: dict[str, Any] = {
        "name": "town",
        "title": "Town",
        "about": "a few streets",
        "purpose": ("val",),
        "licence": "CC BY",
        "commercial": "allowed",
        "paper": "none",
        "page": "http://town.test/",
        "files": files,
        "steps": "Write to the mayor.",
        "layouts": (("val/database", "val/queries"),),
        "protocols": {"val": protocol},
    }
    return NamedSet(**said | facts)


def write_town(folder: Path) -> Path:
    """The set's photos, as its authors have them."""
    from camera import write_photo

    for split, count, shift in (("database", DATABASE, 0), ("queries", QUERIES, 3)):
        for number in range(count):
            name = f"@{500_000 + 10 * number + shift}@4100000@10@S@@@@@{number}@@@@201507@@.jpg"
            write_photo(folder / "val" / split / name, size=(30, 40))
    return folder


def pack(folder: Path, archive: Path, inside: str = "town-v2") -> bytes:
    """A zip of a folder, with a licence beside it; its bytes."""
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(f"{inside}/LICENSE".lstrip("/"), LICENCE)
        for path in sorted(folder.rglob("*.jpg")):
            opened.write(path, f"{inside}/data/{path.relative_to(folder)}".lstrip("/"))
    return archive.read_bytes()


def _die_after(calls: int, function: Callable[..., Any]) -> Callable[..., Any]:
    left = calls

    def dying(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*arguments, **options)

    return dying


def getting(url: str, to: Path, where: str = "") -> BaseProcess:
    """A process that gets the set, and is killed where that is said; it has been started."""
    process = _processes.Process(target=_get, args=(url, to, where))
    process.start()
    return process


def _get(url: str, to: Path, where: str) -> None:
    if where == "downloading":
        FileResponse._read = _die_after(2, FileResponse._read)  # type: ignore[method-assign]
    elif where == "unpacking":
        Unpacker.write = _die_after(4, Unpacker.write)  # type: ignore[method-assign]
    elif where == "before the name":
        os.sync = _die_after(0, os.sync)  # type: ignore[assignment]
    elif where == "after the name":
        sync = atomic.sync_folder
        atomic.sync_folder = lambda folder: (
            _die_after(0, sync)() if (folder / "town").exists() else sync(folder)
        )
    get_set(town(RemoteFile(name="town.zip", url=url)), to, **QUICK)
