"""What every test shares: one thread a process, since several test processes run side by side."""

import os
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a network

REAL_PHOTOS = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """The folder of real photos that developers have beside the checkout, and users do not."""
    if not REAL_PHOTOS.is_dir():
        pytest.skip("needs the developers' real photos in ../shared/data")
    return REAL_PHOTOS
