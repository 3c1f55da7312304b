"""``beenhere`` is the warm one where a test of the command line starts it by name.

A process of Python's own, which first imports torch, takes seconds: test_app.py and
test_streams.py start such.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _warm_beenhere(warm_python: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{warm_python}{os.pathsep}{os.environ['PATH']}")
        yield
