"""What every test shares: one thread a process, since several test processes run side by side."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright
from warm_python import WarmPython, keep_freed_memory

os.environ["OMP_NUM_THREADS"] = "1"
# Where a test takes more threads all the same: what waits sleeps, as in `beenhere serve`.
os.environ |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "OPENBLAS_NUM_THREADS": "1"}
os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a network
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles all modules again

keep_freed_memory()
settings.register_profile("any machine", deadline=None)  # slowness is no failure
settings.load_profile("any machine")

LONGEST = ("test_docs.py", "studies", "serve", "training", "cli")
"""Files and folders that run first, so that no process waits for them at the end."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

REAL_PHOTOS = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        first = item.path.relative_to(Path(__file__).parent).parts[0]
        return LONGEST.index(first) if first in LONGEST else len(LONGEST)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    # What was imported stays: without this, looking through it takes a twentieth of the run.
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Gives the folder of a disk of so many bytes, such as ``"256k"``."""
    folder = tmp_path / "disk"

    def mounted(size: str) -> Path:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("needs the command mount")
        if done.returncode:
            pytest.skip(f"may not mount a small disk: {done.stderr.strip()}")
        return folder

    yield mounted
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program)
        yield started
        started.close()
