"""A small index that each test may change."""

from pathlib import Path

import pytest
from tiny import TinyModel, at_name, write_photo

from beenhere.photos.formats import read_photos
from beenhere.retrieval.index import Index

PRECISION = {"precision": "32"}


@pytest.fixture
def model() -> TinyModel:
    return TinyModel()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos, 10 m apart."""
    folder = tmp_path / "photos"
    for number in range(6):
        write_photo(folder / at_name(500_000 + 10 * number, 4_100_000), number)
    return folder


@pytest.fixture
def index(photos: Path, model: TinyModel, tmp_path: Path) -> Index:
    """Of the six photos."""
    table = read_photos(photos)
    return Index.build(table, model, tmp_path / "x.index", extract=PRECISION)
