"""Lists of pairs and HDF5 files, as hloc and COLMAP read and write them."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pycolmap
import pytest
from tiny import TinyModel, write_photo

from beenhere.errors import DataError, ModelError
from beenhere.photos.formats import read_photos
from beenhere.retrieval.hloc import (
    GlobalDescriptors,
    check_listable,
    common_folder,
    names_from,
    write_descriptors,
    write_pairs,
)
from beenhere.retrieval.index import Index
from beenhere.retrieval.pairs import kept_descriptors

PRECISION = {"precision": "32"}


@pytest.fixture
def model() -> TinyModel:
    return TinyModel()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(6):
        write_photo(tmp_path / f"images/cam {number % 2}/{number}.png", number)
    return tmp_path / "images"


@pytest.fixture
def index(photos: Path, model: Any) -> Index:
    table = read_photos(photos)
    return Index.build(table, model, photos.parent / "x.index", extract=PRECISION)


def write_of(index: Index, file: Path, root: Path, dtype: Any = "float16") -> None:
    described, attributes = kept_descriptors(index)
    write_descriptors(file, ((names_from(root, p), v) for p, v in described), attributes, dtype)


def read_as_hloc(file: Path) -> dict[str, np.ndarray[Any, Any]]:
    """What hloc's list_h5_names finds, each read as its pairs_from_retrieval does."""
    with h5py.File(str(file), "r") as opened:
        names: set[str] = set()

        def visit(_: str, found: Any) -> None:
            if isinstance(found, h5py.Dataset):
                names.add(found.parent.name.strip("/"))

        opened.visititems(visit)
        return {name: opened[name]["global_descriptor"].__array__() for name in names}


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_hloc_reads_the_descriptors(index: Index, photos: Path, dtype: str) -> None:
    index.remove(photos / "cam 1/5.png")
    write_of(index, photos / "d.h5", photos.parent, dtype)
    found = read_as_hloc(photos / "d.h5")
    assert sorted(found) == [f"images/cam {number % 2}/{number}.png" for number in (0, 2, 4, 1, 3)]
    for row, path in enumerate(index.photos.paths):
        if path.endswith("5.png"):
            continue
        got = found[Path(path).relative_to(photos.parent).as_posix()]
        assert got.dtype == dtype and got.shape == (48,)
        np.testing.assert_array_equal(got, index.segments[0].values[row].astype(dtype))


def test_an_index_from_hloc_s_file_computes_a_sample_alone(photos: Path, model: Any) -> None:
    for number in range(6, 60):
        write_photo(photos / f"{number}.png", number)
    table = read_photos(photos)
    plain = Index.build(table, model, photos.parent / "plain.index", extract=PRECISION)
    paths = [path for path in plain.photos.paths if not path.endswith("/59.png")]
    with h5py.File(photos.parent / "d.h5", "w") as file:  # as hloc's extract_features does
        vectors = index_vectors(plain)
        for path in paths:
            group = file.create_group(Path(path).relative_to(photos).as_posix())
            group.create_dataset("global_descriptor", data=3 * vectors[path].astype(np.float16))
            group.create_dataset("image_size", data=np.array([32, 32]))
    model.shapes.clear()
    given = GlobalDescriptors(photos.parent / "d.h5", photos)
    made = Index.build(table, model, photos.parent / "h.index", extract=PRECISION, described=given)
    computed = sum(shape[0] for shape in model.shapes)
    assert given.found == 59 and len(made) == 60
    assert 8 + 1 <= computed < 16  # the sample, the one that is missing, and folding's tries
    for path, vector in index_vectors(made).items():
        assert vector @ vectors[path] > 0.999999 and abs(np.linalg.norm(vector) - 1) < 1e-6


def index_vectors(index: Index) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    vectors = np.concatenate([each.values for each in index.segments])
    return dict(zip(index.photos.paths, vectors, strict=True))


def test_add_takes_them_too(index: Index, photos: Path, model: Any) -> None:
    for number in range(3):
        write_photo(photos / f"more/{number}.png", 20 + number)
    table = read_photos(photos / "more")
    other = Index.build(table, model, photos.parent / "y.index", extract=PRECISION)
    write_of(other, photos.parent / "d.h5", photos)
    given = GlobalDescriptors(photos.parent / "d.h5", photos)
    added = index.add(table, model=model, described=given, **PRECISION)
    assert (added.new, given.found) == (3, 3)
    assert index.add(table, model=model, described=given, **PRECISION).unchanged == 3


