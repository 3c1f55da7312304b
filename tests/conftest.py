"""What every test shares: one thread a process, since several test processes run side by side."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from warm_python import WarmPython, keep_freed_memory

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a network
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles all modules again

keep_freed_memory()
settings.register_profile("any machine", deadline=None)  # slowness is no failure
settings.load_profile("any machine")

LONGEST = ("test_docs.py", "studies", "serve", "training", "cli")
"""Files and folders that run first, so that no process waits for them at the end."""

REAL_PHOTOS = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        first = item.path.relative_to(Path(__file__).parent).parts[0]
        return LONGEST.index(first) if first in LONGEST else len(LONGEST)

    items.sort(key=rank)


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """The folder of real photos that developers have beside the checkout, and users do not."""
    if not REAL_PHOTOS.is_dir():
        pytest.skip("needs the developers' real photos in ../shared/data")
    return REAL_PHOTOS


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with ``beenhere`` and ``python``; on Linux they start in no time."""
    if sys.platform != "linux":
        yield Path(sys.executable).parent
        return
    with WarmPython(tmp_path_factory.mktemp("warm")) as warm:
        yield warm.folder
