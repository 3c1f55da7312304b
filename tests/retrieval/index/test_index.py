"""The index as people use it: build, open, search."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import TinyModel, at_name, write_photo

import beenhere
from beenhere import geo
from beenhere.config.evaluation import ExtractConfig
from beenhere.config.models import ModelConfig
from beenhere.errors import ConfigError, DataError, ModelError
from beenhere.models import load_model, save_checkpoint
from beenhere.models.model import VPRModel
from beenhere.photos.formats import read_photos
from beenhere.photos.table import PhotoTable
from beenhere.retrieval.extract import extract
from beenhere.retrieval.index import Index
from beenhere.retrieval.search.filters import Filter

PRECISION = {"precision": "32"}


def described(model: TinyModel, photos: Path) -> np.ndarray:
    table = read_photos(photos)
    return extract(model, table, ExtractConfig(precision="32"), None, None).vectors


def test_photos_are_found_again(index: Index, model: TinyModel, photos: Path) -> None:
    queries = described(model, photos)
    again = beenhere.Index.open(index.path)
    assert len(again) == 6 and repr(again).endswith("6 photos, float32)")
    assert again.photos.paths == read_photos(photos).paths
    assert again.photos.frame["easting"].to_list() == [500_000 + 10 * n for n in range(6)]
    matches = again.search(queries, k=3)
    naive = queries.astype(np.float64) @ queries.T.astype(np.float64)
    assert np.array_equal(matches.rows, np.argsort(-naive, axis=1)[:, :3])
    assert np.allclose(matches.similarity, -np.sort(-naive, axis=1)[:, :3], atol=1e-6)
    assert matches.paths(4)[0] == again.photos.paths[4] == matches.photos.paths[4]


def test_relative_paths_are_kept_absolute(
    photos: Path, model: TinyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    index = Index.build("photos", model, "y.index")
    assert index.photos.paths == [str(path) for path in sorted(photos.iterdir())]


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_fewer_bytes_cost_no_more_than_their_rounding(
    index: Index, model: TinyModel, photos: Path, tmp_path: Path, dtype: str
) -> None:
    small = Index.build(photos, model, tmp_path / "small", dtype=dtype, extract=PRECISION)
    queries = described(model, photos)
    exact, near = index.search(queries, 6), small.search(queries, 6)
    by_row = np.take_along_axis(near.similarity, np.argsort(near.rows, axis=1), axis=1)
    wanted = np.take_along_axis(exact.similarity, np.argsort(exact.rows, axis=1), axis=1)
    # float16 rounds a number by 2^-11 of it at most, so a unit vector by a vector of that length;
    # int8 each of D numbers by half a step, max|v| / 254. Both bound the product with a unit query.
    largest = np.abs(index.segments[0].values).max(axis=1)
    bound = 2.0**-11 if dtype == "float16" else largest * np.sqrt(48) / 254
    assert (np.abs(by_row - wanted) <= bound + 1e-6).all()
    assert not np.array_equal(by_row, wanted)
    assert small.manifest.bytes < index.manifest.bytes
    assert small.check().damages == []


def test_more_than_there_is(index: Index, model: TinyModel, photos: Path) -> None:
    index.remove(*index.photos.paths[1:])
    matches = index.search(described(model, photos), k=4)
    assert (matches.rows[:, 0] == 0).all() and (matches.rows[:, 1:] == -1).all()
    assert (
        np.isnan(matches.similarity[:, 1:]).all() and not np.isnan(matches.similarity[:, 0]).any()
    )
    assert matches.paths(3) == index.photos.paths[:1]


def test_an_empty_index(index: Index, model: TinyModel, photos: Path) -> None:
    queries = described(model, photos)
    index.remove(photos)
    for _ in range(2):
        assert len(index) == 0 and index.check().damages == []
        matches = index.search(queries, k=2)
        assert (matches.rows == -1).all() and np.isnan(matches.similarity).all()
        assert matches.paths(0) == []
        index.compact()
    assert len(index.photos) == 0 and index.segments == ()
    assert index.add(photos, model=model).new == 6 and len(index) == 6


def test_the_command_and_the_function_have_the_same_defaults(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    built = Index.build(photos)
    assert built.path == Path(f"{photos.name}.index")
    assert built.manifest.model.fingerprint == load_model("offline-lite0").fingerprint()
    with pytest.raises(DataError, match="have no name; give a path"):
        Index.build([np.zeros((64, 64, 3), np.uint8)], table={"path": ["a"]})


def test_nothing_but_unreadable_photos(index: Index, tmp_path: Path, model: TinyModel) -> None:
    bad = tmp_path / "bad" / at_name(1, 2)
    bad.parent.mkdir()
    bad.write_bytes(b"no photo")
    reason = f"none of 1 photo can be read, such as {bad} .not a photo: a text file."
    with pytest.raises(DataError, match=reason):
        Index.build(tmp_path / "bad", model, tmp_path / "y.index")
    assert not (tmp_path / "y.index").exists()
    before = index.manifest
    reason = reason.replace("$", "") + "; the index is as it was"
    with pytest.raises(DataError, match=reason):
        index.add(tmp_path / "bad", model=model)
    index.refresh()
    assert index.manifest == before and not index.unreadable
    write_photo(tmp_path / "bad" / at_name(3, 4), 3)
    assert index.add(tmp_path / "bad", model=model).new == 1  # one of two will do
    assert list(index.unreadable) == [str(bad)]


def test_only_what_lies_near(index: Index, model: TinyModel, photos: Path) -> None:
    lat, lon = index.photos.frame.select("lat", "lon").row(5)
    index.remove(index.photos.paths[4])
    where = Filter(near=(lat, lon), radius=25)
    found = index.search(described(model, photos), 3, where)
    assert (np.sort(found.rows, axis=1) == [-1, 3, 5]).all()


@pytest.mark.parametrize(
    ("shape", "k", "expected"),
    [((2, 47), 3, r"expected \(queries, 48\)"), ((48,), 3, "expected"), ((2, 48), 0, "k is 0")],
)
def test_queries_that_cannot_be_searched(
    index: Index, shape: tuple[int, ...], k: int, expected: str
) -> None:
    with pytest.raises(DataError, match=expected):
        index.search(np.ones(shape, np.float32), k)


def test_a_condition_that_is_none(index: Index) -> None:
    with pytest.raises(ConfigError, match=r"^where is 5; expected a .*Filter"):
        index.search(np.ones((1, 48), np.float32), 1, where=5)  # type: ignore[arg-type]


def test_building_again_does_nothing(index: Index, model: TinyModel, photos: Path) -> None:
    files = {path: path.stat().st_mtime_ns for path in index.path.rglob("*.*")}
    (photos / at_name(1, 2)).write_bytes(b"no photo")
    index.add(photos, model=model)
    before = index.manifest
    shapes = len(model.shapes)
    again = Index.build(photos, model, index.path, extract=PRECISION)
    assert again.manifest == before and len(model.shapes) == shapes
    assert files.keys() <= set(index.path.rglob("*.*"))


def test_an_index_of_something_else_stays(
    index: Index, model: TinyModel, photos: Path, tmp_path: Path
) -> None:
    other = TinyModel(interpolation="bicubic")
    with pytest.raises(ModelError, match=f"{model.fingerprint()[:16]}.*{other.fingerprint()[:16]}"):
        Index.build(photos, other, index.path)
    with pytest.raises(DataError, match="in float32, not int8; give another folder"):
        Index.build(photos, model, index.path, dtype="int8")
    write_photo(photos / at_name(1, 2), 77)
    with pytest.raises(DataError, match=r"6 photos already.*beenhere index add"):
        Index.build(photos, model, index.path)
    with pytest.raises(DataError, match="holds other things"):
        Index.build(photos, model, photos)
    with pytest.raises(DataError, match="is a file"):
        Index.build(photos, model, photos / at_name(1, 2))
    index.refresh()
    assert len(index) == 6 and index.check().damages == []


def test_another_model_is_refused(index: Index, model: TinyModel, photos: Path) -> None:
    index.check_model(model)
    other = TinyModel(interpolation="bicubic")
    for call in (lambda: index.check_model(other), lambda: index.add(photos, model=other)):
        with pytest.raises(
            ModelError, match=f"{model.fingerprint()[:16]}.*{other.fingerprint()[:16]}"
        ):
            call()


def test_the_model_comes_with_the_index(photos: Path, tmp_path: Path) -> None:
    config = ModelConfig.model_validate(
        {
            "backbone": {"name": "resnet18", "pretrained": False, "crop": 3},
            "aggregator": {"name": "gem"},
            "preprocessing": {"image_size": (32, 32)},
        }
    )
    save_checkpoint(VPRModel(config), tmp_path / "trained", {"epochs": 3})
    index = Index.build(photos, tmp_path / "trained", tmp_path / "y.index", extract=PRECISION)
    (tmp_path / "trained").rename(tmp_path / "gone")
    again = Index.open(index.path)
    model = again.model("cpu")
    assert model is again.model("cpu") and model.fingerprint() == again.manifest.model.fingerprint
    assert again.manifest.model.provenance["epochs"] == 3
    assert again.manifest.model.provenance["model"] == str(tmp_path / "trained")
    write_photo(photos / at_name(1, 2), 77)
    assert again.add(photos).new == 1
    # Nobody has given another model: whatever loading makes of a flipped bit, the file is named.
    for name in ("model.safetensors", "model.yaml"):
        file = index.path / "model" / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-2] + bytes([whole[-2] ^ 4]) + whole[-1:])
        with pytest.raises(ModelError, match=rf"{name} is damaged: its SHA-256 is .*; bring back"):
            Index.open(index.path).model("cpu")
        file.write_bytes(whole)


def test_a_photo_in_two_rows(photos: Path, model: TinyModel, tmp_path: Path) -> None:
    path = str(next(photos.iterdir()))
    table = PhotoTable.from_columns({"path": [path, path]})
    with pytest.raises(DataError, match="more than one row"):
        Index.build(table, model, tmp_path / "y.index")


def test_another_precision_is_refused(index: Index, model: TinyModel, photos: Path) -> None:
    with pytest.raises(ConfigError, match="were computed in 32"):
        index.add(photos, model=model, precision="bf16")


def test_no_index_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist; make one: beenhere index build"):
        Index.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no index; make one"):
        Index.open(tmp_path)
    (tmp_path / "index.yaml").write_text("a: 1\n")
    with pytest.raises(DataError, match="not an index of this program"):
        Index.open(tmp_path)


def test_opening_imports_no_torch(index: Index) -> None:
    code = (
        "import sys; from beenhere.retrieval.index import Index; "
        f"print(len(Index.open({str(index.path)!r}).photos), 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["6", "False"]


def test_whether_photos_lie_near(index: Index) -> None:
    metres = np.array([500_000.0, 500_012.0, 500_016.0, 500_050.0, 500_056.0])
    lat, lon = geo.to_wgs84(metres, np.full(5, 4_100_000.0), np.full(5, 10))
    positions = geo.positions([*lat, np.nan], [*lon, np.nan])
    assert index.covers(positions, 5.0).tolist() == [True, True, True, True, False, False]
    assert index.covers(positions, 3.0).tolist() == [True, True, False, True, False, False]
    removed = [path for path in index.photos.paths if "@500050" in path]
    index.remove(*removed)
    assert index.covers(positions, 5.0).tolist() == [True, True, True, False, False, False]
    assert index.covers(positions[np.arange(0)], 5.0).shape == (0,)


@pytest.mark.parametrize(
    "values",
    [
        {"a": (1, 2)},
        {"a": "half \udcff"},
        {"a": np.float32(1)},
        {"a": 10**5000},
        {"a": object()},
        [1, 2],
        "text",
        5,
    ],
    ids=["tuple", "half", "numpy", "long", "object", "list", "text", "number"],
)
def test_a_calibration_that_would_come_back_as_another(index: Index, values: Any) -> None:
    index.set_calibration({"threshold": 0.5})
    with pytest.raises(DataError, match=r"a calibration (is|holds) ") as found:
        index.set_calibration(values)
    assert len(str(found.value)) < 400
    assert Index.open(index.path).calibration == {"threshold": 0.5}


def test_a_calibration_comes_back_as_it_was(index: Index) -> None:
    values = {
        "a": [1, 2.5, 1e-300, float("inf"), None, True],
        "é\x1b\n": {"b": "0x_", "2001-01-01": ""},
    }
    index.set_calibration(values)
    assert Index.open(index.path).calibration == values