def test_descriptors_of_another_model_are_refused(index: Index, photos: Path, model: Any) -> None:
    for number in range(3):
        write_photo(photos / f"more/{number}.png", 20 + number)
    table, file = read_photos(photos / "more"), photos.parent / "d.h5"

    def refused(message: str, error: type[Exception] = ModelError, root: Path = photos) -> None:
        with pytest.raises(error, match=message):
            given = GlobalDescriptors(file, root)
            index.add(table, model=model, described=given, **PRECISION)
        assert len(index.refreshed()) == 6

    good = Index.open(index.path, model).describe(table).vectors

    def write(vectors: Any, **attributes: Any) -> None:
        names = [f"more/{number}.png" for number in range(len(vectors))]
        write_descriptors(file, [(names, np.asarray(vectors, np.float32))], attributes, "float32")

    write(np.roll(good, 1, axis=0))
    refused(r"d.h5 holds other descriptors than the model gives: .*more/\d.png, described again")
    write(good[:, :40])
    refused(r"more/0.png/global_descriptor is 'f' of shape \(40,\); expected floats", DataError)
    write(good * [[1], [0], [1]])
    refused("more/1.png/global_descriptor has length 0; expected a descriptor", DataError)
    write(good, beenhere_model="another")
    refused("d.h5 holds descriptors of the model another, and the index those of")
    write(good, beenhere_precision="bf16")
    refused("d.h5 holds descriptors of the precision bf16, and the index those of 32")
    write(good, beenhere_whitened=True)
    refused("d.h5 holds whitened descriptors, which fit the index alone")
    write(good)
    refused("no descriptor of 0.png, nor of another of the photos", DataError, photos / "more")
    refused("more/0.png lies outside of", DataError, photos / "cam 0")
    file.write_text("no HDF5")
    refused("d.h5 cannot be read .*; expected an HDF5 file of hloc's", DataError)
    write(good)
    given = GlobalDescriptors(file, photos)
    assert index.add(table, model=model, described=given, **PRECISION).new == 3


def test_hloc_and_colmap_read_the_pairs(tmp_path: Path) -> None:
    names = ["cam0/1.jpg", "cam0/2.jpg", "b.jpg"]
    for name in names:
        write_photo(tmp_path / "images" / name, 1)
    pairs = [(np.array([0, 1]), np.array([1, 2])), (np.array([2]), np.array([0]))]
    with (tmp_path / "pairs.txt").open("w") as file:
        assert write_pairs(file, pairs, names, names) == 3

    retrieval = defaultdict(list)  # as hloc's parse_retrieval does
    for line in (tmp_path / "pairs.txt").read_text().rstrip("\n").split("\n"):
        query, database = line.split()
        retrieval[query].append(database)
    assert retrieval == {names[0]: [names[1]], names[1]: [names[2]], names[2]: [names[0]]}

    with pycolmap.Database.open(str(tmp_path / "colmap.db")) as database:
        camera = pycolmap.Camera.create_from_model_name(1, "SIMPLE_PINHOLE", 30.0, 32, 32)
        camera_id = database.write_camera(camera)
        number = {
            database.write_image(pycolmap.Image(name=name, camera_id=camera_id)): name
            for name in names
        }
        options = pycolmap.ImportedPairingOptions(match_list_path=str(tmp_path / "pairs.txt"))
        found = pycolmap.ImportedPairGenerator(options, database).all_pairs()
    expected = {frozenset((names[a], names[b])) for a, b in ((0, 1), (1, 2), (2, 0))}
    assert {frozenset((number[a], number[b])) for a, b in found} == expected


def test_a_name_stands_for_one_photo(tmp_path: Path) -> None:
    vectors = np.eye(2, dtype=np.float32)
    with pytest.raises(DataError, match=r"a.png cannot be written .*: two photos of that name"):
        write_descriptors(tmp_path / "d.h5", [(["a.png", "a.png"], vectors)], {}, "float16")


def test_names_from_a_root(tmp_path: Path) -> None:
    write_photo(tmp_path / "disk/a.png", 1)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/cam").symlink_to(tmp_path / "disk")
    (tmp_path / "way").symlink_to(tmp_path / "root")
    there = str(tmp_path / "root/cam/a.png")
    assert names_from(tmp_path / "root", [there]) == ["cam/a.png"]
    assert names_from(tmp_path / "way", [str(tmp_path / "root/b.png")]) == ["b.png"]
    with pytest.raises(DataError, match=r"disk/a.png lies outside of .*root \(1 such photo\)"):
        names_from(tmp_path / "root", [there, str(tmp_path / "disk/a.png")])
    assert common_folder([there, str(tmp_path / "root/b.png")]) == tmp_path / "root"
    for name in ("my photo.jpg", "a\tb.jpg", "#1.jpg"):
        with pytest.raises(DataError, match=r"cannot stand in a list of pairs.*1 such photo"):
            check_listable(["good.jpg", name])
