"""Writers of an index in Milvus, in processes of their own that are killed."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from index_writer import listed
from tiny import TinyModel

from beenhere.config.retrieval import IndexConfig
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.change import Change
from beenhere.retrieval.index.editing import build_index
from beenhere.retrieval.index.milvus import milvus_store
from beenhere.retrieval.index.milvus.collection import MilvusCollection

EXTRACT = {"batch_size": 3, "workers": 1, "precision": "32"}
STEPS = [(MilvusCollection, "put"), (MilvusCollection, "delete"), (Change, "commit")]

_processes = get_context("forkserver")
_processes.set_forkserver_preload(
    [
        "beenhere.retrieval.index.describing",
        "beenhere.retrieval.index.milvus.milvus_store",
        "pymilvus",
    ]
)


def build(root: Path, store: str) -> None:
    """An index of the photos in ``first``, a few at once."""
    milvus_store.PHOTOS_AT_ONCE = 4
    config = IndexConfig(store=store, extract=EXTRACT)
    build_index(root / "x.index", listed(root / "first"), TinyModel(), config)


def add(root: Path, store: str) -> None:
    """Add the photos in ``first`` and ``second``."""
    milvus_store.PHOTOS_AT_ONCE = 2
    index = Index.open(root / "x.index")
    index.add(listed(root / "first", root / "second"), model=TinyModel(), **EXTRACT)


def killed_after(action: Callable[[Path, str], None], root: Path, store: str, wait: float) -> bool:
    """Run an action, and kill it some seconds after it began; whether it still ran."""
    process = _start(action, root, store)
    process.join(wait)
    process.kill()
    return _died(process)


def seconds(action: Callable[[Path, str], None], root: Path, store: str) -> float:
    """Run an action to its end; how long it took."""
    process = _start(action, root, store)
    begin = time.monotonic()
    assert not _died(process)
    return time.monotonic() - begin


def dies_at(
    action: Callable[[Path, str], None], root: Path, store: str, moment: int, after: bool
) -> bool:
    """Run an action that kills itself at its so-manieth step; whether it got so far."""
    process = _processes.Process(target=_die, args=(action, root, store, moment, after))
    process.start()
    return _died(process)


def close_lite(path: Path) -> None:
    """Let another process have the database."""
    from milvus_lite.server_manager import server_manager_instance

    server_manager_instance.release_server(str(path))


def _start(action: Callable[[Path, str], None], root: Path, store: str) -> BaseProcess:
    """Run an action in a process; returns when it begins."""
    here, there = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_begin, args=(action, root, store, there))
    process.start()
    there.close()
    with suppress(EOFError):
        here.recv()
    here.close()
    return process


def _died(process: BaseProcess) -> bool:
    process.join()
    code = process.exitcode
    process.close()
    assert code in (0, -signal.SIGKILL), code
    return code == -signal.SIGKILL


def _begin(action: Callable[[Path, str], None], root: Path, store: str, begun: Connection) -> None:
    begun.send(None)
    action(root, store)


def _die(
    action: Callable[[Path, str], None], root: Path, store: str, moment: int, after: bool
) -> None:
    done = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **named: Any) -> None:
            nonlocal done
            done += 1
            if done == moment and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            function(*args, **named)
            if done == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        return counted

    for owner, name in STEPS:
        setattr(owner, name, deadly(getattr(owner, name)))
    action(root, store)
