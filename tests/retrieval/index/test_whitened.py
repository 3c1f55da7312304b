"""Whitening is learned on the index's own photos, and applied to all that is kept or asked."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TinyModel, at_name, write_photo

from beenhere.config.evaluation import ExtractConfig
from beenhere.errors import DataError
from beenhere.photos.formats import read_photos
from beenhere.retrieval.extract import extract
from beenhere.retrieval.index import Index
from beenhere.retrieval.index.change import changing

PRECISION = {"precision": "32"}
DIM, POWER = 4, 0.5


@pytest.fixture
def whitened(photos: Path, model: TinyModel, tmp_path: Path) -> Index:
    options = {"whitening": {"dim": DIM, "power": POWER}, "extract": PRECISION}
    return Index.build(photos, model, tmp_path / "w.index", **options)


def described(model: TinyModel, photos: Path) -> NDArray[np.float32]:
    table = read_photos(photos)
    return extract(model, table, ExtractConfig(precision="32"), None, None).vectors


def naive(learned_on: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """By the definition, in float64; signs as the largest number of a direction has them."""
    database = learned_on.astype(np.float64)
    mean = database.mean(axis=0)
    covariance = sum(np.outer(row - mean, row - mean) for row in database) / len(database)
    variances, directions = np.linalg.eigh(covariance)
    projected = np.empty((len(vectors), DIM))
    for number in range(DIM):
        direction = directions[:, -1 - number]
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        weight = variances[-1 - number] ** (-POWER / 2)
        projected[:, number] = [(row - mean) @ direction * weight for row in vectors.astype(float)]
    return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def test_descriptors_and_queries_go_through_it(
    whitened: Index, model: TinyModel, photos: Path, tmp_path: Path
) -> None:
    known = described(model, photos)
    index = Index.open(whitened.path)
    assert (index.manifest.dim, index.manifest.model.dim) == (DIM, 48)
    assert index.manifest.whitening is not None and index.manifest.whitening.photos == 6
    kept = index.segments[0].floats(0, 6)
    wanted = naive(known, known)
    assert np.allclose(kept, wanted, atol=1e-5)
    for number in range(3):
        write_photo(tmp_path / "asked" / at_name(1, number), 90 + number)
    asked = described(model, tmp_path / "asked")
    matches = index.search(asked, 6)
    products = naive(known, asked) @ wanted.T
    assert np.array_equal(matches.rows, np.argsort(-products, axis=1))
    assert np.allclose(matches.similarity, -np.sort(-products, axis=1), atol=1e-5)
    with pytest.raises(DataError, match=r"expected \(queries, 48\)"):
        index.search(kept, 2)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_photos_added_later_are_projected_as_the_first(
    photos: Path, model: TinyModel, tmp_path: Path, dtype: str
) -> None:
    first = described(model, photos)
    options = {"whitening": {"dim": DIM, "power": POWER}, "dtype": dtype, "extract": PRECISION}
    index = Index.build(photos, model, tmp_path / "w.index", **options)
    for number in range(9):
        write_photo(tmp_path / "more" / at_name(1, number), 50 + number)
    index.add(tmp_path / "more", model=model)
    index.remove(index.photos.paths[0])
    index.compact()
    later = described(model, tmp_path / "more")
    (segment,) = index.segments
    wanted = naive(first, np.concatenate([first[1:], later]))
    tolerance = {"float32": 1e-5, "float16": 1e-3, "int8": 6e-3}[dtype]
    assert np.allclose(segment.floats(0, 14), wanted, atol=tolerance)
    assert index.check().damages == []
    assert index.manifest.whitening is not None and index.manifest.whitening.photos == 6


def test_built_again_it_must_be_the_same(
    whitened: Index, index: Index, photos: Path, model: TinyModel
) -> None:
    options = {"whitening": {"dim": DIM, "power": POWER}, "extract": PRECISION}
    assert Index.build(photos, model, whitened.path, **options).manifest == whitened.manifest
    with pytest.raises(DataError, match=r"whitened to 4 numbers by the power 0.5, not without"):
        Index.build(photos, model, whitened.path, whitening="none", extract=PRECISION)
    same = Index.build(photos, model, whitened.path, extract=PRECISION)  # as it is there
    assert same.manifest == whitened.manifest
    with pytest.raises(DataError, match="without whitening, not whitened to 4"):
        Index.build(photos, model, index.path, **options)


def test_too_few_photos_are_said_before_anything_is_computed(
    photos: Path, model: TinyModel, tmp_path: Path
) -> None:
    for dim, reason in ((6, "from 6 photos"), (49, "have 48; expected")):
        with pytest.raises(DataError, match=reason):
            Index.build(photos, model, tmp_path / "w.index", whitening={"dim": dim})
    one = read_photos(photos).rows(np.arange(1))
    with pytest.raises(DataError, match="whitening is to be learned from 1 photo; expected 2 or"):
        Index.build(one, model, tmp_path / "w.index", whitening="half")
    assert model.shapes == []
    for path in photos.iterdir():
        path.write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"learned from 0 descriptors"):
        Index.build(photos, model, tmp_path / "w.index", whitening={"dim": 2})
    assert not (tmp_path / "w.index" / "index.yaml").exists()


def test_damage_is_named(whitened: Index, model: TinyModel, photos: Path) -> None:
    (path,) = (whitened.path / "parts").glob("*.whitening.safetensors")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert [str(path) in damage for damage in whitened.check().damages] == [True]
    index = Index.open(whitened.path)
    with pytest.raises(DataError, match=r"whitening.safetensors is damaged"):
        index.search(described(model, photos), 2)


def test_another_shape_than_the_descriptors(whitened: Index, tmp_path: Path) -> None:
    with changing(whitened.path, 0) as change:
        learned = change.manifest.whitening
        assert learned is not None
        five = learned.options.model_copy(update={"dim": 5})
        change._manifest = change.manifest.model_copy(
            update={"whitening": learned.model_copy(update={"options": five}), "segments": ()}
        )
        change.commit_photos([], np.empty(0, np.int64), {})
    (damage,) = whitened.check().damages
    assert damage.endswith("a whitening from 48 to 4 numbers; expected from 48 to 5")
