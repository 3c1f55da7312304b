"""A process that was forked after a search ends, with the answer or with what to do."""

import multiprocessing
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from tiny import TinyModel

from beenhere import devices
from beenhere.errors import BeenhereError
from beenhere.retrieval.index import Index

QUERY = np.eye(1, 48, dtype=np.float32)


def ask(path: Path, photos: Path, says: Connection) -> None:
    for use in (
        lambda: Index.open(path).search(QUERY, 1),
        lambda: Index.open(path, TinyModel()).describe(photos),
        lambda: Index.open(path).photos,
    ):
        try:
            says.send(str(use()))
        except BeenhereError as error:
            says.send(str(error))


def test_a_fork_says_what_to_do(
    index: Index, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_threads_of", None)
    index.search(QUERY, 1)
    here, there = multiprocessing.Pipe(duplex=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, of threads in a process that forks
        child = multiprocessing.get_context("fork").Process(
            target=ask, args=(index.path, photos, there)
        )
        child.start()
    try:
        for _ in range(3):
            assert here.poll(60), "it waits for ever"
            assert "start it by multiprocessing.get_context('spawn')" in here.recv()
    finally:
        child.kill()
        child.join()
    assert index.search(QUERY, 1).rows.shape == (1, 1)
