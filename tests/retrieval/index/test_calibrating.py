"""A calibration is kept in the index, whatever happens to its photos."""

from pathlib import Path

import numpy as np
import pytest
from tiny import TinyModel, at_name, write_photo

from beenhere.errors import DataError
from beenhere.retrieval.index import Index

VALUES = {"plain": {"slope": [1.5, -2.0], "name": "Malmö"}, "fitted": {"queries": 40, "on": None}}


def test_it_is_kept_and_forgotten(index: Index) -> None:
    assert index.calibration is None
    reader = Index.open(index.path)
    index.set_calibration(VALUES)
    assert index.calibration == VALUES == Index.open(index.path).calibration
    assert reader.calibration is None
    assert index.check().damages == []
    index.set_calibration({"plain": 1})
    assert Index.open(index.path).calibration == {"plain": 1}
    assert len(list((index.path / "parts").glob("*.calibration.yaml"))) == 1
    index.set_calibration(None)
    assert index.calibration is None and index.manifest.calibration is None
    assert list((index.path / "parts").glob("*.calibration.yaml")) == []


def test_it_stays_when_photos_come_and_go(index: Index, model: TinyModel, tmp_path: Path) -> None:
    index.set_calibration(VALUES)
    write_photo(tmp_path / "more" / at_name(1, 2), 50)
    index.add(tmp_path / "more", model=model)
    index.remove(*index.photos.paths[:2])
    index.compact()
    assert index.calibration == VALUES and len(index) == 5
    assert index.manifest.calibration is not None and index.manifest.calibration.photos == 6
    assert index.check().damages == []


def test_numbers_that_are_no_plain_ones_are_refused(index: Index) -> None:
    with pytest.raises(DataError, match=r"a calibration holds .*float64.*; expected numbers"):
        index.set_calibration({"slope": np.float64(1.0)})
    assert index.calibration is None


def test_damage_is_named(index: Index) -> None:
    index.set_calibration(VALUES)
    (path,) = (index.path / "parts").glob("*.calibration.yaml")
    path.write_bytes(path.read_bytes().replace(b"1.5", b"1.4"))
    (damage,) = index.check().damages
    assert damage.startswith(f"{path} is damaged: its SHA-256")
    with pytest.raises(DataError, match=r"calibration.yaml is damaged"):
        print(Index.open(index.path).calibration)
